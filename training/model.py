"""The model, as open_clip's own classes, and its export as an open_clip folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from search.encoders.torchvision_ops import import_torchvision
from training.config import ModelConfig
from training.tokenizer import EOS_ID, PAD_ID, files

import_torchvision()

from open_clip.model import CustomTextCLIP  # noqa: E402

MEAN, STD = 0.5, 0.5
WEIGHTS, CONFIG = "open_clip_model.safetensors", "open_clip_config.json"


def open_clip_config(config: ModelConfig, vocabulary: int) -> dict[str, Any]:
    """Return the content of open_clip_config.json."""
    return {
        "model_cfg": {
            "embed_dim": config.dim,
            "custom_text": True,
            "vision_cfg": {
                "timm_model_name": config.image_tower,
                "timm_model_pretrained": False,
                "timm_pool": config.image_pool,
                "timm_proj": "linear",
                "timm_drop_path": config.drop_path,
                "image_size": config.image_size,
            },
            "text_cfg": {
                "context_length": config.context_length,
                "vocab_size": vocabulary,
                "hf_tokenizer_name": "mini",
                "width": config.text_width,
                "heads": config.text_heads,
                "layers": config.text_layers,
                "pad_id": PAD_ID,
                "eos_id": EOS_ID,
                "pool_type": "eos",
            },
        },
        "preprocess_cfg": {
            "mean": [MEAN] * 3,
            "std": [STD] * 3,
            "interpolation": "bicubic",
            "resize_mode": "longest",
            "fill_color": 255,
        },
    }


def build(config: ModelConfig, vocabulary: int) -> CustomTextCLIP:
    """Build the model with random weights."""
    parts = open_clip_config(config, vocabulary)["model_cfg"]
    parts.pop("custom_text")
    return CustomTextCLIP(**parts)


def embed_images(model: CustomTextCLIP, pixels: Tensor) -> Tensor:
    """(n, 3, size, size) float -> (n, dim) float32, L2-normalised."""
    return F.normalize(model.visual(pixels).float(), dim=-1)


def embed_texts(model: CustomTextCLIP, tokens: Tensor) -> Tensor:
    """(n, length) int64 -> (n, dim) float32, L2-normalised.

    What open_clip's text tower computes, but `length` may be shorter than the context: attention
    is causal, so padding behind the end mark changes nothing and need not be computed.
    """
    text = model.text
    length = tokens.shape[1]
    hidden = text.token_embedding(tokens) + text.positional_embedding[:length]
    with sdpa_kernel(SDPBackend.MATH):  # the fused kernel's backward is slow on CPU
        hidden = text.transformer(hidden, attn_mask=text.attn_mask[:length, :length])
    ends = (tokens == EOS_ID).int().argmax(-1)
    last = text.ln_final(hidden[torch.arange(len(tokens), device=tokens.device), ends])
    return F.normalize((last @ text.text_projection).float(), dim=-1)


class AttributeHeads(nn.Module):
    """Cosine classifiers on the image embedding, one for each attribute; training only."""

    def __init__(self, dim: int, counts: Mapping[str, int]) -> None:
        super().__init__()
        self.weights = nn.ParameterDict(
            {name: nn.Parameter(torch.randn(max(count, 1), dim)) for name, count in counts.items()}
        )

    def loss(
        self,
        embeddings: Tensor,
        labels: Tensor,
        importance: Mapping[str, float],
        *,
        scale: float = 16.0,
    ) -> Tensor:
        """Mean cross entropy over attributes, by importance (1 for those not named).

        labels: (n, attributes) int64; those of -1 are unknown and left out.
        """
        total = embeddings.sum() * 0
        shares = [importance.get(name, 1.0) for name in self.weights]
        for column, weight in enumerate(self.weights.values()):
            known = labels[:, column] >= 0
            if bool(known.any()):
                logits = scale * embeddings[known] @ F.normalize(weight, dim=-1).T
                loss = F.cross_entropy(logits, labels[known, column], label_smoothing=0.1)
                total = total + shares[column] * loss
        return total / sum(shares)


def export(
    folder: Path, config: ModelConfig, weights: Mapping[str, Tensor], tokenizer: Tokenizer
) -> None:
    """Write an open_clip `local-dir:` folder; each file is swapped in whole."""
    folder.mkdir(parents=True, exist_ok=True)
    halves = {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous().clone()
        for name, value in weights.items()
    }
    written = files(tokenizer, config.context_length)
    described = open_clip_config(config, tokenizer.get_vocab_size())
    written[CONFIG] = (json.dumps(described, indent=2) + "\n").encode()
    written[WEIGHTS] = save(halves, metadata={"format": "pt"})
    for name, content in written.items():
        part = folder / f".{name}.part"
        part.write_bytes(content)
        part.replace(folder / name)
