"""The fingerprint of an embedding space: weights, architecture, preprocessing and tokenizer.

Computed from the loaded model in fp32 on the CPU, before it is moved or made smaller, so that it
does not depend on device, precision, path or file format. sha256 reads about 1.5 GB a second: the
25 MB of a small model take 20 ms, the 1.7 GB of ViT-L-14 about a second, which no cache beside
the file would be worth keeping in step for.
"""

import hashlib
import json
from collections.abc import Mapping

import torch

from search.encoders.tokens import TextTokenizer

_FORMAT = "vitrine-model-1"
# They scale or shift the loss, not the embeddings.
_NOT_IN_THE_SPACE = ("logit_scale", "logit_bias")
# They say where files come from, not what the model computes.
_LOADING_KEYS = frozenset(
    {"timm_model_pretrained", "hf_model_pretrained", "hf_tokenizer_name", "hf_model_name"}
)
_PROBES = (
    "red floral dress", "Men's Navy-Blue Striped T-Shirt, size XL", "T-SHIRT 100% cotton £29.99",
    "a photo of a cat", "size 42/44 (EU)", "très élégant", "красное платье", "赤いドレス", "👗",
    "  two   spaces\tand a tab\n", "word " * 100, "",
)  # fmt: skip


def fingerprint(
    model: torch.nn.Module,
    *,
    architecture: Mapping[str, object],
    preprocessing: Mapping[str, object],
    tokenizer: TextTokenizer,
    dim: int,
) -> str:
    """sha256, as hex, of everything that decides where an image or a text is placed.

    `model` must be in fp32 on the CPU. `architecture` is the model's config, `preprocessing` that
    of its validation transform. The tokenizer is known by its vocabulary and by what it makes of
    a few texts.
    """
    digest = hashlib.sha256(_FORMAT.encode())
    _add_json(digest, {"dim": dim, "preprocessing": dict(preprocessing)})
    _add_json(digest, _without_loading_keys(architecture))
    _add_json(digest, sorted(tokenizer.vocabulary().items(), key=lambda entry: entry[1]))
    _add_json(digest, tokenizer(_PROBES).tolist())
    for name, tensor in sorted(model.state_dict().items()):
        if name not in _NOT_IN_THE_SPACE:
            _add_json(digest, [name, list(tensor.shape), str(tensor.dtype)])
            digest.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _add_json(digest: "hashlib._Hash", value: object) -> None:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    digest.update(f"{len(text)}:{text}".encode())


def _without_loading_keys(config: object) -> object:
    if isinstance(config, Mapping):
        return {
            key: _without_loading_keys(value)
            for key, value in config.items()
            if key not in _LOADING_KEYS
        }
    return config
