"""The client: when it asks again, which errors it raises, and that both halves are one."""

import inspect
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from api.client import AsyncClient, Client, Patience, ServiceError
from api.client.calls import Arranged, Liked, Searched
from api.jobs.errors import JobRunsError
from api.requests import SearchBody
from api.requests_similar import SimilarBody
from search import errors
from tests.running import run as run_coroutine
from tests.unruly_server import Connection, Request, UnrulyServer

A_COLLECTION = b'{"collections": []}'
JOB = {"id": "j", "kind": "index", "state": "running", "source": None, "collection": "c",
       "started": "2026-01-01T00:00:00Z", "revision": 0}  # fmt: skip


def refusal(code: str, message: str = "No.", **details: Any) -> bytes:
    said = {"code": code, "message": message, "details": details, "request_id": "r1"}
    return json.dumps({"error": said}).encode()


@pytest.fixture
def server() -> Iterator[UnrulyServer]:
    with UnrulyServer() as made:
        yield made


def busy_until(times: int, status: int, retry_after: str | None) -> Any:
    """Refuses so many times, then answers."""

    def behave(request: Request, connection: Connection) -> None:
        if request.number <= times:
            # It closes, as it does not read a body that came along, and says so: a client that
            # comes again at once would still take the old connection.
            headers = {"Connection": "close", "Retry-After": retry_after or ""}
            connection.answer(status, refusal("overloaded"), headers)
            connection.close()
        else:
            connection.answer(200, A_COLLECTION)

    return behave


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_asked_again_when_it_says(server: UnrulyServer, status: int) -> None:
    server.behaviours["/v1/collections"] = busy_until(1, status, "1")
    began = time.monotonic()
    with Client(server.url("")) as client:
        assert client.collections().collections == []
    assert server.requests["/v1/collections"] == 2
    assert 1.0 <= time.monotonic() - began < 10


def test_a_date_is_understood_as_well(server: UnrulyServer) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    server.behaviours["/v1/collections"] = busy_until(1, 429, date)
    with Client(server.url("")) as client:
        assert client.collections().collections == []


def test_it_gives_up_after_its_attempts_and_raises_what_was_meant(server: UnrulyServer) -> None:
    server.behaviours["/v1/collections"] = busy_until(99, 503, "0")
    with (
        Client(server.url(""), patience=Patience(attempts=3)) as client,
        pytest.raises(errors.OverloadedError) as caught,
    ):
        client.collections()
    assert server.requests["/v1/collections"] == 3
    assert caught.value.details["request_id"] == "r1"


def test_a_wait_that_is_too_long_is_not_begun(server: UnrulyServer) -> None:
    server.behaviours["/v1/collections"] = busy_until(99, 429, "3600")
    began = time.monotonic()
    with Client(server.url("")) as client, pytest.raises(errors.OverloadedError):
        client.collections()
    assert server.requests["/v1/collections"] == 1 and time.monotonic() - began < 10


def test_a_job_that_may_have_begun_is_not_begun_again(server: UnrulyServer) -> None:
    server.behaviours["/v1/jobs"] = busy_until(99, 503, "0")
    with Client(server.url("")) as client, pytest.raises(errors.UnavailableError):
        client.start_job("index", "/x.csv")
    assert server.requests["/v1/jobs"] == 1


def test_the_key_is_sent_and_not_to_where_a_picture_is_kept(server: UnrulyServer) -> None:
    seen: dict[str, str | None] = {}

    def elsewhere(request: Request, connection: Connection) -> None:
        seen["picture"] = request.headers.get("authorization")
        connection.answer(200, b"picture")

    with UnrulyServer({"/p.jpg": elsewhere}) as shop:

        def image(request: Request, connection: Connection) -> None:
            seen["service"] = request.headers.get("authorization")
            connection.answer(302, b"", {"Location": shop.url("/p.jpg")})

        server.behaviours["/v1/items/a%2Fb/image"] = image
        with Client(server.url(""), api_key="vk_secret") as client:
            assert client.image("a/b") == b"picture"
    assert seen == {"service": "Bearer vk_secret", "picture": None}


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (404, refusal("item_not_found", "None.", id="x"), errors.ItemNotFoundError, "None"),
        (400, refusal("filter_syntax", "Bad. Mend it.", hint="Mend it."), errors.FilterSyntaxError,
         "Bad. Mend it."),
        (409, refusal("job_runs"), JobRunsError, "No."),
        (418, refusal("teapot", "I am one."), ServiceError, "I am one."),
        (502, b"<html>bad gateway</html>", ServiceError, "502"),
        (200, b'{"id": 3}', ServiceError, "another version"),
    ],
)  # fmt: skip
def test_refusals_are_the_errors_that_were_meant(
    server: UnrulyServer, status: int, body: bytes, kind: type[Exception], said: str
) -> None:
    server.behaviours["/v1/items/x"] = lambda _, connection: connection.answer(status, body)
    with Client(server.url("")) as client, pytest.raises(kind) as caught:
        client.item("x")
    assert type(caught.value) is kind and said in str(caught.value)


