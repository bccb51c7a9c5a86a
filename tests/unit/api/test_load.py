"""Under load: what is let in, what is refused, and that nothing stands still meanwhile."""

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio.to_thread
import httpx2 as httpx
import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from api.admission import Admission
from api.app import create_app
from api.cli.serve import run_server
from api.readiness import EngineSlot
from search.config import Settings
from search.encoders.base import Embeddings, Encoder
from search.encoders.batching import BatchingEncoder
from search.engine import open_engine
from search.errors import ConfigError
from tests.error_shape import error_of
from tests.local_client import local_client
from tests.milvus_server import free_ports
from tests.running import run as run_coroutine
from tests.waiting import wait_until

pytestmark = pytest.mark.model


class Gated(BatchingEncoder):
    """The real encoder, which stands at a gate with texts that say so."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder)
        self.opened = threading.Event()
        self.held = 0

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        if any("slow" in text for text in texts):
            self.held += 1
            assert self.opened.wait(120)
        return super().encode_texts(texts)


@contextmanager
def gated_service(settings: Settings, **limits: object) -> Iterator[tuple[TestClient, Gated]]:
    """The service with a gate, ready; the gate is opened in the end."""
    gates: list[Gated] = []

    def wrap(encoder: Encoder) -> Encoder:
        gates.append(Gated(encoder))
        return gates[-1]

    slot = EngineSlot(settings, opener=partial(open_engine, wrap=wrap))
    limited = settings.model_copy(update=limits)
    with local_client(create_app(limited, slot=slot)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        try:
            yield client, gates[0]
        finally:
            gates[0].opened.set()


def search(client: TestClient, text: str) -> httpx.Response:
    return client.get("/v1/search", params={"q": text, "limit": 1})


def test_one_too_many_is_refused_at_once_and_others_are_served(settings: Settings) -> None:
    with (
        ThreadPoolExecutor(4) as pool,
        gated_service(settings, concurrency=1, waiting=1) as (client, gate),
    ):
        four = [pool.submit(search, client, "slow hat") for _ in range(4)]
        wait_until(lambda: sum(each.done() for each in four) == 2)
        refused = next(each for each in four if each.done()).result()
        error = error_of(refused, 429)
        assert error["code"] == "overloaded"
        assert int(refused.headers["Retry-After"]) >= 1
        # What says whether the service lives, and the page, are answered all the same.
        for path in ("/healthz", "/readyz", "/", "/openapi.json"):
            assert client.get(path).status_code == 200, path
        gate.opened.set()
        assert sorted(each.result().status_code for each in four) == [200, 200, 429, 429]
        assert search(client, "hat").status_code == 200


def test_the_event_loop_answers_while_every_thread_is_held_up(settings: Settings) -> None:
    with (
        ThreadPoolExecutor(4) as pool,
        gated_service(settings, concurrency=4, waiting=4) as (client, gate),
    ):
        held = [pool.submit(search, client, f"slow {number}") for number in range(4)]
        wait_until(lambda: gate.held == 4)
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
        gate.opened.set()
        assert {each.result().status_code for each in held} == {200}


def test_queries_at_the_same_moment_get_the_answers_that_they_get_alone(client: TestClient) -> None:
    texts = [f"{colour} {kind}" for colour in ("red", "blue") for kind in ("dress", "hat", "shoe")]
    asked: list[dict[str, str | int]] = [
        {"q": text, "limit": limit} for text in texts for limit in (3, 7)
    ]
    asked += [{"q": text, "filter": "colour=red"} for text in texts]

    def hits(params: dict[str, str | int]) -> list[tuple[float, dict[str, object]]]:
        body = client.get("/v1/search", params=params).json()
        return [(hit.pop("score"), hit) for hit in body["hits"]]

    alone = [hits(params) for params in asked]
    assert all(alone)
    with ThreadPoolExecutor(12) as pool:
        for _ in range(3):
            together = list(pool.map(hits, asked))
            for one, other in zip(alone, together, strict=True):
                assert [hit for _, hit in one] == [hit for _, hit in other]
                assert [score for score, _ in one] == pytest.approx(
                    [score for score, _ in other], abs=1e-5
                )


class Answers:
    """What an application sends, as a server would get it."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.answered = asyncio.Event()

    async def __call__(self, message: Message) -> None:
        self.sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.answered.set()

    @property
    def status(self) -> int:
        [start] = [each for each in self.sent if each["type"] == "http.response.start"]
        return int(start["status"])


def scope() -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": "/v1/search",
        "query_string": b"",
        "headers": [],
        "state": {"request_id": "one"},
    }


async def no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def test_who_takes_too_long_is_told_in_time_and_counts_until_its_thread_is_free() -> None:
    gate = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.to_thread.run_sync(gate.wait, 60)
        await PlainTextResponse("late")(scope, receive, send)

    async def run() -> None:
        admission, answers = Admission(app, at_once=2, waiting=2, timeout_s=0.01), Answers()
        request = asyncio.create_task(admission(scope(), no_body, answers))
        await asyncio.wait_for(answers.answered.wait(), 30)
        assert answers.status == 503
        assert admission.admitted.inside == 1
        gate.set()
        await asyncio.wait_for(request, 30)
        assert (admission.admitted.inside, admission.admitted.late) == (0, 1)
        assert answers.status == 503, "the late answer is not sent after the refusal"

    run_coroutine(run())


