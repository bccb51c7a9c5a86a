"""Embeddings of texts that come again, computed once for each model."""

import threading
from collections.abc import Sequence

import numpy as np

from search.encoders.base import Embeddings, Encoder

_MOST_TEXTS = 20_000
"""Bounds the memory: 20 MB with 256 dims, 80 MB with 1,024."""

_known: dict[tuple[str, str], Embeddings] = {}
_lock = threading.Lock()


def embed_known(encoder: Encoder, texts: Sequence[str]) -> Embeddings:
    """As `encoder.encode_texts`, `(n, dim) float32`; what was asked before comes from memory.

    For texts that come again: those of a vocabulary, alone or with the noun of a query. The memory
    is shared by all encoders of one model identity, and is emptied when it is full.
    """
    model = encoder.identity.fingerprint
    with _lock:
        found = {text: _known[model, text] for text in texts if (model, text) in _known}
    missing = [text for text in dict.fromkeys(texts) if text not in found]
    if missing:
        found |= dict(zip(missing, encoder.encode_texts(missing)))
        _keep(model, {text: found[text] for text in missing})
    return np.stack([found[text] for text in texts])


def _keep(model: str, embeddings: dict[str, Embeddings]) -> None:
    with _lock:
        if len(embeddings) > _MOST_TEXTS:
            return
        if len(_known) + len(embeddings) > _MOST_TEXTS:
            _known.clear()
        _known.update({(model, text): row.copy() for text, row in embeddings.items()})
