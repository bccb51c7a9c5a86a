"""Our encoder against raw open_clip, written out here as open_clip's own documentation has it."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from search.encoders import Encoder, load_encoder
from search.encoders.registry import BUNDLED_PATH
from search.images import ImageLimits, load_image

pytestmark = pytest.mark.model

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
TEXTS = (
    "red floral dress", "Navy Striped SHIRT, £29.99", "white sneakers", "a", "  two   spaces ",
    "très élégant", "赤いドレス", "100% cotton / size 42", "word " * 120,
)  # fmt: skip
TINY: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 48,
        "vision_cfg": {
            "image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16,
        },
        "text_cfg": {
            "context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2,
        },
    },
    "preprocess_cfg": {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]},
}  # fmt: skip


def open_clip_module() -> Any:
    from search.encoders.torchvision_ops import import_torchvision

    import_torchvision()
    import open_clip

    return open_clip


def tiny_model(folder: Path, **preprocessing: object) -> Path:
    """A small ViT of random weights with OpenAI's tokenizer, as a local-dir."""
    import torch
    from safetensors.torch import save_file

    config = {**TINY, "preprocess_cfg": {**TINY["preprocess_cfg"], **preprocessing}}
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(20)
    model = open_clip_module().model.CLIP(**config["model_cfg"])
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")
    return folder


def pictures() -> list[Image.Image]:
    random = np.random.default_rng(11)
    sizes = [(64, 64), (112, 112), (256, 256), (300, 200), (120, 480), (33, 57), (1024, 700)]
    noisy = [
        Image.fromarray(random.integers(0, 256, (h, w, 3), dtype=np.uint8), "RGB") for w, h in sizes
    ]
    smooth = [image.resize((9, 7)).resize(image.size) for image in noisy]
    return noisy + smooth


def raw(name: str, images: list[Image.Image], texts: tuple[str, ...]) -> tuple[Any, Any]:
    """Embeddings of images and texts by nothing but open_clip."""
    import torch

    open_clip = open_clip_module()
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    model.eval()
    tokenizer = open_clip.get_tokenizer(name)
    with torch.no_grad():
        of_images = model.encode_image(torch.stack([preprocess(image) for image in images]))
        of_texts = model.encode_text(tokenizer(list(texts)))
    of_images /= of_images.norm(dim=-1, keepdim=True)
    of_texts /= of_texts.norm(dim=-1, keepdim=True)
    return of_images.numpy(), of_texts.numpy()


@pytest.fixture(scope="module", params=["mini", "shortest", "longest", "squash"])
def name(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "mini":
        yield f"local-dir:{BUNDLED_PATH}"
    else:
        folder = tmp_path_factory.mktemp("models") / request.param
        interpolation = "bilinear" if request.param == "squash" else "bicubic"
        tiny_model(folder, resize_mode=request.param, interpolation=interpolation)
        yield f"local-dir:{folder}"


@pytest.fixture(scope="module")
def encoder(name: str) -> Encoder:
    return load_encoder(name, device="cpu")


def test_embeddings_are_open_clips(name: str, encoder: Encoder) -> None:
    images, texts = raw(name, pictures(), TEXTS)
    ours, our_texts = encoder.encode_images(pictures()), encoder.encode_texts(TEXTS)
    assert (ours * images).sum(axis=1).min() > 0.9999
    assert (our_texts * texts).sum(axis=1).min() > 0.9999
    for embeddings in (ours, our_texts):
        assert embeddings.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_pixels_are_open_clips_but_for_the_rounding_of_a_resize(
    name: str, encoder: Encoder
) -> None:
    _, _, preprocess = open_clip_module().create_model_and_transforms(name)
    *geometry, _, _ = preprocess.transforms
    noisy, smooth = pictures()[:7], pictures()[7:]
    # Pure noise overshoots, and the two clip that at different moments.
    for images, most, mean in ((noisy, 6, 0.3), (smooth, 2, 0.03)):
        for image, ours in zip(images, encoder.preprocess(images), strict=True):
            expected = image
            for step in geometry:
                expected = step(expected)
            apart = np.abs(ours.transpose(1, 2, 0).astype(int) - np.asarray(expected).astype(int))
            assert apart.max() <= most
            assert apart.mean() < mean


def test_normalised_pixels_are_open_clips_to_the_bit(name: str) -> None:
    import torch

    from search.encoders.pixels import PixelTransform

    _, _, preprocess = open_clip_module().create_model_and_transforms(name)
    transform = PixelTransform(preprocess)
    _, height, width = transform.shape
    exact = [image.resize((width, height)) for image in pictures()]
    expected = np.stack([preprocess(image).numpy() for image in exact])
    bytes_ = np.empty((len(exact), *transform.shape), dtype=np.uint8)
    for image, out in zip(exact, bytes_, strict=True):
        transform.write(image, out)
    ours = transform.normalised(bytes_, torch.device("cpu"))
    np.testing.assert_array_equal(ours.numpy(), expected)


def test_index_and_query_take_one_path(encoder: Encoder) -> None:
    apart = encoder.encode_pixels(encoder.preprocess(pictures()))
    np.testing.assert_array_equal(encoder.encode_images(pictures()), apart)


def test_batches_decide_nothing(encoder: Encoder) -> None:
    whole = encoder.encode_images(pictures())
    singly = np.concatenate([encoder.encode_images([image]) for image in pictures()])
    np.testing.assert_allclose(whole, singly, atol=2e-4)


def test_the_red_shoe_ranks_first() -> None:
    encoder = load_encoder("mini", device="cpu")
    with (SAMPLE / "catalog.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    shown = [load_image(SAMPLE / row["image"], ImageLimits()) for row in rows]
    embeddings = encoder.encode_images(shown)
    for colour, kind in (("red", "heels"), ("white", "sneakers"), ("black", "dress")):
        scores = embeddings @ encoder.encode_texts([f"{colour} {kind}"])[0]
        best = rows[int(scores.argmax())]
        assert (best["colour"], best["kind"]) == (colour, kind)
