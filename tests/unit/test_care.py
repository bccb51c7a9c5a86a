"""Catalogue care on drawn pictures and made-up embeddings: what is reported, and what is not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from api.cli.care import write_page
from api.cli.duplicates import csv_text
from indexer.care.duplicates import DuplicateOptions, Duplicates, find_duplicates
from indexer.care.grouping import split_by_keeper
from indexer.care.neighbours import nearest, similar_pairs
from indexer.care.outliers import find_outliers
from indexer.care.pictures import PictureReader
from indexer.care.snapshot import Entry, Snapshot
from search.errors import ConfigError
from search.images import ImageLimits
from tests.sample_collection import SAMPLE

HOSTILE = '<script>alert(1)</script>"&'


def snapshot(entries: list[Entry], embeddings: np.ndarray) -> Snapshot:
    return Snapshot("products__v1", "mini", "kind", tuple(entries), embeddings.astype(np.float32))


def entry(id: str, image: Path | str, **more: object) -> Entry:
    return replace(Entry(id, str(image), f"Item {id}", None, f"hash of {id}", 1), **more)


def alike(entries: list[Entry]) -> Snapshot:
    """A snapshot whose embeddings say that everything is the same."""
    return snapshot(entries, np.tile(np.eye(4)[:1], (len(entries), 1)))


def search(of: Snapshot, **options: object) -> Duplicates:
    with PictureReader(ImageLimits()) as pictures:
        return find_duplicates(of, pictures, DuplicateOptions(**options))  # type: ignore[arg-type]


def groups(found: Duplicates) -> set[frozenset[str]]:
    return {frozenset(m.entry.id for m in group.members) for group in found.groups}


def test_copies_are_found_and_the_largest_is_kept(tmp_path: Path) -> None:
    entries = []
    for name in ("v0001", "v0100", "v0200"):
        image = Image.open(SAMPLE / "images" / f"{name}.jpg")
        image.save(tmp_path / f"{name}-q60.jpg", quality=60)
        image.resize((205, 205)).save(tmp_path / f"{name}-small.jpg", quality=88)
        entries.append(entry(name, SAMPLE / "images" / f"{name}.jpg"))
        entries += [entry(f"{name}-{k}", tmp_path / f"{name}-{k}.jpg") for k in ("q60", "small")]
    found = search(alike(entries))
    assert groups(found) == {
        frozenset({name, f"{name}-q60", f"{name}-small"}) for name in ("v0001", "v0100", "v0200")
    }
    assert [group.keeper.entry.id for group in found.groups] == ["v0001", "v0100", "v0200"]
    assert csv_text(found).count("\r\n") == 10


def test_the_same_thing_in_another_colour_is_no_duplicate(tmp_path: Path) -> None:
    pytest.importorskip("skia")
    from training.drawing import draw, random_spec

    entries = []
    for kind in ("dress", "sneakers", "handbag", "watch"):
        spec = random_spec(np.random.default_rng(0), kind=kind, colour="red", pattern="plain")
        for colour in ("red", "blue", "green"):
            path = tmp_path / f"{kind}-{colour}.png"
            draw(replace(spec, colour=colour), seed=5).save(path)
            entries.append(entry(path.stem, path))
    assert not search(alike(entries)).groups


def test_variants_of_one_product_only_when_asked_for() -> None:
    image = SAMPLE / "images" / "v0001.jpg"
    entries = [entry(id, image, image_hash="same", product_id="p") for id in "ab"]
    assert not search(alike(entries)).groups
    assert groups(search(alike(entries), within_products=True)) == {frozenset("ab")}
    other = [*entries, entry("c", image, image_hash="same", product_id="q")]
    [group] = search(alike(other)).groups
    assert [(m.entry.id, m.keep) for m in group.members] == [("a", True), ("b", True), ("c", False)]


def test_pictures_that_are_gone_are_told_and_not_fatal(tmp_path: Path) -> None:
    entries = [entry("a", tmp_path / "no.jpg"), entry("b", SAMPLE / "images" / "v0001.jpg")]
    found = search(alike(entries))
    assert not found.groups
    assert [e.id for e, _ in found.unread] == ["a"]


def test_options_out_of_range() -> None:
    for wrong in ({"threshold": 0.0}, {"max_hash_bits": 65}, {"max_difference": 2.0}):
        with pytest.raises(ConfigError):
            DuplicateOptions(**wrong)  # type: ignore[arg-type]


def test_chains_are_split_at_what_is_not_the_same_as_the_keeper() -> None:
    parts = split_by_keeper([0, 1, 2, 3], lambda one: (one,), lambda a, b: abs(a - b) == 1)
    assert parts == [[0, 1], [2, 3]]


def test_tiles_find_what_one_large_product_finds() -> None:
    rows = np.random.default_rng(0).normal(size=(101, 6)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    expected = {(i, j) for i, j in np.argwhere(rows @ rows.T >= 0.8).tolist() if i < j}
    tiles = list(similar_pairs(rows, 0.8, tile=16))
    assert {(i, j) for t in tiles for i, j in zip(t.first.tolist(), t.second.tolist())} == expected
    assert tiles[-1].compared == 101 * 100 // 2
    found = nearest(rows, 5)
    scores = rows @ rows.T
    np.fill_diagonal(scores, -np.inf)
    np.testing.assert_allclose(found.scores, -np.sort(-scores, axis=1)[:, :5], atol=1e-6)


def test_swapped_pictures_are_the_outliers() -> None:
    rng = np.random.default_rng(0)
    kinds = np.repeat(np.arange(5), 20)
    rows = np.eye(8)[kinds] + rng.normal(scale=0.05, size=(100, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[[3, 45]] = rows[[45, 3]]
    entries = [entry(f"{i:03}", "x.jpg", label=f"kind {k}") for i, k in enumerate(kinds)]
    found = find_outliers(snapshot(entries, rows))
    assert {(o.entry.id, o.looks_like) for o in found} == {("003", "kind 2"), ("045", "kind 0")}


def test_titles_are_text_never_markup(tmp_path: Path) -> None:
    image = SAMPLE / "images" / "v0001.jpg"
    entries = [entry(id, image, image_hash="same", title=HOSTILE) for id in "ab"]
    found = search(alike(entries))
    values = {"found": found, "groups": found.groups, "most_members": 9, "pictures": {}}
    write_page(tmp_path / "sheet.html", "duplicates.html", values)
    html = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert "<script" not in html
    assert "&lt;script&gt;" in html
