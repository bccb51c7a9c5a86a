"""`vitrine serve` as a process of its own, on a port of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import wait_until

_START = "import sys; from api.cli.main import main; sys.argv[0] = 'vitrine'; main()"
_ALWAYS = ("--port", "0", "--log-format", "json")


@dataclass(frozen=True)
class Serving:
    """A service that runs."""

    url: str
    process: subprocess.Popen[bytes]


@contextmanager
def serving(folder: Path, *options: str, **settings: str) -> Iterator[Serving]:
    """The service over `shop.db` in the folder; killed at the end if it still runs."""
    log = folder / "service.log"
    environment = {f"VITRINE_{name.upper()}": value for name, value in settings.items()}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", _START, "serve", *_ALWAYS, *options],
            cwd=folder,
            env=os.environ | {"VITRINE_DB": str(folder / "shop.db")} | environment,
            stdout=stream,
            stderr=stream,
        )
    try:
        wait_until(lambda: b'"listening"' in log.read_bytes(), 60)
        found = re.search(r"http://[\d.:]+", log.read_text(encoding="utf-8"))
        assert found
        yield Serving(found[0], process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(30)
