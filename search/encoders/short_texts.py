"""Texts through a text tower, no further than the longest of them reaches.

Tokenizers fill texts up to the context (77 tokens in CLIP), and queries have five or ten. Where no
token sees those after it and the embedding is taken at the end mark, what comes after the end mark
changes nothing: a tower that is given less of it makes the same embedding with less work.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import Linear

_STEP = 8
"""Lengths are multiples of it: fewer of them have to be prepared for."""


@dataclass(frozen=True, slots=True)
class _Tower:
    """The parts of a text tower, and the id of its end mark; None where that is the highest."""

    parts: Any
    eos_id: int | None


def text_features(model: Any, tokens: Tensor) -> Tensor:
    """As `model.encode_text(tokens)`, `(n, dim)`, not normalised; `model` is one of open_clip's.

    Towers that read a text in both directions, or end otherwise, get the whole context.
    """
    tower = _one_way_tower(model)
    if tower is None or not len(tokens):
        return cast(Tensor, model.encode_text(tokens))
    # The end mark is the highest id, or the first of its own.
    marked = tokens if tower.eos_id is None else tokens.eq(tower.eos_id).int()
    marks = marked.argmax(dim=-1)
    length = -(-(int(marks.max()) + 1) // _STEP) * _STEP
    read = tokens[:, :length]
    parts, length = tower.parts, read.shape[1]
    dtype = parts.transformer.get_cast_dtype()
    x = parts.token_embedding(read).to(dtype) + parts.positional_embedding[:length].to(dtype)
    x = parts.transformer(x, attn_mask=parts.attn_mask[:length, :length])
    x = parts.ln_final(x)
    ends = x[torch.arange(len(x), device=x.device), marks]
    projection = parts.text_projection
    if projection is None:
        return cast(Tensor, ends)
    return cast(Tensor, projection(ends) if isinstance(projection, Linear) else ends @ projection)


def _one_way_tower(model: Any) -> _Tower | None:
    """The tower, if each token sees only those before it and the end mark stands for the text."""
    from open_clip.model import CLIP, CustomTextCLIP
    from open_clip.transformer import TextTransformer

    parts: Any
    if type(model) is CLIP:
        parts, pool, eos_id = model, model.text_pool_type, getattr(model, "text_eos_id", None)
    elif type(model) is CustomTextCLIP and type(model.text) is TextTransformer:
        text = model.text
        if text.cls_emb is not None or text.use_pad_mask:
            return None
        parts, pool, eos_id = text, text.pool_type, text.eos_id
    else:
        return None
    if parts.attn_mask is None or pool not in ("argmax", "eos"):
        return None
    return _Tower(parts, eos_id if pool == "eos" else None)
