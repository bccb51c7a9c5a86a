"""Measure a model folder: the figures of the model card, through plain open_clip."""

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from search.encoders.torchvision_ops import import_torchvision
from training import metrics
from training.captions import Product
from training.config import Recipe
from training.data import Row, catalog_rows, held_back
from training.metrics import Floats

import_torchvision()

import open_clip  # noqa: E402

_BATCH = 64
TYPE_PROMPTS = ("{}", "a photo of a {}", "a product photo of a {}")
PHOTO_PROMPTS = ("{}", "a photo of a {}", "someone wearing a {}")


@dataclass(frozen=True, slots=True)
class Model:
    """A model that open_clip loaded, on one device."""

    network: Any
    preprocess: Callable[[Image.Image], torch.Tensor]
    tokenizer: Callable[[list[str]], torch.Tensor]
    device: torch.device

    @classmethod
    def load(cls, name: str, device: torch.device) -> "Model":
        """Load by open_clip's name; a folder is `local-dir:/path`."""
        network, _, preprocess = open_clip.create_model_and_transforms(name)
        return cls(network.to(device).eval(), preprocess, open_clip.get_tokenizer(name), device)

    @torch.no_grad()
    def images(self, paths: Sequence[Path]) -> Floats:
        """Embed image files: (n, dim) float32, L2-normalised."""
        parts = []
        for at in range(0, len(paths), _BATCH):
            pixels = [self.preprocess(_open(path)) for path in paths[at : at + _BATCH]]
            found = self.network.encode_image(torch.stack(pixels).to(self.device))
            parts.append(F.normalize(found.float(), dim=-1).cpu().numpy())
        return np.concatenate(parts)

    @torch.no_grad()
    def texts(self, texts: Sequence[str]) -> Floats:
        """Embed texts: (n, dim) float32, L2-normalised."""
        parts = []
        for at in range(0, len(texts), _BATCH):
            tokens = self.tokenizer(list(texts[at : at + _BATCH])).to(self.device)
            found = self.network.encode_text(tokens)
            parts.append(F.normalize(found.float(), dim=-1).cpu().numpy())
        return np.concatenate(parts)

    def prompts(self, names: Sequence[str], templates: Sequence[str]) -> Floats:
        """Embed each name in all templates and average: (names, dim) float32, L2-normalised."""
        every = self.texts([form.format(name) for name in names for form in templates])
        mean = every.reshape(len(names), len(templates), -1).mean(1)
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True))


def evaluate_catalog(
    model: Model, folder: Path, split: str = "test", others: Sequence[Row] = ()
) -> dict[str, float]:
    """Figures on one split of the catalogue.

    `others` are photos that were not trained on either: with them as further candidates, recall
    and precision are measured once more (`wide_title_recall@k`, `wide_pair_precision@k`).
    """
    rows = catalog_rows(folder, split)
    images = model.images([row.image for row in rows])
    products = [row.product for row in rows]
    titles = model.texts([product.title for product in products])
    found = {f"title_{name}": value for name, value in metrics.recall(titles, images).items()}
    if others:
        wide = np.concatenate([images, model.images([row.image for row in others])])
        found |= {f"wide_title_{k}": v for k, v in metrics.recall(titles, wide).items()}
        everything = [*products, *(row.product for row in others)]
        found |= {f"wide_{k}": v for k, v in _pair_figures(model, everything, wide).items()}
        found["wide_items"] = len(wide)
    found |= _pair_figures(model, products, images)
    for name in ("article_type", "colour"):
        labels = [getattr(product, name) for product in products]
        found[f"neighbours_same_{name}"] = metrics.neighbour_shares(images, labels)
    found["zero_shot_types"] = _zero_shot_types(model, products, images)
    found["items"] = len(rows)
    return found


def _pair_figures(model: Model, products: Sequence[Product], images: Floats) -> dict[str, float]:
    pairs = [(product.colour, product.article_type) for product in products]
    wanted = metrics.common_pairs(pairs)
    if not wanted:
        return {"pairs": 0.0}
    queries = model.texts([f"{colour} {article_type}" for colour, article_type in wanted])
    found = metrics.pair_precision(queries, wanted, images, pairs)
    return {f"pair_{name}": value for name, value in found.items()} | {"pairs": len(wanted)}


