"""A real server on a port of its own, and Debian's Chromium."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.required import is_required
from tests.sample_collection import build, chosen_rows
from tests.waiting import wait_until

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
"""The names that the Makefile looks for too."""

Rows = list[dict[str, str]]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the system's Chromium. CI must have it; elsewhere its absence is said."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        message = "Chromium is not installed: apt-get install chromium"
        if is_required("VITRINE_TEST_BROWSER"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return found


@pytest.fixture(scope="session")
def rows() -> Rows:
    """The rows of the catalogue that the page searches."""
    return chosen_rows(140)


@pytest.fixture(scope="session")
def query_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The query log of the service."""
    return tmp_path_factory.mktemp("log") / "queries.log"


@pytest.fixture(scope="session")
def url(
    chromium: str, rows: Rows, query_log: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Address of `vitrine serve`, running as a process of its own; stopped by Ctrl-C at the end."""
    folder = tmp_path_factory.mktemp("browser")
    settings = build(folder, rows)
    log = folder / "serve.log"
    environment = {**os.environ, "VITRINE_QUERY_LOG": str(query_log)}
    vitrine = [sys.executable, "-c", "from api.cli.main import main; main()"]
    options = ["--db", settings.db, "--port", "0", "--log-format", "json"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*vitrine, "serve", *options], stdout=output, stderr=output, env=environment
        )
    try:
        address = _address(process, log)
        wait_until(lambda: _is_calibrated(address), 120)
        yield address
    finally:
        code = _stop(process)
    text = log.read_text(encoding="utf-8")
    assert code == 0, text
    assert "Traceback" not in text and '"exception"' not in text, text


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One headless browser for all tests."""
    with sync_playwright() as playwright:
        # Containers have no user namespaces for the sandbox; the pages are our own.
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page in a context of its own; the test fails on any error that the console has."""
    with browser.new_context(base_url=url, viewport={"width": 1280, "height": 900}) as context:
        opened = context.new_page()
        problems: list[str] = []
        opened.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.on("request", lambda r: problems.append(r.url) if _is_foreign(r.url, url) else None)
        yield opened
        assert not problems


def _is_calibrated(address: str) -> bool:
    """Whether answers say how relevant they are; that is found out beside the first queries."""
    body = {"text": "red dress", "limit": 1, "relevance": True}
    answer = httpx2.post(f"{address}v1/search", json=body, timeout=30)
    return answer.json()["relevance"] is not None


def _stop(process: "subprocess.Popen[bytes]") -> int:
    """Ctrl-C, as a person would; killed if that does not end it, which the exit code then tells."""
    process.send_signal(signal.SIGINT)
    try:
        return process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(10)


def _is_foreign(requested: str, url: str) -> bool:
    return not requested.startswith((url, "blob:", "data:"))


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    def listening() -> "re.Match[str] | None":
        assert process.poll() is None, log.read_text(encoding="utf-8")
        return re.search(r'"url": "(http://[^"]+)"', log.read_text(encoding="utf-8"))

    wait_until(lambda: listening() is not None, 60)
    match = listening()
    assert match
    wait_until(lambda: '"event": "ready"' in log.read_text(encoding="utf-8"), 90)
    return match[1]
