"""`vitrine make-queries` and `vitrine eval` on real collections of two models."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli.main import app
from search.config import Settings
from search.errors import CollectionNotFoundError, ConfigError, EvaluationError
from search.evaluation.keeping import EvaluationFiles
from tests.sample_collection import SAMPLE, build, chosen_rows
from tests.second_model import second_model

pytestmark = pytest.mark.model

Vitrine = Callable[..., Result]
HOSTILE = "<script>alert(1)</script> & red dress"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The collections `products`, of the bundled model, and `other`, of random weights."""
    folder = tmp_path_factory.mktemp("shop")
    settings = build(folder, chosen_rows(60))
    indexed = CliRunner().invoke(
        app,
        ["index", str(folder / "catalog.csv"), "--db", settings.db, "--collection", "other",
         "--model", second_model(folder / "second"), "--job-dir", str(folder / "jobs")],
    )  # fmt: skip
    assert indexed.exit_code == 0, indexed.output
    return settings


@pytest.fixture(scope="module")
def files(shop: Settings, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options that name queries made of the collection, and two that a person added."""
    folder = tmp_path_factory.mktemp("made")
    paths = folder / "q.jsonl", folder / "r.json"
    names = ["--out-queries", str(paths[0]), "--out-qrels", str(paths[1])]
    made = CliRunner().invoke(
        app, ["make-queries", "--db", shop.db, *names, "--per-kind", "15", "--json"]
    )
    assert made.exit_code == 0, made.output
    said = json.loads(made.stdout)
    assert (said["count"], said["groups"]["title"]) == (sum(said["groups"].values()), 15)
    assert {"colour", "kind"} < set(said["columns"]) and said["numbers"] == ["price"]
    shutil.copy(SAMPLE / "images" / "v0001.jpg", folder)
    qrels = json.loads(paths[1].read_text())
    any_item = next(iter(qrels["title-001"]))
    with paths[0].open("a") as file:
        file.write(json.dumps({"id": "picture", "image": "v0001.jpg"}) + "\n")
        file.write(json.dumps({"id": "hostile", "text": HOSTILE}) + "\n")
    gains = {"picture": {any_item: 1}, "hostile": {any_item: 1}}
    paths[1].write_text(json.dumps(qrels | gains))
    return ["--queries", str(paths[0]), "--qrels", str(paths[1])]


@pytest.fixture
def vitrine(shop: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Vitrine:
    """Run `vitrine ARGUMENTS` on the database, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VITRINE_DB", shop.db)
    return lambda *arguments: CliRunner().invoke(app, arguments)


def test_numbers_in_two_commands(vitrine: Vitrine) -> None:
    made = vitrine("make-queries", "--per-kind", "5")
    assert made.exit_code == 0, made.output
    assert re.search(r"title: 5, usually \d right answers?, such as '", made.stdout)
    then = re.search(r"Go on: vitrine (eval .*)", made.stderr)
    assert then is not None
    measured = vitrine(*then[1].split())
    assert measured.exit_code == 0, measured.output
    assert "nDCG@10" in measured.stdout and Path("eval.html").is_file()
    again = vitrine("make-queries")
    assert isinstance(again.exception, EvaluationError) and "--force" in str(again.exception)
    assert vitrine("make-queries", "--force", "--per-kind", "5").exit_code == 0


def test_a_trained_model_is_significantly_better_than_random_weights(
    vitrine: Vitrine, files: list[str]
) -> None:
    said = json.loads(vitrine("eval", *files, "--against", "other", "--json").stdout)
    assert said["first"]["collection"] == "products__v1" and said["first"]["model"] == "mini"
    assert said["second"]["collection"] == "other__v1"
    gap = next(each for each in said["differences"] if each["measure"] == "ndcg_10")
    assert gap["verdict"] == "significant" and gap["low"] > 0 and gap["p_value"] < 0.01
    assert gap["difference"] == pytest.approx(
        said["first"]["overall"]["ndcg_10"] - said["second"]["overall"]["ndcg_10"]
    )
    text = vitrine("eval", *files, "--collection", "other", "--against", "products").stdout
    assert "A: other__v1" in text and "B: products__v1, model mini" in text
    assert "B is better: nDCG@10 differs by -0." in text


def test_a_collection_does_not_differ_from_itself(vitrine: Vitrine, files: list[str]) -> None:
    said = vitrine("eval", *files, "--against", "products")
    assert said.exit_code == 0, said.output
    assert "Neither is shown to be better: nDCG@10 differs by +0.000" in said.stdout
    assert len(re.findall("not significant", said.stdout)) == 9  # Eight measures, the conclusion.


def test_settings_of_the_queries_are_compared(vitrine: Vitrine, files: list[str]) -> None:
    asked = ["--set", "relevant=50", "--against-set", "diversity=1"]
    said = json.loads(vitrine("eval", *files, *asked, "--json").stdout)
    assert said["first"]["settings"] == {"relevant": 50}
    assert said["second"]["settings"] == {"relevant": 50, "diversity": 1}
    assert said["first"]["collection"] == said["second"]["collection"]
    found = [[query["found"] for query in said[side]["queries"]] for side in ("first", "second")]
    assert found[0] != found[1]


def test_a_reranker_that_is_set_up_is_compared(
    vitrine: Vitrine, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["eval", *files, "--against-set", "rerank=exact", "--json"]
    refused = vitrine(*arguments)
    assert "VITRINE_RERANKERS" in str(refused.exception)
    monkeypatch.setenv("VITRINE_RERANKERS", "exact")
    found = vitrine(*arguments)
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["second"]["settings"] == {"rerank": "exact"}


def test_what_is_saved_is_what_was_printed_and_only_of_one_collection(
    vitrine: Vitrine, files: list[str], shop: Settings
) -> None:
    kept = EvaluationFiles(shop.evaluations, shop.db)
    assert vitrine("eval", *files).exit_code == 0 and kept.last("products__v1") is None
    compared = vitrine("eval", *files, "--against", "other", "--save")
    assert isinstance(compared.exception, ConfigError) and kept.last("products__v1") is None
    said = vitrine("eval", *files, "--slice", "kind", "--save", "--json")
    assert said.exit_code == 0, said.output
    printed, saved = json.loads(said.stdout), kept.last("products__v1")
    assert saved is not None and asdict(saved.overall) == printed["overall"]
    assert (saved.model, saved.items, saved.queries) == ("mini", 67, "q.jsonl")
    assert len(saved.slices) == len(printed["slices"]) > 0


def test_slices_of_one_and_of_two_collections(vitrine: Vitrine, files: list[str]) -> None:
    by = ["--slice", "kind", "--slice", "price:2"]
    alone = json.loads(vitrine("eval", *files, *by, "--json").stdout)
    prices = [each for each in alone["slices"] if each["column"] == "price"]
    assert len(prices) == 2
    assert sum(each["queries"] for each in prices) == alone["overall"]["queries"]
    for each in prices:
        assert 0 <= each["low"] <= each["ndcg_10"] <= each["high"] <= 1
    both = json.loads(vitrine("eval", *files, *by, "--against", "other", "--json").stdout)
    assert [each["first"]["value"] for each in both["slices"]] == [
        each["value"] for each in alone["slices"]
    ]
    assert all(each["verdict"] == "significant" for each in both["slices"][-2:])
    text = vitrine("eval", *files, *by)
    assert "after Holm over" in text.stderr and "values with fewer than 10" in text.stderr


def test_the_page_shows_the_worst_queries_and_runs_nothing(
    vitrine: Vitrine, files: list[str]
) -> None:
    asked = ["eval", *files, "--html", "eval.html", "--worst", "100"]
    assert vitrine(*asked).exit_code == 0
    page = Path("eval.html").read_text()
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page
    assert "http://" not in page and "https://" not in page
    queries = len(Path(files[1]).read_text().splitlines())
    assert page.count("<section>") == queries  # Each once.
    assert page.count('alt="v0001.jpg"') == 1 and "picture not found" not in page
    assert page.count("data:image/jpeg;base64,") > 6 * queries
    assert vitrine(*asked, "--worst", "3", "--against", "other").exit_code == 0
    both = Path("eval.html").read_text()
    assert "Where B loses most" in both and "B found, nDCG@10" in both
    assert both.count("<section>") <= 9


@pytest.mark.parametrize(
    ("more", "error", "says"),
    [
        (["--against", "nowhere"], CollectionNotFoundError, "nowhere"),
        (["--against-set", "colour=red"], EvaluationError, "'colour=red' is no setting"),
        (["--slice", "material"], EvaluationError, "There are .*colour.*kind"),
        (["--slice", "price:1"], EvaluationError, "2 or more"),
    ],
)
def test_what_cannot_be_compared_is_said(
    more: list[str], error: type[Exception], says: str, vitrine: Vitrine, files: list[str]
) -> None:
    left = vitrine("eval", *files, *more)
    assert isinstance(left.exception, error)
    assert re.search(says, str(left.exception))


def test_items_that_one_of_two_collections_lacks_are_named_with_it(
    vitrine: Vitrine, files: list[str], shop: Settings, tmp_path: Path
) -> None:
    build(tmp_path, chosen_rows(60)[:3])
    left = vitrine("eval", *files, "--against-db", str(tmp_path / "sample.db"))
    assert isinstance(left.exception, EvaluationError)
    assert re.search(r"items of the qrels are not in products__v1", str(left.exception))


@pytest.mark.parametrize("command", ["eval", "make-queries"])
def test_help_fits_a_narrow_terminal(
    command: str, vitrine: Vitrine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = vitrine(command, "--help").stdout
    assert max(map(len, said.splitlines())) <= 80 and "…" not in said