def _zero_shot_types(
    model: Model, products: Sequence[Product], images: Floats, count: int = 25
) -> float:
    labels = np.array([product.article_type for product in products])
    names, counts = np.unique(labels, return_counts=True)
    common = [str(names[place]) for place in np.argsort(-counts, kind="stable")[:count]]
    kept = np.isin(labels, common)
    prompts = model.prompts([name.lower() for name in common], TYPE_PROMPTS)
    return metrics.accuracy(images[kept], prompts, labels[kept].tolist(), common)


def evaluate_photos(model: Model, folder: Path) -> dict[str, float]:
    """Zero-shot accuracy over the labels of a folder of photos; the prompts are fixed."""
    with (folder / "catalog.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    labels = [row["label"] for row in rows]
    names = sorted(set(labels))
    images = model.images([folder / row["image"] for row in rows])
    found = metrics.accuracy(images, model.prompts(names, PHOTO_PROMPTS), labels, names)
    return {"zero_shot_labels": found, "items": len(rows)}


def _open(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def evaluate_sample(model: Model, folder: Path) -> dict[str, float]:
    """nDCG@10 of a sample catalogue's queries, also apart by `held_out`; filters are applied."""
    with (folder / "catalog.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    answers = json.loads((folder / "qrels.json").read_text(encoding="utf-8"))
    queries = [
        json.loads(line)
        for line in (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    images = model.images([folder / row["image"] for row in rows])
    groups: dict[str, list[float]] = {}
    for query in queries:
        gain = _query_gain(model, folder, query, rows, images, answers[query["id"]])
        modality = "text" if "text" in query else "image"
        groups.setdefault(modality, []).append(gain)
        if "held_out" in query:
            seen = "held_out" if query["held_out"] else "seen"
            groups.setdefault(f"{modality}_{seen}", []).append(gain)
    figures = {f"ndcg@10_{name}": float(np.mean(gains)) for name, gains in groups.items()}
    return figures | {"items": len(rows), "queries": len(queries)}


def _query_gain(
    model: Model,
    folder: Path,
    query: dict[str, Any],
    rows: Sequence[dict[str, str]],
    images: Floats,
    gains: dict[str, int],
) -> float:
    embedding = (
        model.texts([query["text"]]) if "text" in query else model.images([folder / query["image"]])
    )
    kept = [place for place, row in enumerate(rows) if _passes(row, query.get("filter", {}))]
    scores = images[kept] @ embedding[0]
    best = np.argsort(-scores, kind="stable")[:10]
    ranked = [float(gains.get(rows[kept[place]]["id"], 0)) for place in best]
    return metrics.ndcg(ranked, [float(gain) for gain in gains.values()])


def _passes(row: dict[str, str], bounds: dict[str, Any]) -> bool:
    """Apply a query's filter to a row of strings: equality, or lt and gt on numbers."""
    for column, bound in bounds.items():
        value = row[column]
        if isinstance(bound, dict):
            number = float(value)
            below, above = bound.get("lt", np.inf), bound.get("gt", -np.inf)
            if not above < number < below:
                return False
        elif value != (str(bound).lower() if isinstance(bound, bool) else str(bound)):
            return False
    return True


def photos_held_back(recipe: Recipe, catalog: Path, count: int = 471) -> list[Row]:
    """Photos of split `train` that the recipe did not train on, to widen the candidates."""
    if not (catalog / "catalog.csv").exists():
        return []
    rows = catalog_rows(catalog, "train")
    return held_back(rows, recipe.data.validation, recipe.seed)[1][:count]


def evaluate_all(
    model: Model, catalog: Path, photos: Path, sample: Path, others: Sequence[Row] = ()
) -> dict[str, dict[str, float]]:
    """Measure whatever is there: the catalogue's test split, the photos, the sample."""
    found = {}
    if (catalog / "catalog.csv").exists():
        found["test"] = evaluate_catalog(model, catalog, others=others)
    if (photos / "catalog.csv").exists():
        found["photos"] = evaluate_photos(model, photos)
    if (sample / "qrels.json").exists():
        found["sample"] = evaluate_sample(model, sample)
    return found
