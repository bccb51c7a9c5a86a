"""What `plan_index` says is what a run does, and it leaves everything as it is."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexer import IndexOptions, IndexReport, index_catalog, plan_index
from search.encoders import Encoder, load_encoder
from search.errors import ModelMismatchError
from search.store import Store, open_store
from tests.drawn_catalog import draw, rows_of, write
from tests.second_model import second_model

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(str(tmp_path / "db" / "vitrine.db"))) as store:
        yield store


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return tmp_path / "catalog.jsonl"


def options(catalog: Path, **more: object) -> IndexOptions:
    return IndexOptions(job_dir=catalog.parent / "jobs", **more)  # type: ignore[arg-type]


def run(catalog: Path, store: Store, encoder: Encoder) -> IndexReport:
    return index_catalog(
        catalog, store=store, encoder=encoder, alias="products", options=options(catalog)
    )


def test_an_image_that_cannot_be_decoded_fails_in_the_plan_as_in_the_run(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    rows = rows_of(catalog, 6)
    run(write(catalog, rows[:4]), store, mini)
    images = [catalog.parent / str(row["image"]) for row in rows]
    images[1].write_bytes(images[1].read_bytes()[:-40])  # Truncated: stored before, and changed.
    images[5].write_bytes(b"no image")
    write(catalog, rows)
    for encoder in (None, mini):
        plan = plan_index(
            catalog, store=store, alias="products", options=options(catalog), encoder=encoder
        )
        assert (plan.new, plan.changed, plan.unchanged, plan.failed) == (1, 0, 3, 2)
        assert plan.failed_by_code == {"image_unreadable": 2}
    report = run(catalog, store, mini)
    assert (report.indexed, report.updated, report.unchanged, report.failed) == (1, 0, 3, 2)


def test_another_model_is_refused_as_a_run_refuses_it(
    catalog: Path, store: Store, mini: Encoder, tmp_path: Path
) -> None:
    run(write(catalog, rows_of(catalog, 2)), store, mini)
    other = load_encoder(second_model(tmp_path / "second"), device="cpu")
    with pytest.raises(ModelMismatchError, match="was made with model 'mini'"):
        plan_index(catalog, store=store, alias="products", encoder=other)
    plan = plan_index(catalog, store=store, alias="new_shop", encoder=other)
    assert plan.new == 2


def test_the_plan_says_that_too_much_would_be_removed(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    rows = rows_of(catalog, 10)
    run(write(catalog, rows), store, mini)

    def told(kept: int, **more: object) -> str:
        write(catalog, rows[:kept])
        chosen = options(catalog, **more)
        plan = plan_index(catalog, store=store, alias="products", options=chosen)
        assert plan.missing == 10 - kept
        return " ".join(plan.notices)

    assert "would not remove the 3 of 10 items" in told(7) and "more than 20%" in told(7)
    assert "add --yes" in told(7)
    assert "remove" not in told(8) and "remove" not in told(7, confirmed=True)
    write(catalog, rows[:9])
    with catalog.open("a") as stream:
        stream.write("\n{ half a row")
    plan = plan_index(catalog, store=store, alias="products", options=options(catalog))
    assert "no id that can be read" in " ".join(plan.notices)


def test_what_is_remembered_of_images_is_read_and_left_as_it_is(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    rows = rows_of(catalog, 4)
    for row in rows:  # Files that were written a moment ago are not trusted.
        os.utime(catalog.parent / str(row["image"]), (1_700_000_000, 1_700_000_000))
    run(write(catalog, rows), store, mini)
    jobs = catalog.parent / "jobs"

    def files() -> dict[str, tuple[bytes, int]]:
        found = (path for path in jobs.iterdir() if path.is_file())
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in found}

    before = files()
    # As long and as old, so that only who does not ask the memory sees that its bytes are others.
    path = catalog.parent / str(rows[2]["image"])
    was = path.read_bytes()
    path.write_bytes(was[:-1] + bytes([was[-1] ^ 1]))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    plan = plan_index(catalog, store=store, alias="products", options=options(catalog))
    assert plan.unchanged == 4 and files() == before and set(before) == {"images.sqlite"}
    for broken in (b"no database", b""):
        (jobs / "images.sqlite").write_bytes(broken)
        plan = plan_index(catalog, store=store, alias="products", options=options(catalog))
        assert plan.changed + plan.failed == 1
        assert (jobs / "images.sqlite").read_bytes() == broken
    (jobs / "images.sqlite").unlink()
    draw(path, 99)
    plan_index(catalog, store=store, alias="products", options=options(catalog))
    assert files() == {}
