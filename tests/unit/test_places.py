"""What the model sees at each place of a picture, and how that is laid over the picture."""

import random
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from search.encoders import Encoder, load_encoder
from search.encoders.places import place_features
from search.encoders.torchvision_ops import import_torchvision
from search.errors import InvalidInputError, UnsupportedError
from search.explaining import HeatMap, content_words, heat_maps, overlay, span_of
from tests.sample_collection import sample_rows

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


def pictures(count: int) -> list[Image.Image]:
    rows = sample_rows()[:: len(sample_rows()) // count][:count]
    return [Image.open(row["image"]).convert("RGB") for row in rows]


def test_the_mean_of_the_places_is_the_embedding(mini: Encoder) -> None:
    pixels = mini.preprocess(pictures(20))  # More than go through the model at once.
    means = mini.encode_places(pixels).mean(axis=(1, 2))
    units = means / np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(units, mini.encode_pixels(pixels), atol=1e-5)


def test_places_are_a_finer_grid_in_the_size_made_for_them(mini: Encoder) -> None:
    images = pictures(2)
    coarse = mini.encode_places(mini.preprocess(images))
    fine = mini.encode_places(mini.preprocess_places(images))
    assert coarse.shape == (2, 4, 4, 256) and fine.shape == (2, 7, 7, 256)
    assert fine.dtype == np.float32
    assert mini.encode_places(mini.preprocess_places([])).shape == (0, 7, 7, 256)


def test_pixels_of_another_size_are_refused(mini: Encoder) -> None:
    with pytest.raises(InvalidInputError, match="shape"):
        mini.encode_places(np.zeros((1, 3, 50, 50), dtype=np.uint8))
    with pytest.raises(InvalidInputError, match="shape"):
        mini.encode_pixels(mini.preprocess_places(pictures(1)))


@pytest.mark.parametrize(
    ("size", "view"),
    [
        ((256, 256), (0, 0, 256, 256)),
        ((512, 256), (0, -128, 512, 384)),
        ((100, 400), (-150, 0, 250, 400)),
        # Cut to a hundred times its width first, and then a column of a single pixel.
        ((10, 5_000), (-550, 2_000, 570, 3_000)),
    ],
)
def test_the_view_reaches_over_what_is_padded(
    mini: Encoder, size: tuple[int, int], view: Sequence[float]
) -> None:
    assert mini.view(size) == pytest.approx(view)


def vision_transformer(**options: object) -> torch.nn.Module:
    """A vision transformer of random weights: 4 x 6 patches."""
    import_torchvision()
    from open_clip.transformer import VisionTransformer

    torch.manual_seed(7)
    sizes = {"image_size": (32, 48), "patch_size": 8, "width": 16, "layers": 1, "heads": 2}
    return VisionTransformer(**sizes, mlp_ratio=2.0, output_dim=12, **options).eval()


def test_a_transformer_has_a_place_for_each_patch() -> None:
    tower = vision_transformer()
    with torch.inference_mode():
        found = place_features(tower, torch.randn(3, 3, 32, 48), "vit")
    assert found.shape == (3, 4, 6, 12)


def test_a_place_says_what_is_there_and_not_what_is_elsewhere() -> None:
    # In one layer, values alone: what another patch shows must not reach it.
    tower = vision_transformer()
    batch = torch.randn(1, 3, 32, 48)
    changed = batch.clone()
    changed[..., 8:16, 16:24] += 1
    with torch.inference_mode():
        before, after = (place_features(tower, each, "vit")[0] for each in (batch, changed))
    moved = (before - after).abs().amax(dim=-1) > 1e-6
    assert moved.nonzero().tolist() == [[1, 2]]


def test_a_tower_that_mixes_its_places_is_refused_by_name() -> None:
    tower = vision_transformer(attentional_pool=True, attn_pooler_heads=2)
    for other in (tower, SimpleNamespace()):
        with pytest.raises(UnsupportedError, match="'some model' cannot tell the places"):
            place_features(other, torch.randn(1, 3, 32, 48), "some model")


def test_a_common_transformer_from_open_clip_has_places() -> None:
    import_torchvision()
    import open_clip

    tower = open_clip.create_model("ViT-B-32", pretrained=None).eval().visual
    with torch.inference_mode():
        assert place_features(tower, torch.zeros(1, 3, 224, 224), "vit").shape == (1, 7, 7, 512)


def test_content_words() -> None:
    assert content_words("A red T-shirt, please, with the RED men's logo") == (
        "red", "t-shirt", "men's", "logo"
    )  # fmt: skip
    assert content_words("with the of") == ()


def test_a_map_is_laid_over_the_picture_without_the_padding() -> None:
    values = np.zeros((4, 4), dtype=np.float32)
    values[:2] = 1  # The upper half of a view of which the middle half is picture.
    heat = HeatMap("x", values, (0, -50, 200, 150), (200, 100))
    laid = heat.over(200, 100)
    assert laid.shape == (100, 200) and laid.dtype == np.float32
    assert laid[:20].min() == 1 and laid[80:].max() == 0
    assert heat.over(40, 20).mean() == pytest.approx(laid.mean(), abs=0.01)


def test_a_peak_is_in_the_pixels_of_the_picture() -> None:
    values = np.zeros((2, 4), dtype=np.float32)
    values[1, 3] = 1
    x, y = HeatMap("x", values, (0, 0, 400, 200), (400, 200)).peak()
    assert 300 < x < 400 and 100 < y < 200


def test_an_overlay_keeps_size_and_leaves_cold_places_grey(mini: Encoder) -> None:
    [image] = pictures(1)
    heat = HeatMap("x", np.array([[0, 1]], dtype=np.float32), (0, 0, *image.size), image.size)
    drawn = np.asarray(overlay(image, heat, span=(0.5, 1))).astype(int)
    assert drawn.shape == (image.height, image.width, 3)
    colourful = np.ptp(drawn, axis=-1)
    assert colourful[:, : image.width // 4].max() == 0
    assert colourful[:, -image.width // 4 :].min() > 30


def test_words_that_are_nowhere_stay_cold_beside_those_that_are_found() -> None:
    found = HeatMap("red", np.array([[0.1, 0.9]], dtype=np.float32), (0, 0, 2, 1), (2, 1))
    absent = HeatMap("zebra", np.array([[0.1, 0.12]], dtype=np.float32), (0, 0, 2, 1), (2, 1))
    low, high = span_of([found, absent])
    assert absent.values.max() < low < high == pytest.approx(0.9)


def test_a_text_is_found_in_the_half_that_shows_it(mini: Encoder) -> None:
    """Two drawn pictures beside each other; the text names the kind of one. Chance is a half."""
    chance = random.Random(3)
    rows, right, count = sample_rows(), 0, 40
    for _ in range(count):
        while (pair := chance.sample(rows, 2))[0]["kind"] == pair[1]["kind"]:
            pass
        both = Image.new("RGB", (512, 256))
        for place, row in enumerate(pair):
            both.paste(Image.open(row["image"]).convert("RGB"), (256 * place, 0))
        named = chance.randrange(2)
        [heat] = heat_maps(mini, both, [pair[named]["kind"]])
        right += (heat.peak()[0] > 256) == bool(named)
    assert right / count >= 0.85
