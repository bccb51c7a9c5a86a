"""A database that is not there, or does not answer: said clearly and in bounded time."""

import socket
import time

import grpc
import pytest
from pymilvus import MilvusException

from search.errors import (
    CollectionNotFoundError,
    ConflictError,
    StoreError,
    StoreUnavailableError,
    VitrineError,
)
from search.store import open_store
from search.store.translation import translate, translated
from tests.milvus_server import free_ports


def test_nothing_listens() -> None:
    [port] = free_ports(1)
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError, match=f"127.0.0.1:{port}"):
        open_store(f"http://127.0.0.1:{port}", timeout_s=5)
    assert time.monotonic() - started < 10


def test_passwords_stay_out_of_messages() -> None:
    [port] = free_ports(1)
    with pytest.raises(StoreUnavailableError) as caught:
        open_store(f"http://root:secret@127.0.0.1:{port}", timeout_s=5)
    assert "secret" not in f"{caught.value} {caught.value.details}"


def test_something_listens_and_says_nothing() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            open_store(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=2)
        assert time.monotonic() - started < 15


@pytest.mark.parametrize("uri", ["http://", "ftp://host:1", "http://no such host:19530"])
def test_addresses_that_are_none(uri: str) -> None:
    with pytest.raises(VitrineError):
        open_store(uri, timeout_s=2)


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (100, "collection not found[database=default][collection=x]", CollectionNotFoundError),
        (2, "Fail connecting to server on x, illegal connection params", StoreUnavailableError),
        (1, "[search] Retry timeout: 5s", StoreUnavailableError),
        (grpc.StatusCode.UNAVAILABLE, "connection refused", StoreUnavailableError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", StoreUnavailableError),
        (grpc.StatusCode.UNAUTHENTICATED, "auth check failure", StoreUnavailableError),
        (1, "collection 'x' already exists", ConflictError),
        (65535, "something new\nwith a trace", StoreError),
    ],
)
def test_errors_of_milvus_by_code_and_words(
    code: object, message: str, expected: type[VitrineError]
) -> None:
    error = translate(MilvusException(code, message), "db")  # type: ignore[arg-type]
    assert type(error) is expected
    assert "db" in error.message
    assert "trace" not in str(error)


def test_what_pymilvus_raises_by_accident_is_translated_too() -> None:
    for error in (ValueError("Cannot invoke RPC on closed channel!"), TypeError("a bytes object")):
        with pytest.raises(VitrineError) as caught, translated("db"):
            raise error
        assert caught.value.__cause__ is error
    with pytest.raises(KeyError), translated("db"):
        raise KeyError("a mistake of our own stays what it is")
