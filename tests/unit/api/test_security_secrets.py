"""Secrets are in no log: a whole session with a real service that says all it can."""

import io
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from tests.sample_collection import build, sample_rows
from tests.unruly_server import UnrulyServer
from tests.waiting import wait_until

pytestmark = pytest.mark.model

PASSWORD = "hunter2-of-the-image-host"
DB_TOKEN = "root:db-token-that-nobody-sees"
REDIS_PASSWORD = "redis-password-that-nobody-sees"
ELSEWHERE = "sk_live_a-key-of-another-service"
WISH = "a private wish"
VITRINE = [sys.executable, "-c", "from api.cli.main import main; main()"]


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    return file.getvalue()


class Service:
    """`vitrine serve` as a process, and everything that it and its commands said on stderr."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = environment
        self._log = folder / "serve.log"

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def command(self, *arguments: str) -> str:
        """What a command prints on stdout; what it says on stderr joins the log."""
        done = subprocess.run(
            [*VITRINE, *arguments],
            capture_output=True,
            text=True,
            env=self._environment,
            timeout=120,
            check=True,
        )
        with self._log.open("a", encoding="utf-8") as log:
            log.write(done.stderr)
        return done.stdout.strip()

    @contextmanager
    def running(self, *, until: str) -> Iterator[httpx2.Client]:
        """A client of the service, once the log has a line of that event."""
        with self._log.open("a") as log:
            options = ["--port", "0", "--log-level", "DEBUG", "--log-format", "json"]
            process = subprocess.Popen(
                [*VITRINE, "serve", *options], stdout=log, stderr=log, env=self._environment
            )
        try:
            wait_until(lambda: f'"event": "{until}"' in self.said(), 120)
            found = re.findall(r'"url": "(http://[^"]+)"', self.said())
            with httpx2.Client(base_url=found[-1], timeout=30) as client:
                yield client
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def environment_of(**given: str) -> dict[str, str]:
    import os

    kept = {name: value for name, value in os.environ.items() if not name.startswith("VITRINE_")}
    return kept | {f"VITRINE_{name.upper()}": value for name, value in given.items()}


def test_nothing_secret_is_logged_in_a_whole_session(tmp_path: Path) -> None:
    behaviours = {"/x.png": lambda request, connection: connection.answer(200, png())}
    with UnrulyServer(behaviours) as images:
        address = images.url("/x.png").replace("//", f"//me:{PASSWORD}@")
        rows = sample_rows()[:8]
        rows[0] |= {"id": "remote", "image": address}
        settings = build(tmp_path, rows)
    service = Service(
        tmp_path,
        environment_of(
            db=settings.db,
            audit_file=str(tmp_path / "audit.jsonl"),
            rate_limit_redis=f"redis://:{REDIS_PASSWORD}@127.0.0.1:1/0",
            image_urls="true",
            db_token=DB_TOKEN,
        ),
    )
    admin = service.command("keys", "create", "--scope", "admin", "--name", "ops")
    reader = service.command("keys", "create", "--scope", "search")
    service.command("keys", "list")
    with service.running(until="ready") as client:
        session = the_whole_session(client, admin, reader)
    service.command("keys", "revoke", reader)
    written = service.said() + (tmp_path / "audit.jsonl").read_text(encoding="utf-8")
    assert '"event": "request"' in written and "ops" in written, "it did log"
    assert '"/v1/items/remote/image"' in written
    secrets = [part for token in (admin, reader, *session) for part in (token, token[16:])]
    secrets += [PASSWORD, DB_TOKEN, REDIS_PASSWORD, ELSEWHERE, WISH, WISH.replace(" ", "+")]
    assert not [secret for secret in secrets if secret in written]


def the_whole_session(client: httpx2.Client, admin: str, reader: str) -> list[str]:
    """Everything that people do with a service, and do wrong; the sessions' tokens."""
    keys = [{"Authorization": f"Bearer {token}"} for token in (admin, reader)]
    wrong = [f"Bearer {ELSEWHERE}", f"Basic {reader}", f"Bearer {reader}x", reader]
    for value in wrong:
        assert client.get("/v1/search?q=x", headers={"Authorization": value}).status_code == 401
    client.get("/v1/search", params={"q": WISH, "key": reader, "access_token": admin})
    for key in keys:
        assert client.get("/v1/search", params={"q": WISH}, headers=key).status_code == 200
        client.get("/v1/items/remote/image", headers=key)
        client.get("/v1/items/remote/similar?filter=nonsense===", headers=key)
        client.put("/v1/items/new", headers=key, json={"image_url": f"http://me:{PASSWORD}@x/y"})
        client.post("/v1/search", headers=key, json={"image_url": f"http://me:{PASSWORD}@x/y"})
        client.post("/v1/search", headers=key, json={"text": WISH, "secret": reader})
        client.post("/v1/search", headers=key, content=b"\xff" + reader.encode())
        client.post("/v1/search/image", headers=key, files={"file": (reader, b"no image")})
        client.delete("/v1/items/none", headers=key)
        client.post("/v1/jobs", headers=key, json={"source": f"http://me:{PASSWORD}@127.0.0.1:1/"})
    tokens = []
    for key in keys:
        opened = client.post("/v1/session", headers=key)
        assert opened.status_code == 201
        tokens.append(client.cookies["vitrine_session"])
        assert client.get("/v1/search", params={"q": WISH}).status_code == 200
        ended = client.delete("/v1/session", headers={"Sec-Fetch-Site": "same-origin"})
        assert ended.status_code == 204
    return tokens


def test_the_token_of_a_database_that_is_away_is_not_logged(tmp_path: Path) -> None:
    service = Service(
        tmp_path,
        environment_of(
            db="http://127.0.0.1:1",
            db_token=DB_TOKEN,
            db_timeout_s="1",
            keys_file=str(tmp_path / "keys.db"),
        ),
    )
    with service.running(until="not ready") as client:
        assert client.get("/readyz").status_code == 503
        assert client.get("/v1/search?q=x").status_code == 401
    assert "store_unavailable" in service.said()
    assert not [part for part in DB_TOKEN.split(":")[1:] if part in service.said()]
