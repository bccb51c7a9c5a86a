"""The service seen from outside: metrics, the dashboard, log lines, traces, the query log."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from api.app import create_app
from api.observing.facts import Facts
from api.observing.metrics import Metrics
from api.readiness import EngineSlot
from search.config import Settings
from search.errors import StoreUnavailableError
from search.evaluation import load_qrels, load_queries
from search.store.base import CollectionInfo
from tests.command_line import runner
from tests.keyed_service import app_of, bearer, make_key, service
from tests.local_client import local_client
from tests.sample_collection import build, chosen_rows
from tests.trace_receiver import TraceReceiver, trace_receiver
from tests.waiting import wait_until

pytestmark = pytest.mark.model

ROOT = Path(__file__).parents[3]
SECRET = "zebra crossing wish"
"""A text that nothing but the query log may repeat."""


@dataclass(frozen=True)
class Observed:
    """A running service with everything switched on."""

    client: TestClient
    settings: Settings
    traces: TraceReceiver
    log: Path

    def samples(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        """The samples of /metrics by name."""
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families(self.client.get("/metrics").text):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
        return found

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels; 0 if there are none."""
        return sum(
            value
            for found, value in self.samples().get(name, [])
            if labels.items() <= found.items()
        )

    def lines(self, request_id: str) -> list[dict[str, Any]]:
        """What the query log has of a request."""
        text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        lines = [json.loads(line) for line in text.splitlines()]
        return [line for line in lines if line["request_id"] == request_id]

    def logged(self, request_id: str, count: int = 1) -> list[dict[str, Any]]:
        """The same, once there is so much."""
        wait_until(lambda: len(self.lines(request_id)) >= count)
        return self.lines(request_id)


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    folder = tmp_path_factory.mktemp("observed")
    log = folder / "log" / "queries.log"
    settings = build(folder, chosen_rows()).model_copy(update={"query_log": log})
    with trace_receiver() as traces, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", traces.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        with local_client(create_app(settings)) as client:
            wait_until(lambda: client.get("/readyz").status_code == 200, 60)
            yield Observed(client, settings, traces, log)


def test_requests_are_counted_by_route_method_and_status(observed: Observed) -> None:
    route = "/v1/items/{id}"
    before = observed.value("vitrine_requests_total", route=route, status="404")
    observed.client.get("/v1/items/none-of-ours")
    observed.client.get("/v1/items/nor%2Fthis")
    labels = {"route": route, "status": "404", "method": "GET"}
    assert observed.value("vitrine_requests_total", **labels) == before + 2
    assert observed.value("vitrine_errors_total", code="item_not_found", status="404") >= 2
    assert observed.value("vitrine_request_seconds_count", route=route) >= before + 2


def test_labels_stay_few_whatever_is_sent(observed: Observed) -> None:
    client = observed.client

    def send(number: int) -> None:
        client.get(f"/v1/items/item-{number}")
        client.get(f"/nowhere/{number}")
        client.request(f"METHOD{number}", "/v1/search")
        client.get("/v1/search", params={"q": f"wish {number}", "filter": f"field{number}=1"})

    def series() -> int:
        return sum(len(each) for each in observed.samples().values())

    send(0)
    series()  # Asking is a request, too.
    before = series()
    for number in range(1, 6):
        send(number)
    assert series() == before


def test_searches_are_timed_by_stage(observed: Observed) -> None:
    before = observed.value("vitrine_stage_seconds_count", stage="total")
    page = observed.client.get("/v1/search?q=red+dress&mode=hybrid&relevance=true").json()
    assert {"resolve", "encode", "words", "relevance", "store", "total"} == set(page["took_ms"])
    for stage in page["took_ms"]:
        assert observed.value("vitrine_stage_seconds_count", stage=stage) >= 1
    assert observed.value("vitrine_stage_seconds_count", stage="total") == before + 1


def test_texts_that_come_again_are_hits_of_the_cache_and_no_batch(observed: Observed) -> None:
    def counts() -> tuple[float, float, float]:
        return (
            observed.value("vitrine_text_cache_hits_total"),
            observed.value("vitrine_text_cache_misses_total"),
            observed.value("vitrine_encoder_batch_size_count", kind="text"),
        )

    query = "/v1/search?q=a+text+of+its+own&literal=true"
    hits, misses, batches = counts()
    observed.client.get(query)
    assert counts() == (hits, misses + 1, batches + 1)
    observed.client.get(query)
    assert counts() == (hits + 1, misses + 1, batches + 1)
    assert observed.value("vitrine_encoder_wait_seconds_count", kind="text") == batches + 1


