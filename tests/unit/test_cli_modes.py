"""`vitrine search --mode`, on a real collection."""

import json
from functools import partial
from pathlib import Path

import pytest

from search.config import Settings
from tests.command_line import Vitrine, runner
from tests.sample_collection import build, chosen_rows

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build(tmp_path_factory.mktemp("modes"), chosen_rows(40))


@pytest.fixture
def search(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    collection: Settings,
) -> Vitrine:
    """Run `vitrine search ARGUMENTS` in an empty folder of its own."""
    return partial(runner(capfd, monkeypatch, tmp_path), "search", "--db", collection.db)


def test_a_misspelt_brand_is_found_by_words(search: Vitrine) -> None:
    brand = chosen_rows(40)[0]["brand"]
    said = search(brand[:-1], "--mode", "text", "--total", "--json")
    assert said.code == 0, said.err
    page = json.loads(said.out)
    assert page["total"] == sum(row["brand"] == brand for row in chosen_rows(40))
    assert {hit["fields"]["brand"] for hit in page["hits"]} == {brand}
    assert all(0.9 < hit["fused"] < 1.1 for hit in page["hits"][:1])


def test_what_was_corrected_is_told(search: Vitrine) -> None:
    said = search("red drss", "--mode", "hybrid", "-n", "3")
    assert said.code == 0, said.err
    assert "Read 'drss' as 'dress'." in said.out + said.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [(("dress", "--mode", "lexical"), "no mode"), (("--item", "v0037", "--mode", "text"), "words")],
)
def test_wrong_modes_are_refused(search: Vitrine, arguments: tuple[str, ...], problem: str) -> None:
    said = search(*arguments)
    assert said.code == 2
    assert problem in said.err
