"""Evaluations as files, so that others than whoever measured see what was measured last.

A collection has one at most: the one that was kept last. A file may be deleted at any time.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from search.errors import UnavailableError
from search.evaluation.measuring import Evaluation, Metrics
from search.evaluation.slice_scores import SliceScore
from search.store.base import CollectionInfo

MOST_SLICES = 20
"""How many slices are kept: those with the lowest nDCG@10."""


@dataclass(frozen=True, slots=True)
class KeptEvaluation:
    """What was measured of a collection: when, over which queries, and what came of it.

    `fingerprint` and `items` are those of the collection then; `queries` is the file's name, and
    `settings` what every query was given beside its own. `unanswered` is how many queries had no
    right answer among the first `depth` hits. `slices` has the worst first, by nDCG@10.
    """

    collection: str
    model: str
    fingerprint: str
    items: int
    measured: datetime
    queries: str
    settings: Mapping[str, str | int | float | bool | None]
    depth: int
    unanswered: int
    overall: Metrics
    by_kind: Mapping[str, Metrics]
    by_group: Mapping[str, Metrics]
    slices: tuple[SliceScore, ...]

    @classmethod
    def of(
        cls,
        info: CollectionInfo,
        found: Evaluation,
        slices: tuple[SliceScore, ...],
        *,
        queries: str,
        settings: Mapping[str, object],
        measured: datetime,
    ) -> "KeptEvaluation":
        """The part of an evaluation that is kept."""
        plain = str | int | float | bool | None
        return cls(
            collection=info.name,
            model=info.model.name,
            fingerprint=info.model.fingerprint,
            items=info.count,
            measured=measured,
            queries=queries,
            settings={k: v if isinstance(v, plain) else str(v) for k, v in settings.items()},
            depth=found.depth,
            unanswered=sum(score.first_right is None for score in found.queries),
            overall=found.overall,
            by_kind=found.by_kind,
            by_group=found.by_group,
            slices=tuple(sorted(slices, key=lambda each: each.ndcg_10)[:MOST_SLICES]),
        )


_READ = TypeAdapter(KeptEvaluation)


class EvaluationFiles:
    """The evaluations of one database's collections, in a folder that databases may share."""

    def __init__(self, folder: Path, database: str) -> None:
        """`database` is the path of an embedded one or the address of a server.

        The folder lies beside an embedded database, so that of its path only the name counts:
        both can be moved together.
        """
        self._folder = folder
        name = database.rstrip("/") if "://" in database else Path(database).name
        self._prefix = hashlib.sha256(name.encode()).hexdigest()[:8]

    def keep(self, found: KeptEvaluation) -> Path:
        """Write it in place of the one before; the file. UnavailableError if that cannot be."""
        path = self._path(found.collection)
        draft = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(asdict(found), indent=2, default=str), encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            raise UnavailableError(
                f"The evaluation cannot be kept: {error}.",
                hint="It is written beside the database, or into .vitrine with a server.",
            ) from error
        return path

    def last(self, collection: str) -> KeptEvaluation | None:
        """What was kept of a collection; None if nothing was, or nothing that can be read."""
        try:
            return _READ.validate_json(self._path(collection).read_bytes())
        except (OSError, ValidationError):
            return None

    def _path(self, collection: str) -> Path:
        return self._folder / f"{self._prefix}-{collection}.json"
