"""Whole runs by their settings, as the command line and the service's jobs begin them."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from indexer import ColumnNames, IndexOptions, IndexReport
from indexer.rollout.reindexing import ReindexOptions
from indexer.runs import index_run, reindex_run
from search.config import Settings
from search.errors import CatalogError, CollectionNotFoundError
from tests.sample_collection import chosen_rows, write_catalog
from tests.second_model import second_model

pytestmark = pytest.mark.model


def indexed(catalog: Path, settings: Settings) -> IndexReport:
    chosen = IndexOptions.of(settings, ColumnNames(), {})
    return index_run(str(catalog), settings, chosen, showing=lambda: nullcontext(print), warn=print)


def test_a_catalogue_that_is_none_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    settings = Settings(db=str(tmp_path / "shop.db"))
    (tmp_path / "words.csv").write_text("id,title\n1,Dress\n")
    for name in ("missing.csv", "words.csv"):
        with pytest.raises(CatalogError):
            indexed(tmp_path / name, settings)
    assert [path.name for path in tmp_path.iterdir()] == ["words.csv"]


def test_the_model_of_a_first_run_that_failed_is_that_of_the_next(tmp_path: Path) -> None:
    model = second_model(tmp_path / "second")
    settings = Settings(db=str(tmp_path / "shop.db"))
    rows = chosen_rows(3)
    broken = write_catalog([row | {"image": "/no/such.png"} for row in rows], tmp_path / "b.csv")
    with pytest.raises(CatalogError, match="rows failed"):
        indexed(broken, settings.model_copy(update={"model": model}))
    report = indexed(write_catalog(rows, tmp_path / "c.csv"), settings)
    assert (report.model, report.indexed) == (model, len(rows))
    other = settings.model_copy(update={"collection": "others"})
    assert indexed(tmp_path / "c.csv", other).model == "mini"


def test_without_a_catalogue_a_rebuild_says_which_one_it_reads(tmp_path: Path) -> None:
    settings = Settings(db=str(tmp_path / "shop.db"))
    catalog = write_catalog(chosen_rows(3), tmp_path / "c.csv")
    first = indexed(catalog, settings)
    noted: list[str] = []
    given = {"showing": lambda: nullcontext(print), "warn": print, "note": noted.append}
    chosen = ReindexOptions(index=IndexOptions.of(settings, ColumnNames(), {}))
    done = reindex_run(None, settings, chosen, **given)  # type: ignore[arg-type]
    assert done.switched and done.index.indexed == first.indexed
    assert noted[0] == f"From {catalog}, as {first.job.name}"
    assert "this very model (mini)" in noted[1]
    nobody = settings.model_copy(update={"collection": "nobody"})
    with pytest.raises(CollectionNotFoundError):
        reindex_run(None, nobody, chosen, **given)  # type: ignore[arg-type]