def test_what_waits_without_a_thread_is_ended_when_it_is_late() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    async def run() -> None:
        admission, answers = Admission(app, at_once=2, waiting=2, timeout_s=0.01), Answers()
        await asyncio.wait_for(admission(scope(), no_body, answers), 30)
        assert (answers.status, admission.admitted.inside) == (503, 0)

    run_coroutine(run())


def test_a_request_does_not_count_any_more_when_its_answer_has_begun() -> None:
    async def run() -> None:
        ended = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"one", "more_body": True})
            await ended.wait()
            await send({"type": "http.response.body", "body": b"two"})

        # Longer than its time: a stream that has begun is not cut off.
        admission, answers = Admission(app, at_once=1, waiting=0, timeout_s=0.01), Answers()
        stream = asyncio.create_task(admission(scope(), no_body, answers))
        while not answers.sent:
            await asyncio.sleep(0)
        assert admission.admitted.inside == 0
        await asyncio.sleep(0.05)
        ended.set()
        await stream
        assert [each.get("body") for each in answers.sent[1:]] == [b"one", b"two"]

    run_coroutine(run())


def test_what_fails_counts_no_more() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        raise RuntimeError("broken")

    async def run() -> None:
        admission = Admission(app, at_once=1, waiting=0, timeout_s=60)
        for _ in range(3):
            with pytest.raises(RuntimeError):
                await admission(scope(), no_body, Answers())
        assert (admission.admitted.inside, admission.admitted.refused) == (0, 0)

    run_coroutine(run())


@contextmanager
def served(arguments: Sequence[str], log: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`vitrine serve` in a process of its own, on a port of its own."""
    [port] = free_ports(1)
    command = [sys.executable, "-c", "from api.cli.main import main; main()", "serve"]
    command += [*arguments, "--port", str(port), "--log-format", "json"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        yield process, port
    finally:
        process.kill()
        process.wait(30)


def answers(port: int, path: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_a_request_that_runs_is_finished_when_the_service_is_stopped(
    settings: Settings, an_image: bytes, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    # The database itself may be open in this process.
    copy = shutil.copytree(settings.db, tmp_path / "copy.db")
    with served(["--db", str(copy)], log) as (process, port):
        wait_until(lambda: answers(port, "/readyz"), 120)
        body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        body += an_image + b"\r\n--b--\r\n"
        head = (
            "POST /v1/search/image HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            f"Content-Length: {len(body)}\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", port), 60) as connection:
            connection.sendall(head.encode())
            assert connection.recv(1_000).startswith(b"HTTP/1.1 100")
            process.send_signal(signal.SIGTERM)
            wait_until(lambda: not listens(port), 30)
            connection.sendall(body)
            answer = connection.recv(20)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        process.wait(30)
        assert process.returncode in (0, -signal.SIGTERM), log.read_text(encoding="utf-8")


def test_several_workers_share_a_port_and_stop_together(tmp_path: Path) -> None:
    [nowhere] = free_ports(1)
    log = tmp_path / "log"
    arguments = ["--db", f"http://127.0.0.1:{nowhere}", "--workers", "2"]
    with served(arguments, log) as (process, port):
        wait_until(lambda: log.read_bytes().count(b'"access"') >= 3, 120)
        wait_until(lambda: answers(port, "/healthz"), 60)
        ready = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=60)
        assert error_of(ready, 503)["code"] in ("unavailable", "store_unavailable")
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        wait_until(lambda: not listens(port), 30)


def test_an_embedded_database_has_one_worker() -> None:
    with pytest.raises(ConfigError, match="embedded database") as caught:
        run_server(Settings(db="some.db"), workers=2)
    assert "Milvus server" in str(caught.value)


def test_what_runs_is_bounded_by_the_settings(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"concurrency": 5, "waiting": 2}))
    found = [
        each for each in app.user_middleware if getattr(each.cls, "__name__", "") == "Admission"
    ]
    assert [(each.kwargs["at_once"], each.kwargs["waiting"]) for each in found] == [(5, 2)]


def test_who_sends_slowly_keeps_nobody_waiting() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        await PlainTextResponse(body)(scope, receive, send)

    async def run() -> None:
        rest = asyncio.Event()
        parts = iter([b"one", b"two"])

        async def slow_body() -> Message:
            part = next(parts)
            if part == b"two":
                await rest.wait()
            return {"type": "http.request", "body": part, "more_body": part == b"one"}

        admission = Admission(app, at_once=1, waiting=1, timeout_s=60)
        slow, quick = Answers(), Answers()
        sending = {**scope(), "headers": [(b"content-length", b"6")]}
        uploading = asyncio.create_task(admission(sending, slow_body, slow))
        await asyncio.wait_for(admission(scope(), no_body, quick), 30)
        assert (quick.status, slow.sent, admission.admitted.inside) == (200, [], 1)
        rest.set()
        await asyncio.wait_for(uploading, 30)
        assert slow.sent[1]["body"] == b"onetwo"

    run_coroutine(run())


def test_no_more_than_so_many_are_worked_on_at_once() -> None:
    at_work = most = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0)
        at_work -= 1
        await PlainTextResponse("done")(scope, receive, send)

    async def run() -> None:
        admission = Admission(app, at_once=3, waiting=20, timeout_s=60)
        visits = [Answers() for _ in range(23)]
        await asyncio.gather(*(admission(scope(), no_body, each) for each in visits))
        assert {each.status for each in visits} == {200}
        assert (most, admission.admitted.inside) == (3, 0)

    run_coroutine(run())
