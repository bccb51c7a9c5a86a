"""The query log: what was asked, what was answered, and what people made of it.

It is kept only where VITRINE_QUERY_LOG names a file. `search.evaluation.from_log` reads it.
"""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path

from api.observing.line_file import LineFile
from search.config import Settings
from search.errors import ConfigError, FilterSyntaxError
from search.filters import filter_to_json
from search.filters.ast import Filter
from search.types import ImagePart, ItemPart, Page, Query, QueryPart, TextPart

MOST_RESULTS = 100
"""Hits of a page that are written down."""

_SAID = ("parts", "filter", "without", "limit", "offset")
_DEFAULTS = {each.name: each.default for each in fields(Query)}


class QueryLog:
    """Writes searches and feedback down. Safe to use from several threads."""

    def __init__(self, file: LineFile, salt: bytes | None = None) -> None:
        """With a `salt`, texts and filters are written as their keyed hashes alone."""
        self.file = file
        self._salt = salt

    @classmethod
    def of(cls, settings: Settings) -> "QueryLog | None":
        """As the settings say; None where they name no file.

        Raises:
            ConfigError: the file, or that of its salt, cannot be written.
        """
        path = settings.query_log
        if path is None:
            return None
        file = LineFile(path, most_bytes=settings.query_log_mb * 1_000_000)
        return cls(file, _salt_of(path) if settings.query_log_hashed else None)

    def search(self, request_id: str, route: str, query: Query, page: Page) -> None:
        """Write a search down."""
        first = enumerate(page.hits[:MOST_RESULTS], start=page.offset + 1)
        self.file.put(
            self._line("search", request_id=request_id)
            | {
                "route": route,
                "collection": page.collection,
                "model": page.model,
                "parts": [self._part(part) for part in query.parts],
                "without": [self._text(phrase) for phrase in query.without],
                "filter": self._filter(query.filter),
                "options": _options(query),
                "results": [
                    {"id": h.id, "rank": rank, "score": round(h.score, 6)} for rank, h in first
                ],
                "relevance": page.relevance,
                "took_ms": dict(page.took_ms),
            }
        )

    def feedback(
        self, *, request_id: str | None, query: str | None, item: str, kind: str, rank: int | None
    ) -> bool:
        """Write down what became of a hit; False if too much waits to be written."""
        said = None if query is None else self._text(query)
        line = self._line("feedback", request_id=request_id)
        return self.file.put(line | {"query": said, "item": item, "kind": kind, "rank": rank})

    def _line(self, event: str, *, request_id: str | None) -> dict[str, object]:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        hashed = self._salt is not None
        return {"event": event, "time": now, "request_id": request_id, "hashed": hashed}

    def _part(self, part: QueryPart) -> dict[str, object]:
        match part:
            case TextPart(text=text):
                said: dict[str, object] = {"text": self._text(text)}
            case ItemPart(id=id):
                said = {"item": id}
            case ImagePart(image=image, crop=crop):
                data = image if isinstance(image, bytes) else str(image).encode()
                said = {"image": hashlib.sha256(data).hexdigest()}
                said |= {} if crop is None else {"crop": asdict(crop)}
        return said | {"weight": part.weight}

    def _filter(self, filter: Filter | None) -> object:
        if filter is None:
            return None
        try:
            said = filter_to_json(filter)
        except FilterSyntaxError:
            return str(filter) if self._salt is None else self._text(str(filter))
        return said if self._salt is None else self._text(json.dumps(said, sort_keys=True))

    def _text(self, text: str) -> str:
        if self._salt is None:
            return text
        return hmac.new(self._salt, text.encode("utf-8", "replace"), "sha256").hexdigest()[:32]


def _options(query: Query) -> Mapping[str, object]:
    """Slice, and what else is not as it is by default."""
    others = {
        name: getattr(query, name)
        for name in _DEFAULTS
        if name not in _SAID and getattr(query, name) != _DEFAULTS[name]
    }
    return {"limit": query.limit, "offset": query.offset} | {
        name: [asdict(e) if is_dataclass(e) and not isinstance(e, type) else e for e in value]
        if isinstance(value, tuple)
        else value
        for name, value in others.items()
    }


def _salt_of(log: Path) -> bytes:
    """The secret beside the log, made when there is none: equal texts have equal hashes by it."""
    path = log.with_name(f"{log.name}.salt")
    mine = log.with_name(f"{log.name}.salt.{secrets.token_hex(4)}")
    try:
        if not path.exists():
            with os.fdopen(
                os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
            ) as file:
                file.write(secrets.token_bytes(32))
            # Of several processes that start at once, one is first.
            with suppress(FileExistsError):
                os.link(mine, path)
            mine.unlink()
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"The salt {path} cannot be kept: {error.strerror or error}.",
            hint="Name a query log in a folder that the service may write.",
        ) from error
