"""`vitrine search --rerank` and `--explain`, on a real collection."""

import json
import re
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from search.config import Settings
from tests.command_line import Vitrine, runner
from tests.sample_collection import build, chosen_rows

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build(tmp_path_factory.mktemp("explained"), chosen_rows(40))


@pytest.fixture
def search(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    collection: Settings,
) -> Vitrine:
    """Run `vitrine search "red floral dress" ARGUMENTS` in an empty folder of its own."""
    run = runner(capfd, monkeypatch, tmp_path)
    return partial(run, "search", "red floral dress", "--db", collection.db)


def test_an_explanation_has_every_word_of_every_hit(search: Vitrine, tmp_path: Path) -> None:
    said = search("--explain", "why", "-n", "3", "--rerank", "late-interaction", "--json")
    assert said.code == 0, said.err
    hits = json.loads(said.out)["hits"]
    page = (tmp_path / "why" / "index.html").read_text(encoding="utf-8")
    shown = re.findall(r'<img src="(overlays/[^"]+)"', page)
    # The picture itself, the whole text, and its three words.
    assert len(shown) == len(set(shown)) == 5 * len(hits) == 15
    for name in shown:
        with Image.open(tmp_path / "why" / name) as picture:
            assert min(picture.size) > 100
    for hit in hits:
        assert hit["id"] in page
        assert [each["kind"] for each in hit["contributions"]] == ["text", "rerank"]


def test_an_explanation_that_cannot_be_written_is_one_line(search: Vitrine, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    said = search("--explain", "taken")
    assert said.code == 1 and "Cannot write the explanation" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("name", ["colbert", "cross-encoder", "endpoint:nowhere", ""])
def test_rerankers_that_cannot_be_are_wrong_usage(search: Vitrine, name: str) -> None:
    assert search("--rerank", name).code == 2


def test_a_reranker_that_fails_is_a_warning(search: Vitrine, tmp_path: Path) -> None:
    said = search("--rerank", f"cross-encoder:{tmp_path}", "--json")
    assert said.code == 0
    assert "Not reranked" in " ".join(json.loads(said.out)["warnings"])
