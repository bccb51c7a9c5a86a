"""Several processes that serve on one port.

One process answers with one core's worth of Python, whatever the machine has. Several share the
port and the work; each has the model in its own memory.
"""

import json
import os
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from search.config import Settings
from search.errors import ConfigError

if TYPE_CHECKING:
    from fastapi import FastAPI

FACTORY = "api.workers:worker_app"
OPTIONS = "_VITRINE_WORKER"
"""Where a worker finds what is no setting, as JSON."""

ALIVE_WAIT_S = 30
"""How long a worker may say nothing before another takes its place: loading a model takes time."""


def check_workers(workers: int, settings: Settings) -> None:
    """Raise ConfigError unless the database can be asked by so many processes."""
    if workers == 1 or "://" in settings.db:
        return
    raise ConfigError(
        f"{settings.db} is an embedded database, which belongs to one process at a time: "
        f"{workers} workers cannot share it.",
        hint="Leave --workers at 1, or move to a Milvus server: --db http://HOST:19530.",
        details={"workers": workers, "db": settings.db},
    )


def serve_in_workers(
    workers: int, settings: Settings, *, any_host: bool, log_format: str, **options: Any
) -> None:
    """Serve until Ctrl-C or SIGTERM, which every worker gets and finishes what runs.

    `options` are those of `uvicorn.run`, host and port among them.
    """
    import uvicorn

    _hand_down(settings, {"any_host": any_host, "log_format": log_format})
    # Together they should not have more threads than there are cores.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
    uvicorn.run(
        FACTORY,
        factory=True,
        workers=workers,
        timeout_worker_healthcheck=ALIVE_WAIT_S,
        **options,
    )


def worker_app() -> "FastAPI":
    """The application of a worker, by what its parent handed down; raises as `create_app`."""
    from api.app import create_app
    from api.logging import configure_logging

    settings, told = Settings(), json.loads(os.environ[OPTIONS])
    configure_logging(settings.log_level, told["log_format"])
    return create_app(settings, any_host=told["any_host"])


def _hand_down(settings: Settings, told: dict[str, object]) -> None:
    """Put into the environment, which workers inherit, what is not there already."""
    inherited = Settings()
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value != getattr(inherited, name):
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            os.environ[f"VITRINE_{name.upper()}"] = str(plain)
    os.environ[OPTIONS] = json.dumps(told)
