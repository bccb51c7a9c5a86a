"""Fixtures of the databases that tests run on: Milvus Lite and a real Milvus server.

A continuous-integration run must have the server (CI=true, or VITRINE_TEST_SERVER=required): its
absence is a failure there, and on a laptop a skip with the reason. VITRINE_TEST_SERVER_URI names a
server that runs already.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search.store import Store, open_store
from tests.milvus_server import MilvusServer, ServerMissing, packaged_data, unpack
from tests.required import is_required

# Consoles ask for the width once, when they are made, whichever test imports them first.
os.environ["COLUMNS"] = "120"


@pytest.fixture(scope="session")
def milvus_uri(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a real Milvus server, started for this run unless one was given."""
    given = os.environ.get("VITRINE_TEST_SERVER_URI")
    if given:
        yield given
        return
    server: MilvusServer = request.getfixturevalue("new_milvus_server")()
    try:
        server.start()
        yield server.uri
    finally:
        server.stop()


@pytest.fixture(scope="session")
def new_milvus_server(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Callable[[], MilvusServer]:
    """Makes servers of one's own, to stop and to kill; whoever starts one stops it."""
    try:
        data = packaged_data()
    except ServerMissing as missing:
        if is_required("VITRINE_TEST_SERVER"):
            pytest.fail(f"The real Milvus server is required here. {missing}")
        pytest.skip(str(missing))
    binaries = unpack(data, _cache(pytestconfig, tmp_path_factory) / "milvus-server")
    return lambda: MilvusServer(tmp_path_factory.mktemp("milvus"), binaries, data)


@pytest.fixture(scope="session", params=["lite", pytest.param("server", marks=pytest.mark.server)])
def backend(request: pytest.FixtureRequest) -> str:
    """Which Milvus the test runs on: every test that uses it runs on both."""
    return str(request.param)


@pytest.fixture(scope="session")
def store(
    backend: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """An open store on the backend, shared by the whole run: use names of your own."""
    if backend == "server":
        uri = request.getfixturevalue("milvus_uri")
    else:
        uri = str(tmp_path_factory.mktemp("lite") / "shared.db")
    opened = open_store(uri)
    yield opened
    opened.close()


def _cache(config: pytest.Config, fallback: pytest.TempPathFactory) -> Path:
    """Where the unpacked binary (250 MB) stays between runs."""
    cache = getattr(config, "cache", None)
    return Path(cache.mkdir("vitrine")) if cache is not None else fallback.mktemp("binaries")
