"""Texts go through the tower no further than they reach, and come out as they would in full."""

from typing import Any

import pytest
import torch

from search.encoders.torchvision_ops import import_torchvision

pytestmark = pytest.mark.model

TEXTS = ("red dress", "", "a blue shirt with white stripes, for men", "hat " * 200)
TINY: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"layers": 1, "width": 16, "head_width": 8, "patch_size": 16, "image_size": 32},
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 32,
        "heads": 2,
        "layers": 2,
    },
}


def made(**changes: Any) -> Any:
    """A small open_clip model with random weights; `changes` are of its text tower's config."""
    import_torchvision()
    from open_clip.model import CLIP, CustomTextCLIP

    torch.manual_seed(5)
    custom = changes.pop("custom", False)
    kind = CustomTextCLIP if custom else CLIP
    return kind(TINY["embed_dim"], TINY["vision_cfg"], TINY["text_cfg"] | changes).eval()


def tokens() -> torch.Tensor:
    """The texts as CLIP's own tokenizer has them."""
    import_torchvision()
    import open_clip

    ids: torch.Tensor = open_clip.get_tokenizer("ViT-B-32")(list(TEXTS))
    return ids


def read_lengths(model: Any) -> list[int]:
    """Has the model's transformer note how long what it is given is."""
    seen: list[int] = []
    tower = model.text.transformer if hasattr(model, "text") else model.transformer
    tower.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[1]))
    return seen


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"custom": True},
        {"custom": True, "pool_type": "eos", "eos_id": 49407},
        {"custom": True, "proj_type": "none"},
        {"custom": True, "proj_bias": True},
    ],
    ids=str,
)
def test_a_short_text_is_read_no_further_and_means_the_same(changes: dict[str, Any]) -> None:
    from search.encoders.short_texts import text_features

    model, given = made(**changes), tokens()
    with torch.inference_mode():
        whole = model.encode_text(given)
        seen = read_lengths(model)
        for number in range(len(TEXTS)):
            found = text_features(model, given[number : number + 1])
            assert torch.allclose(found[0], whole[number], atol=1e-5), TEXTS[number]
        assert seen == [8, 8, 16, 77]
        assert torch.allclose(text_features(model, given), whole, atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"custom": True, "no_causal_mask": True, "pool_type": "last"},
        {"custom": True, "pool_type": "last"},
        {"custom": True, "embed_cls": True, "output_tokens": False},
    ],
    ids=str,
)
def test_towers_that_look_further_get_the_whole_context(changes: dict[str, Any]) -> None:
    from search.encoders.short_texts import text_features

    model, given = made(**changes), tokens()[:2]
    seen = read_lengths(model)
    with torch.inference_mode():
        assert torch.equal(text_features(model, given), model.encode_text(given))
    assert min(seen) >= 77