def test_a_service_that_is_not_there(server: UnrulyServer) -> None:
    server.stop()
    with (
        Client(server.url("")) as client,
        pytest.raises(errors.UnavailableError, match="vitrine serve"),
    ):
        client.collections()


def test_a_service_that_does_not_answer(server: UnrulyServer) -> None:
    server.behaviours["/v1/collections"] = lambda _, connection: connection.wait(5)
    with (
        Client(server.url(""), timeout_s=0.3) as client,
        pytest.raises(errors.UnavailableError, match="in time"),
    ):
        client.collections()


def test_the_asynchronous_client_does_the_same(server: UnrulyServer) -> None:
    server.behaviours["/v1/collections"] = busy_until(1, 429, "0")

    async def ask() -> None:
        async with AsyncClient(server.url("")) as client:
            assert (await client.collections()).collections == []
            with pytest.raises(ServiceError, match="404"):
                await client.item("x")

    run_coroutine(ask())
    assert server.requests["/v1/collections"] == 2


def test_events_go_on_after_a_connection_that_broke(server: UnrulyServer) -> None:
    path = "/v1/jobs/j/events"
    asked_from: list[str | None] = []

    def event(number: int, name: str, state: str) -> bytes:
        job = JOB | {"state": state, "revision": number}
        return f"id: {number}\nevent: {name}\ndata: {json.dumps(job)}\n\n".encode()

    def behave(request: Request, connection: Connection) -> None:
        asked_from.append(request.headers.get("last-event-id"))
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        if request.number == 1:
            connection.send(b": still running\n\n" + event(4, "progress", "running"))
            connection.reset()
        else:
            connection.send(event(9, "end", "done"))
            connection.close()

    server.behaviours[path] = behave
    with Client(server.url("")) as client:
        assert [job.revision for job in client.follow_job("j")] == [4, 9]
    assert asked_from == [None, "4"]


def followed(server: UnrulyServer, kind: type[Client] | type[AsyncClient]) -> list[int]:
    """Revisions of the job as that client follows it."""
    if issubclass(kind, Client):
        with kind(server.url("")) as client:
            return [job.revision for job in client.follow_job("j")]

    async def follow() -> list[int]:
        async with AsyncClient(server.url("")) as client:
            return [job.revision async for job in client.follow_job("j")]

    return run_coroutine(follow())


def full(request: Request, connection: Connection) -> None:
    """One stream of events more than the service may have open."""
    headers = {"Connection": "close", "Retry-After": "0"}
    connection.answer(429, refusal("overloaded", streams=32), headers)
    connection.close()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_job_whose_events_are_not_to_be_had_is_asked_for_until_it_has_ended(
    server: UnrulyServer, kind: type[Client] | type[AsyncClient]
) -> None:
    told = [(4, "running"), (4, "running"), (5, "running"), (5, "done")]

    def job(request: Request, connection: Connection) -> None:
        revision, state = told[request.number - 1]
        connection.answer(200, json.dumps(JOB | {"revision": revision, "state": state}).encode())

    server.behaviours |= {"/v1/jobs/j/events": full, "/v1/jobs/j": job}
    # The end is always told, although nothing else was new.
    assert followed(server, kind) == [4, 5, 5]
    assert server.requests == {"/v1/jobs/j/events": 1, "/v1/jobs/j": 4}


def test_a_job_that_is_asked_for_outlives_a_break_and_not_a_service_that_is_gone(
    server: UnrulyServer,
) -> None:
    def job(request: Request, connection: Connection) -> None:
        if request.number in (1, 3):
            connection.answer(200, json.dumps(JOB | {"revision": request.number}).encode())
        else:
            connection.reset()

    server.behaviours |= {"/v1/jobs/j/events": full, "/v1/jobs/j": job}
    seen = []
    with Client(server.url("")) as client, pytest.raises(errors.UnavailableError):
        for each in client.follow_job("j"):
            seen.append(each.revision)
    assert seen == [1, 3] and server.requests["/v1/jobs/j/events"] == 1


def test_both_clients_can_do_the_same() -> None:
    def public(cls: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(cls) if not name.startswith("_")}

    assert public(Client) == public(AsyncClient)


def test_what_a_search_takes_is_what_the_service_takes() -> None:
    assert set(Searched.__annotations__) | {"text"} == set(SearchBody.model_fields)
    assert set(Liked.__annotations__) | {"items"} == set(SimilarBody.model_fields)
    assert set(Arranged.__annotations__) < set(SearchBody.model_fields)


def test_importing_it_is_light() -> None:
    heavy = ("torch", "open_clip", "fastapi", "pymilvus", "pandas", "pyarrow", "uvicorn")
    code = f"import sys, api.client; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
