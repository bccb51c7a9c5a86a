"""The training loop on a handful of pictures: small enough to run in seconds."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from search.encoders.registry import BUNDLED_PATH
from training import report
from training.__main__ import app
from training.batches import Attributes, Sampler
from training.captions import Caption, CaptionWriter, Product
from training.config import Phase, Recipe, Stage
from training.data import Corpus, catalog_rows, ground_masks, held_back, squared
from training.evaluate import Model, evaluate_catalog
from training.losses import contrastive, neighbours
from training.metrics import ndcg, neighbour_shares, pair_precision, recall
from training.train import Trainer, load_sources
from training.vocabulary import pattern_of

COLOURS = {"Red": (200, 20, 20), "Green": (20, 160, 40), "Blue": (20, 40, 200)}
TYPES = ("Tshirts", "Shirts", "Casual Shoes")
COLUMNS = ("id", "title", "image", "gender", "article_type", "colour", "usage", "split")

CPU = torch.device("cpu")
TRAINING = Path(__file__).parents[2] / "training"
PLAIN = TRAINING / "plain_metrics.json"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Models this small only wait for each other's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Eighteen products to train on; the six of split `test` have no image at all."""
    folder = tmp_path / "catalog"
    (folder / "images").mkdir(parents=True)
    with (folder / "catalog.csv").open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, COLUMNS)
        writer.writeheader()
        for number in range(24):
            colour, article_type = list(COLOURS)[number % 3], TYPES[number // 3 % 3]
            split = "train" if number < 18 else "test"
            row = (
                str(number), f"Brand {number} Men {colour} {article_type}", f"images/{number}.jpg",
                "Men", article_type, colour, "Casual", split,
            )  # fmt: skip
            writer.writerow(dict(zip(COLUMNS, row, strict=True)))
            if split == "train":
                picture = Image.new("RGB", (64, 64), (255, 255, 255))
                picture.paste(COLOURS[colour], (16, 12, 48, 52))
                picture.save(folder / "images" / f"{number}.jpg")
    return folder


def recipe_of(catalog: Path, steps: int = 2, **data: object) -> Recipe:
    return Recipe.model_validate(
        {
            "seed": 3,
            "data": {"catalog": catalog, "drawn": 0, "validation": 0, "cache_size": 48, **data},
            "model": {
                "image_tower": "test_resnet",
                "image_size": 32,
                "dim": 16,
                "text_width": 16,
                "text_layers": 1,
                "text_heads": 2,
                "context_length": 16,
                "vocabulary": 300,
            },
            "optimiser": {"batch": 8},
            "phases": [
                {"warmup": 1, "stages": [{"steps": steps - 1, "size": 32}]},
                {"warmup": 0, "stages": [{"steps": 1, "size": 32}], "rate": 1e-3},
            ],
            "checkpoint_every": 2,
            "validate_every": 2,
        }
    )


def trainer_of(recipe: Recipe, run: Path, cache: Path) -> Trainer:
    run.mkdir(exist_ok=True)
    return Trainer(recipe, load_sources(recipe, cache), run, CPU)


def test_the_command_trains_and_the_folder_loads_in_open_clip(
    catalog: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(catalog, drawn=8, drawn_share=0.25)
    described = tmp_path / "tiny.toml"
    described.write_text(_toml(recipe), encoding="utf-8")
    model = tmp_path / "model"
    done = CliRunner().invoke(
        app,
        [
            *("train", str(described), "--out", str(model), "--run", str(tmp_path / "run")),
            *("--cache", str(tmp_path / "cache"), "--device", "cpu"),
        ],
    )
    assert done.exit_code == 0, done.output

    import open_clip

    name = f"local-dir:{model}"
    network, _, preprocess = open_clip.create_model_and_transforms(name)
    tokens = open_clip.get_tokenizer(name)(["a red shirt", "red " * 40])
    assert tokens.shape == (2, 16)
    assert (tokens == 2).any(1).all(), "the end mark survives truncation"
    with torch.no_grad():
        assert network.eval().encode_text(tokens).shape == (2, 16)
        pixels = preprocess(Image.new("RGB", (40, 80), (10, 20, 30)))
        assert network.encode_image(pixels[None]).shape == (1, 16)
    assert pixels.shape == (3, 32, 32)
    assert float(pixels[:, :, 0].min()) == 1.0, "what is missing of a square is filled with white"


def test_exported_texts_embed_as_in_training(catalog: Path, tmp_path: Path) -> None:
    import open_clip

    trainer = trainer_of(recipe_of(catalog), tmp_path / "run", tmp_path / "cache")
    trainer.train(export_to=tmp_path / "model")
    name = f"local-dir:{tmp_path / 'model'}"
    network, _, _ = open_clip.create_model_and_transforms(name)
    texts = ["a red shirt", "Brand 3 Men Blue Casual Shoes"]
    with torch.no_grad():
        ours = trainer._read(network.eval(), texts)
        theirs = network.encode_text(open_clip.get_tokenizer(name)(texts), normalize=True).numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_run_that_was_killed_ends_with_the_same_weights(catalog: Path, tmp_path: Path) -> None:
    recipe, cache = recipe_of(catalog, steps=4), tmp_path / "cache"
    whole = trainer_of(recipe, tmp_path / "whole", cache)
    whole.train()

    killed = trainer_of(recipe, tmp_path / "killed", cache)
    killed.one_step()
    killed.step = 1
    killed.one_step()
    killed.step = 2
    killed.save()
    killed.one_step()  # lost with the process

    again = trainer_of(recipe, tmp_path / "killed", cache)
    assert again.resume()
    assert again.step == 2
    again.train()
    for name, value in whole.averaged.items():
        assert torch.equal(value, again.averaged[name]), name


def test_the_model_is_the_mean_of_the_ends_of_the_phases(catalog: Path, tmp_path: Path) -> None:
    trainer = trainer_of(recipe_of(catalog, steps=4), tmp_path / "run", tmp_path / "cache")
    trainer.train()
    first, last = trainer.ends
    name = "text.text_projection"
    assert not torch.equal(first[name], last[name])
    torch.testing.assert_close(trainer.averaged[name], (first[name] + last[name]) / 2)


def test_evaluation_measures_a_split_through_open_clip(catalog: Path, tmp_path: Path) -> None:
    trainer = trainer_of(recipe_of(catalog), tmp_path / "run", tmp_path / "cache")
    trainer.export(tmp_path / "model")
    model = Model.load(f"local-dir:{tmp_path / 'model'}", CPU)
    figures = evaluate_catalog(model, catalog, "train", others=catalog_rows(catalog, "train")[:2])
    assert figures["items"] == 18
    assert figures["wide_items"] == 20
    assert figures["wide_title_recall@10"] <= figures["title_recall@10"]
    assert figures["wide_pairs"] >= figures["pairs"]
    assert all(0 <= value <= 1 for name, value in figures.items() if "@" in name)


def test_only_split_train_is_read(catalog: Path, tmp_path: Path) -> None:
    rows = catalog_rows(catalog, "train")
    assert len(rows) == 18
    assert not (catalog / "images" / "20.jpg").exists()
    sources = load_sources(recipe_of(catalog, validation=4), tmp_path / "cache")
    trained = {product.title for product in sources.photos.products}
    held = {product.title for product in sources.validation.products}
    assert (len(trained), len(held)) == (14, 4)
    assert not trained & held
    tested = {row.product.title for row in catalog_rows(catalog, "test")}
    assert not tested & (trained | held)


def test_products_are_held_back_by_id_not_by_order(catalog: Path) -> None:
    rows = catalog_rows(catalog, "train")
    _, held = held_back(rows, 5, seed=1)
    _, again = held_back(rows[::-1], 5, seed=1)
    assert {row.id for row in held} == {row.id for row in again}


PRODUCT = Product("Nike Men Navy Shirt", "Shirts", "navy blue", "Men", "checked", "Casual")


def test_captions_depend_on_the_generator_alone() -> None:
    writer = CaptionWriter()

    def written(seed: int) -> list[str]:
        rng = np.random.default_rng(seed)
        return [writer.described(PRODUCT, rng).text for _ in range(20)]

    assert written(5) == written(5)
    assert written(5) != written(6)
    assert any("navy" in text for text in written(5))


def test_a_caption_claims_only_what_its_product_has() -> None:
    rng = np.random.default_rng(0)
    attributes = Attributes([PRODUCT])
    row = attributes.rows([PRODUCT])
    for _ in range(200):
        assert attributes.fits([CaptionWriter().described(PRODUCT, rng)], row).all()


def test_a_described_caption_fits_every_product_it_describes() -> None:
    red = Product("A", "Shirts", "red")
    blue = Product("B", "Shirts", "blue")
    shoe = Product("C", "Casual Shoes", "red")
    attributes = Attributes([red, blue, shoe])
    rows = attributes.rows([red, blue, shoe])
    asked = [Caption("red shirt", "Shirts", "red"), Caption("footwear", "broad:footwear")]
    fits = attributes.fits(asked, rows)
    assert fits.tolist() == [[True, False, False], [False, False, True]]


def test_batches_are_a_function_of_the_step_and_cover_an_epoch() -> None:
    products = tuple(Product(f"Item {n}", "Shirts", "red") for n in range(10))
    images = np.arange(10, dtype=np.uint8)[:, None, None, None].repeat(4, 1).repeat(4, 2)
    corpus = Corpus(products, images.repeat(3, 3), np.zeros((10, 2, 2), bool))
    sampler = Sampler([corpus], [1.0], batch=5, seed=1)
    first, again = sampler.batch(0), sampler.batch(0)
    assert first.texts == again.texts
    assert np.array_equal(first.images, again.images)
    seen = [*first.images[:, 0, 0, 0], *sampler.batch(1).images[:, 0, 0, 0]]
    assert sorted(int(value) for value in seen) == list(range(10))
    assert first.matches.shape == (10, 5)
    assert first.matches.any(1).all()
    assert first.own.shape == (10, 5) and (first.matches | first.own == first.matches).all()
    assert first.own[[3, 8]].nonzero()[1].tolist() == [3, 3]


def test_losses_are_low_where_matches_are_close() -> None:
    embeddings = torch.eye(4)
    matches = torch.eye(4, dtype=torch.bool)
    scale = torch.tensor(50.0)
    good = contrastive(embeddings, embeddings, matches, scale, smoothing=0.0)
    bad = contrastive(embeddings, embeddings.roll(1, 0), matches, scale, smoothing=0.0)
    assert good < 0.01 < bad
    labels = torch.tensor([[0, 0], [0, 0], [1, 1], [1, 1]])
    together = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    apart = together[[0, 2, 1, 3]]
    shares = {"type_alone": 0.25, "colour_alone": 0.1}
    assert neighbours(together, labels, **shares) < neighbours(apart, labels, **shares)


def test_a_neighbour_of_the_same_type_counts_by_the_share_that_the_recipe_gives() -> None:
    labels = torch.tensor([[0, 0], [0, 1], [1, 0]])
    by_type = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    by_colour = by_type[[0, 2, 1]]
    types = {"type_alone": 0.5, "colour_alone": 0.1}
    colours = {"type_alone": 0.1, "colour_alone": 0.5}
    assert neighbours(by_type, labels, **types) < neighbours(by_colour, labels, **types)
    assert neighbours(by_colour, labels, **colours) < neighbours(by_type, labels, **colours)


def test_ground_masks_find_white_that_reaches_the_border() -> None:
    image = np.full((1, 16, 16, 3), 255, np.uint8)
    image[:, 4:12, 4:12] = 30
    image[:, 6:10, 6:10] = 255  # white inside of the product
    mask = ground_masks(image)[0]
    assert mask[0, 0]
    assert not mask[2, 2]
    assert not mask[4, 4]
    assert not ground_masks(np.full((1, 16, 16, 3), 40, np.uint8)).any()


def test_squared_pads_with_white_and_keeps_the_shape() -> None:
    found = np.asarray(squared(Image.new("RGB", (20, 40)), 40))
    assert found.shape == (40, 40, 3)
    assert found[:, :10].min() == 255
    assert found[:, 10:30].max() == 0


def test_the_rate_warms_up_and_ends_near_zero() -> None:
    phase = Phase(rate=1e-3, warmup=10, stages=(Stage(steps=100, size=32),))
    rates = [phase.rate_at(step) for step in range(100)]
    assert max(rates) == pytest.approx(1e-3)
    assert rates[0] == pytest.approx(1e-4) and rates[-1] < 1e-3 / 50


def test_an_unknown_key_of_a_recipe_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text("[optimiser]\nlearning_rate = 1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="learning_rate"):
        Recipe.read(path)


def test_the_bundled_recipe_reads() -> None:
    recipe = Recipe.read(TRAINING / "mini.toml")
    assert recipe.model.dim <= 256
    assert recipe.data.validation >= 500
    assert recipe.phases[-1].stages[-1].size == recipe.model.image_size


def test_the_plain_recipe_learns_from_the_same_photos_and_nothing_else() -> None:
    mini, plain = (Recipe.read(TRAINING / f"{name}.toml") for name in ("mini", "plain"))
    assert (plain.seed, plain.data.validation) == (mini.seed, mini.data.validation)
    assert plain.data.drawn == 0 and len(plain.phases) == 1
    loss = plain.phases[0].loss
    assert (loss.attributes, loss.neighbours, loss.claims) == (0, 0, False)


def test_the_bundled_model_is_better_than_the_plain_recipe_in_every_figure() -> None:
    mini, plain = report.read(BUNDLED_PATH / "metrics.json"), report.read(PLAIN)
    compared = [(part, name) for part, name in report.FIGURES if name in plain[part]]
    assert len(compared) == len(report.FIGURES)
    assert [at for at in compared if mini[at[0]][at[1]] < plain[at[0]][at[1]] + 0.02] == []


@pytest.mark.parametrize(
    ("title", "pattern"),
    [
        ("Turtle Check Men Navy Blue Shirt", "checked"),
        ("Basics Women Stripes Top", "striped"),
        ("Nike Men Blueprint Tee", ""),
    ],
)
def test_patterns_are_read_from_titles(title: str, pattern: str) -> None:
    assert pattern_of(title) == pattern


def test_figures_of_a_case_worked_out_by_hand() -> None:
    images = np.eye(3, dtype=np.float32)
    texts = np.array([[1, 0, 0], [1, 0.5, 0], [0, 0, 1]], np.float32)
    assert recall(texts, images, (1, 2)) == pytest.approx({"recall@1": 2 / 3, "recall@2": 1.0})
    wider = np.concatenate([images, texts[1:2]])
    assert recall(texts, wider, (1,)) == pytest.approx({"recall@1": 2 / 3})
    pairs = [("red", "a"), ("red", "a"), ("blue", "b")]
    found = pair_precision(texts[:1], [("red", "a")], images, pairs, (1, 2))
    assert found == {"precision@1": 1.0, "precision@2": 1.0}
    near = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], np.float32)
    assert neighbour_shares(near, ["a", "a", "b", "b"], k=1) == 1.0
    assert ndcg([1, 0], [1, 0]) == 1.0
    assert ndcg([0, 1], [1, 0]) == pytest.approx(1 / np.log2(3))
    assert ndcg([1, 3], [1, 3]) == pytest.approx((1 + 3 / np.log2(3)) / (3 + 1 / np.log2(3)))


def test_reports_name_what_was_measured(tmp_path: Path) -> None:
    figures = {"test": {"wide_title_recall@1": 0.34567}}
    assert "| title to image, recall@1, 1,886 candidates | 0.21 | 0.346 |" in report.markdown(
        figures
    )
    plain = {"test": {"wide_title_recall@1": 0.22}}
    assert "| 0.21 | 0.220 | 0.346 |" in report.markdown(figures, plain)
    report.write(figures, tmp_path / "metrics.json")
    assert report.read(tmp_path / "metrics.json") == {"test": {"wide_title_recall@1": 0.3457}}
    written = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert written == {"test": {"wide_title_recall@1": 0.3457}}


def _toml(recipe: Recipe) -> str:
    """Write a recipe as TOML: JSON's numbers, strings and lists are TOML's too."""
    content = recipe.model_dump(mode="json", exclude_none=True)
    phases = content.pop("phases")
    lines = [f"{key} = {json.dumps(v)}" for key, v in content.items() if not isinstance(v, dict)]
    for name, section in content.items():
        if isinstance(section, dict):
            lines.append(f"[{name}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in section.items()]
    for phase in phases:
        stages = ", ".join(
            f"{{ steps = {s['steps']}, size = {s['size']} }}" for s in phase["stages"]
        )
        lines += ["[[phases]]", f"stages = [{stages}]"]
        lines += [f"{key} = {phase[key]}" for key in ("rate", "warmup", "share")]
    return "\n".join(lines) + "\n"
