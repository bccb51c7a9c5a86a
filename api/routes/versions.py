"""What an operator looks at: versions of collections, and how good their answers were."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Path as InPath

from api.deps import ServiceSettings, Slot
from api.errors import told
from api.jobs.errors import VersionNotFoundError
from api.jobs.schemas import ALIAS
from api.observing.freshness import last_run
from api.readiness import EngineSlot
from api.routes.health import behind_out
from api.routes.responses import ERRORS
from api.schemas import ModelOut
from api.schemas_versions import (
    AllVersionsOut,
    EvaluationOut,
    EvaluationsOut,
    VersionOut,
    VersionsOut,
)
from api.security import NEEDS_ADMIN
from indexer.rollout.versions import alias_and_number
from search.config import Settings
from search.errors import VitrineError
from search.evaluation.keeping import EvaluationFiles
from search.store import open_store_of
from search.store.base import CollectionInfo, Store
from search.store.sizes import disk_bytes, vector_bytes

router = APIRouter(prefix="/v1", tags=["collections"], responses=ERRORS, dependencies=[NEEDS_ADMIN])


@router.get("/versions", summary="All versions of all collections")
def versions(settings: ServiceSettings, slot: Slot) -> AllVersionsOut:
    """With sizes and when they were last indexed. Answers also while queries cannot be."""
    found = _all(settings)
    found.sort(key=lambda each: (not each.served, each.alias))
    return AllVersionsOut(**_answering(slot), collections=found)


@router.get(
    "/collections/{alias}/evaluations",
    summary="How good the answers of each version were",
    responses={404: ERRORS[404] | {"description": "There is no such alias."}},
)
def evaluations(
    alias: Annotated[str, InPath(pattern=ALIAS, description="Alias of the versions.")],
    settings: ServiceSettings,
) -> EvaluationsOut:
    """What `vitrine eval --save` kept; empty as long as nothing was measured."""
    files = EvaluationFiles(settings.evaluations, settings.db)
    infos: Sequence[CollectionInfo] = ()
    if _has_database(settings):
        with closing(open_store_of(settings, create=False)) as store:
            infos = _by_alias(store).get(alias, ())
    if not infos:
        raise VersionNotFoundError(
            f"There is no alias {alias!r}.",
            hint="GET /v1/versions lists them.",
            details={"alias": alias},
        )
    kept = [(info, files.last(info.name)) for info in infos]
    return EvaluationsOut(
        alias=alias,
        evaluations=[
            EvaluationOut.model_validate(asdict(one) | {"live": _is_live(info)})
            for info, one in kept
            # Of another model: the version was made anew under its old number since.
            if one is not None and one.fingerprint == info.model.fingerprint
        ],
    )


def _all(settings: Settings) -> list[VersionsOut]:
    if not _has_database(settings):
        return []
    with closing(open_store_of(settings, create=False)) as store:
        return [
            VersionsOut(
                alias=alias,
                served=any(
                    settings.collection in (alias, info.name, *info.aliases) for info in infos
                ),
                versions=[_version(info, store, settings) for info in infos],
            )
            for alias, infos in _by_alias(store).items()
        ]


def _has_database(settings: Settings) -> bool:
    """Whether there is one: nothing is made by looking."""
    return "://" in settings.db or Path(settings.db).expanduser().exists()


def _by_alias(store: Store) -> dict[str, list[CollectionInfo]]:
    """The versions of each alias, newest first; what is no version stands by itself."""
    found: dict[str, list[CollectionInfo]] = {}
    for info in store.collections():
        found.setdefault(_parts(info)[0], []).append(info)
    for infos in found.values():
        infos.sort(key=lambda info: _parts(info)[1] or 0, reverse=True)
    return found


def _version(info: CollectionInfo, store: Store, settings: Settings) -> VersionOut:
    ended = last_run(settings.jobs, info.name, store)
    return VersionOut(
        name=info.name,
        number=_parts(info)[1],
        live=_is_live(info),
        items=info.count,
        model=ModelOut(**asdict(info.model)),
        vector_bytes=vector_bytes(info),
        disk_bytes=disk_bytes(settings.db, info.name),
        indexed=None if ended is None else datetime.fromtimestamp(ended, UTC),
    )


def _answering(slot: EngineSlot) -> dict[str, Any]:
    """What queries are answered from, or why they are not; and what waits to take its place."""
    try:
        engine = slot.get()
        answers, behind = engine.info.name, engine.behind()
    except VitrineError as reason:
        return {"answers": None, "reason": told(reason), "behind": None}
    return {"answers": answers, "reason": None, "behind": behind and behind_out(behind)}


def _is_live(info: CollectionInfo) -> bool:
    alias, number = _parts(info)
    return alias in info.aliases if number is not None else bool(info.aliases)


def _parts(info: CollectionInfo) -> tuple[str, int | None]:
    return alias_and_number(info.name) or (info.name, None)
