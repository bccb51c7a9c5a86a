"""A catalogue of good and spoilt pictures: every row is indexed or listed, and sums agree."""

import csv
import json
import random
from pathlib import Path

import numpy as np
import pytest

from indexer import IndexOptions, IndexReport, index_catalog
from search.encoders import load_encoder
from search.errors import ImageError
from search.images import ImageLimits, decode_image
from search.store import open_store
from tests.fault.bad_images import bad_images, picture, saved

pytestmark = pytest.mark.model

ROWS = 600
GOOD_EVERY = 3


def written(folder: Path) -> dict[str, bytes]:
    """The files of a catalogue by name; every third is a whole picture."""
    spoilt = bad_images(ROWS, seed=3)
    files = {}
    for number, bad in enumerate(spoilt):
        good = number % GOOD_EVERY == 0
        suffix = "jpg" if good else random.Random(number).choice(("jpg", "png", "webp"))
        data = saved(picture(random.Random(number)), "JPEG") if good else bad.data
        files[f"{'good' if good else 'bad'}-{number:03}.{suffix}"] = data
    (folder / "images").mkdir()
    for name, data in files.items():
        (folder / "images" / name).write_bytes(data)
    return files


def unreadable(files: dict[str, bytes], limits: ImageLimits) -> set[str]:
    names = set()
    for name, data in files.items():
        try:
            decode_image(data, limits)
        except ImageError:
            names.add(name)
    return names


@pytest.mark.parametrize("form", ["folder", "csv"])
def test_every_row_is_indexed_or_listed(form: str, tmp_path: Path) -> None:
    files = written(tmp_path)
    options = IndexOptions(
        job_dir=tmp_path / "jobs", limits=ImageLimits(5_000_000, 4_000_000), max_failed_share=1.0
    )
    expected = unreadable(files, options.limits)
    assert len(expected) > ROWS / 4
    catalog = tmp_path / "images"
    if form == "csv":
        catalog = tmp_path / "catalog.csv"
        with catalog.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["id", "image", "title"])
            rows.writerows([name, f"images/{name}", f"Item {name}"] for name in files)
    encoder = load_encoder("mini", device="cpu")
    store = open_store(str(tmp_path / "vitrine.db"))
    try:
        report = index_catalog(
            catalog, store=store, encoder=encoder, alias="products", options=options
        )
        ids = set(store.scan_ids("products"))
        assert report.rows == ROWS
        assert (report.indexed, report.failed) == (ROWS - len(expected), len(expected))
        assert len(ids) == report.indexed
        listed = failures(report)
        assert {Path(str(one["image"])).name for one in listed} == expected
        numbers = [one["row"] for one in listed]
        assert len(set(numbers)) == len(expected)
        assert all(str(one["reason"]) and str(one["hint"]) for one in listed)
        if form == "csv":
            names = list(files)
            assert {names[int(str(one["row"])) - 2] for one in listed} == expected
            # A good picture finds itself.
            image = decode_image(files["good-300.jpg"], options.limits)
            _, found = store.embeddings("products", ["good-300.jpg"])
            assert float(np.dot(found[0], encoder.encode_images([image])[0])) > 0.999
    finally:
        store.close()


def failures(report: IndexReport) -> list[dict[str, object]]:
    return [json.loads(line) for line in report.errors_file.read_text().splitlines()]