def test_the_collection_and_its_freshness_are_told(observed: Observed) -> None:
    ready = observed.client.get("/readyz").json()
    labels = {"alias": "products", "version": ready["collection"], "model": "mini"}
    assert observed.value("vitrine_collection_info", **labels) == 1
    assert observed.value("vitrine_collection_items") == ready["items"]
    assert observed.value("vitrine_ready") == 1
    [report] = observed.settings.jobs.glob("*/report.json")
    finished = json.loads(report.read_text(encoding="utf-8"))["finished"]
    written = observed.value("vitrine_index_last_write_timestamp_seconds")
    assert written == pytest.approx(datetime.fromisoformat(finished).timestamp(), abs=1)
    before = time.time()
    assert observed.client.delete("/v1/items/a%2Fimage").status_code == 204
    assert observed.value("vitrine_index_last_write_timestamp_seconds") >= before
    assert observed.value("vitrine_collection_items") == ready["items"] - 1


class HangingSlot(EngineSlot):
    """An engine whose database does not answer."""

    answers = threading.Event()

    def check(self) -> CollectionInfo:
        self.answers.wait(60)
        raise StoreUnavailableError("No answer.")


def test_metrics_are_told_while_the_database_hangs(tmp_path: Path) -> None:
    settings = Settings(db=str(tmp_path / "x.db"))
    metrics, slot = Metrics(), HangingSlot(settings)
    facts = Facts(slot, settings, metrics, None)
    metrics.add(facts)
    started = time.monotonic()
    assert b"vitrine_ready 0.0" in metrics.text()
    assert b"vitrine_ready 0.0" in metrics.text()
    assert time.monotonic() - started < 20
    slot.answers.set()
    facts.close()


def test_every_metric_of_the_dashboard_is_there(observed: Observed) -> None:
    client = observed.client
    client.get("/v1/search?q=red+dress")
    client.get("/nowhere")
    client.post("/v1/feedback", json={"query": "dress", "item": "v1", "kind": "click"})
    text = (ROOT / "docs/grafana/vitrine.json").read_text(encoding="utf-8")
    panels = json.loads(text)["panels"]
    asked = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    named = set(re.findall(r"\b(?:vitrine|process)_\w+", asked))
    assert len(named) > 15
    assert not named - observed.samples().keys()


def test_every_metric_is_explained(observed: Observed) -> None:
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    there = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for name in observed.samples()
        if name.startswith("vitrine_")
    }
    page = page.replace("`_misses_total`", "`vitrine_text_cache_misses_total`")
    assert not [name for name in sorted(there) if f"`{name}`" not in page]


def test_metrics_want_a_key_where_everything_does(tmp_path: Path) -> None:
    token, _ = make_key(tmp_path)
    with service(tmp_path) as client:
        assert client.get("/metrics").status_code == 401
        answer = client.get("/metrics", headers=bearer(token))
        assert answer.status_code == 200
        assert "vitrine_ready 0.0" in answer.text
        assert 'vitrine_errors_total{code="unauthorized",status="401"} 1.0' in answer.text
    with service(tmp_path, metrics_open=True) as client:
        assert client.get("/metrics").status_code == 200
        assert client.get("/v1/search?q=x").status_code == 401


def test_too_many_requests_are_counted(tmp_path: Path) -> None:
    with service(tmp_path, rate_limit=1, metrics_open=True) as client:
        answers = [client.get("/v1/search?q=x").status_code for _ in range(3)]
        assert answers[1:] == [429, 429]
        counted = 'vitrine_errors_total{code="too_many_requests",status="429"} 2.0'
        assert counted in client.get("/metrics").text


def test_what_nobody_foresaw_is_counted_by_the_code_that_the_client_got(tmp_path: Path) -> None:
    app = app_of(tmp_path)

    @app.get("/fails")
    def fails() -> None:
        raise RuntimeError("It failed.")

    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/fails").json()["error"]["code"] == "internal_error"
        counted = 'vitrine_errors_total{code="internal_error",status="500"} 1.0'
        assert counted in client.get("/metrics").text


