"""The audit log: who changed what, when, and with what result.

To the logger `vitrine.audit`, whatever level is set for the others, and to a file where one is
named: one JSON object a line, appended in one write, so that several processes may share it.
"""

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

import structlog

from search.errors import ConfigError

LOGGER = "vitrine.audit"


class AuditLog:
    """Where changes are written down. Safe to use from several threads and processes."""

    def __init__(self, path: Path | None = None) -> None:
        """Raises ConfigError if the file cannot be written to."""
        self._path = path
        self._log = structlog.stdlib.get_logger(LOGGER)
        logging.getLogger(LOGGER).setLevel(logging.INFO)
        self._append(b"")

    def write(self, action: str, **said: object) -> None:
        """Write down a change in the log, and in the file if there is one."""
        self._log.info(action, **said)
        self.write_file(action, **said)

    def write_file(self, action: str, **said: object) -> None:
        """Write down a change in the file alone: for commands, which have no log.

        Raises:
            ConfigError: it cannot be written to.
        """
        if self._path is not None:
            time = datetime.now(UTC).isoformat(timespec="milliseconds")
            line = json.dumps({"time": time, "action": action, **said}, default=str)
            self._append(line.encode() + b"\n")

    def _append(self, line: bytes) -> None:
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, line)
            finally:
                os.close(file)
        except OSError as error:
            raise ConfigError(
                f"The audit log {self._path} cannot be written: {error.strerror or error}.",
                hint="Name another file in VITRINE_AUDIT_FILE.",
            ) from error
