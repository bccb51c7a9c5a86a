"""Logs: one JSON object a line for programs, the request's id in each, nothing of the query."""

import json
import subprocess
import sys
from typing import Any

PROGRAM = """
import logging
from fastapi.testclient import TestClient
from api.app import create_app
from api.logging import configure_logging
from api.readiness import EngineSlot
from search.config import Settings
from search.errors import CollectionNotFoundError

def opener(settings):
    raise CollectionNotFoundError("no")

configure_logging("INFO", {log_format!r})
app = create_app(Settings(), slot=EngineSlot(Settings(), opener=opener))

@app.get("/fails")
def fails():
    secret = "hunter2"
    raise RuntimeError("the cause")

with TestClient(app, base_url="http://localhost") as client:
    client.get("/v1/search?q=private+wish", headers={{"X-Request-ID": "my-id"}})
    client.get("/fails", headers={{"X-Request-ID": "bad-id"}})
logging.getLogger("uvicorn.error").warning("from the server")
logging.getLogger("elsewhere").info("too fine")
outspoken = logging.getLogger("outspoken")
outspoken.setLevel(logging.DEBUG)
outspoken.debug("too fine")
"""


def run(log_format: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(log_format=log_format)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "hunter2" not in done.stderr.replace('secret = "hunter2"', "")
    return done.stderr


def test_json_lines() -> None:
    output = run("json")
    lines: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]
    access = [line for line in lines if line["event"] == "request"]
    assert [line["request_id"] for line in access] == ["my-id", "bad-id"]
    assert access[0]["path"] == "/v1/search"
    assert access[0]["status"] in (404, 503)
    assert access[0]["took_ms"] >= 0
    assert access[0]["level"] == "info"
    assert "private" not in output
    failure = next(line for line in lines if line["event"] == "unexpected error")
    assert failure["request_id"] == "bad-id"
    assert failure["exception"][0]["exc_value"] == "the cause"
    assert any(line["event"] == "from the server" for line in lines)
    assert "too fine" not in output


def test_console_lines() -> None:
    output = run("console")
    assert "request_id=my-id" in output
    assert "the cause" in output
    assert "{" not in output.splitlines()[0]


def test_configuring_twice_does_not_log_twice() -> None:
    code = (
        "from api.logging import configure_logging; import logging;"
        "configure_logging('INFO', 'json'); configure_logging('INFO', 'json');"
        "logging.getLogger('vitrine.x').info('once')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr.count("once") == 1