def test_a_search_is_a_line_of_the_log_without_its_words(observed: Observed) -> None:
    params = {"q": SECRET, "relevance": "true", "limit": "3", "filter": "price<777"}

    def ask() -> dict[str, Any]:
        page: dict[str, Any] = observed.client.get("/v1/search", params=params).json()
        return page

    # What scores are worth is found out beside the first queries.
    wait_until(lambda: ask()["relevance"] is not None, 60)
    with capture_logs() as lines:
        page = ask()
    [line] = [each for each in lines if each["event"] == "search"]
    assert line["collection"] == "products"
    assert line["version"] == page["collection"]
    assert line["model"] == "mini"
    assert line["hits"] == len(page["hits"])
    assert line["took_ms"] == page["took_ms"]
    assert line["relevance"] == pytest.approx(page["relevance"], abs=1e-3)
    assert not [each for each in lines if "zebra" in str(each) or "777" in str(each)]


def test_lines_and_errors_carry_the_request_id() -> None:
    code = (
        "import os; os.environ.pop('OTEL_EXPORTER_OTLP_ENDPOINT', None);"
        "import structlog; from api.logging import configure_logging;"
        "from api.observing.observing import Observing; from api.observing.served import SERVED;"
        "from search.config import Settings; from search.types import Page, Query, TextPart;"
        "configure_logging('INFO', 'json'); SERVED.set({'state': {'request_id': 'r1'}});"
        "structlog.contextvars.bind_contextvars(request_id='r1');"
        "page = Page((), 1, 0, 'products__v1', 'mini', took_ms={'total': 1.0});"
        "Observing.of(Settings()).searched(Query((TextPart('a wish'),)), page)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    [line] = [json.loads(each) for each in done.stderr.splitlines()]
    assert (line["event"], line["request_id"], line["hits"]) == ("search", "r1", 0)
    assert "wish" not in done.stderr


def attributes(span: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes
    }


def test_a_request_is_a_span_with_its_stages_below_it(observed: Observed) -> None:
    caller = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{caller}-00f067aa0ba902b7-01", "X-Request-ID": "traced"}
    answer = observed.client.get("/v1/search", params={"q": SECRET}, headers=headers)

    def ours() -> list[Any]:
        return [span for span in observed.traces.spans if span.trace_id.hex() == caller]

    wait_until(lambda: any(span.name == "GET /v1/search" for span in ours()))
    spans = {span.name: span for span in ours()}
    request, search = spans["GET /v1/search"], spans["search"]
    assert request.parent_span_id.hex() == "00f067aa0ba902b7"
    assert search.parent_span_id == request.span_id
    took = answer.json()["took_ms"]
    assert {name for name, span in spans.items() if span.parent_span_id == search.span_id} == (
        took.keys() - {"total"}
    )
    for stage in took.keys() - {"total"}:
        lasted = (spans[stage].end_time_unix_nano - spans[stage].start_time_unix_nano) / 1e6
        assert lasted == pytest.approx(took[stage], abs=0.01)
    assert attributes(request)["http.response.status_code"] == 200
    assert attributes(request)["vitrine.request_id"] == "traced"
    assert attributes(search)["vitrine.version"] == answer.json()["collection"]
    assert "zebra" not in str(ours())


def test_a_collector_that_is_gone_does_not_hold_the_service_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trace_receiver() as gone:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", gone.url)
    with service(tmp_path, client=("127.0.0.1", 1)) as client:
        assert client.get("/v1/search?q=x").status_code == 404
        started = time.monotonic()
    assert time.monotonic() - started < 15


def test_without_a_collector_nothing_of_opentelemetrys_sdk_is_imported() -> None:
    code = (
        "import sys, os; os.environ.pop('OTEL_EXPORTER_OTLP_ENDPOINT', None);"
        "from api.app import create_app; from search.config import Settings;"
        "app = create_app(Settings()); assert app.state.observing.traces is None;"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip().endswith("[]")


def test_searches_are_written_to_the_query_log(observed: Observed) -> None:
    params = {"q": "red dress", "filter": "price<500", "limit": "3", "offset": "1"}
    answer = observed.client.get("/v1/search", params=params)
    [line] = observed.logged(answer.headers["X-Request-ID"])
    assert line["parts"] == [{"text": "red dress", "weight": 1.0}]
    assert line["filter"] == {"price": {"lt": 500.0}}
    assert line["options"] == {"limit": 3, "offset": 1}
    hits = answer.json()["hits"]
    assert [hit["id"] for hit in line["results"]] == [hit["id"] for hit in hits]
    assert [hit["rank"] for hit in line["results"]] == [2, 3, 4]
    assert line["results"][0]["score"] == pytest.approx(hits[0]["score"], abs=1e-5)
    assert observed.log.stat().st_mode & 0o077 == 0


def test_pictures_are_logged_by_their_hash_and_steps_not_at_all(observed: Observed) -> None:
    image = Path(chosen_rows(20)[0]["image"]).read_bytes()
    answer = observed.client.post("/v1/search/image", files={"file": ("query.png", image)})
    [line] = observed.logged(answer.headers["X-Request-ID"])
    assert list(line["parts"][0]) == ["image", "weight"]
    assert re.fullmatch(r"[0-9a-f]{64}", line["parts"][0]["image"])
    both = {"queries": [{"text": "dress"}, {"text": "bag", "sort": ["-price"]}]}
    answer = observed.client.post("/v1/batch-search", json=both)
    lines = observed.logged(answer.headers["X-Request-ID"], 2)
    assert {line["parts"][0]["text"] for line in lines} == {"dress", "bag"}


def test_feedback_becomes_queries_with_right_answers(
    observed: Observed,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    client = observed.client
    answer = client.get("/v1/search?q=blue+striped+shirt")
    first, second = [hit["id"] for hit in answer.json()["hits"][:2]]
    request_id = answer.headers["X-Request-ID"]
    for item, kind in ((first, "click"), (first, "cart"), (second, "dismissed")):
        said = {"request_id": request_id, "item": item, "kind": kind, "rank": 1}
        told = client.post("/v1/feedback", json=said)
        assert (told.status_code, told.json()) == (202, {"kept": True})
    assert client.get("/v1/session").json()["keeps_feedback"] is True
    observed.logged(request_id, 4)
    vitrine = runner(capfd, monkeypatch, tmp_path)
    done = vitrine("make-queries", "--from-log", str(observed.log), "--json")
    assert done.code == 0, done.err
    queries = load_queries(tmp_path / "queries.jsonl")
    [query] = [each for each in queries if getattr(each.part, "text", "") == "blue striped shirt"]
    assert load_qrels(tmp_path / "qrels.json")[query.id] == {first: 2}


def test_feedback_that_says_too_little_or_too_much_is_refused(observed: Observed) -> None:
    click: dict[str, Any] = {"item": "v1", "kind": "click"}
    for body in (click, click | {"query": "dress", "request_id": "r1"}):
        answer = observed.client.post("/v1/feedback", json=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "invalid_query"
    for body in (click | {"query": "x", "kind": "liked"}, click | {"query": "x", "rank": 0}):
        assert observed.client.post("/v1/feedback", json=body).status_code == 422


def test_without_a_query_log_feedback_is_not_kept(tmp_path: Path) -> None:
    with service(tmp_path, client=("127.0.0.1", 1)) as client:
        answer = client.post("/v1/feedback", json={"query": "dress", "item": "v1", "kind": "click"})
        assert (answer.status_code, answer.json()) == (202, {"kept": False})
        assert client.get("/v1/session").json()["keeps_feedback"] is False


def test_several_processes_are_counted_together(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    code = (
        "from pathlib import Path; from tests.keyed_service import service\n"
        f"with service(Path({str(tmp_path)!r})) as client:\n"
        " client.get('/v1/search?q=x'); print(client.get('/metrics').text)"
    )
    for processes in (1, 2):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
            cwd=ROOT,
            env={"PATH": "", "PROMETHEUS_MULTIPROC_DIR": str(shared)},
        )
        labels = 'method="GET",route="/v1/search",status="404"'
        assert f"vitrine_requests_total{{{labels}}} {processes}.0" in done.stdout
        assert "vitrine_ready 0.0" in done.stdout
