"""`reindex`: a new version beside the live one, verified, then switched to."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from indexer.columns import find_roles
from indexer.indexing import catalog_name, index_catalog
from indexer.inference import infer_types
from indexer.job import database_of, refuse_if_alive
from indexer.options import IndexOptions
from indexer.plan import plan_columns
from indexer.report import IndexReport, Progress
from indexer.rollout.switching import forget_switch, killed_switch, note_switch
from indexer.rollout.verification import (
    Side,
    Verification,
    VerifyOptions,
    load_evaluation,
    verify,
)
from indexer.rollout.versions import (
    KEEP,
    Version,
    alias_and_number,
    clear_way_back,
    drop_all,
    live_version,
    next_version,
    prune,
    versions_of,
)
from indexer.sources import open_source
from search.encoders.base import Encoder
from search.errors import CollectionNotFoundError
from search.store.base import CollectionInfo, CollectionSpec, Store
from search.types import Field


@dataclass(frozen=True, slots=True)
class ReindexOptions:
    """How to build, verify and switch.

    `keep` versions stay after the switch, the live one counted. Without `switch` the new version
    is only built and verified; with `force` a failed verification does not matter, nor that a run
    that was killed has switched already; with `fresh` an unfinished version is dropped and not
    gone on with.
    """

    index: IndexOptions = field(default_factory=IndexOptions)
    verify: VerifyOptions = field(default_factory=VerifyOptions)
    keep: int = KEEP
    switch: bool = True
    force: bool = False
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """What became of a new version. `switch_seconds`: how long moving the alias took."""

    alias: str
    live: CollectionInfo
    new: CollectionInfo
    resumed: bool
    index: IndexReport
    verification: Verification
    switched: bool
    switch_seconds: float
    dropped: tuple[str, ...]


def reindex(
    catalog: str | Path,
    *,
    store: Store,
    encoder: Encoder | Sequence[Encoder],
    alias: str,
    load: Callable[[str], Encoder],
    options: ReindexOptions | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_stage: Callable[[str], None] | None = None,
) -> ReindexReport:
    """Build the next version of `alias` from a catalogue with `encoder`, verify it and switch.

    The live version is searched meanwhile and does not change. Killed at any moment, the same call
    goes on with the same unfinished version; killed after the switch, it does the little that was
    left and reports what was built, without checks. When the verification fails nothing is switched
    and the new version is kept. `encoder` may be several of one model, on a device each. `load`
    loads the live version's model, if that is wanted to compare with; `on_stage` is told what is
    done now, in a few words.

    Raises:
        CollectionNotFoundError: the alias leads nowhere: there is nothing to build beside.
        ConflictError: the alias is a collection's own name; or another run builds a version of it.
        EvaluationError: queries or qrels cannot be read; nothing was built then.
        CatalogError, StoreUnavailableError and others: as `index_catalog`; the live version stays.
    """
    options, say = options or ReindexOptions(), on_stage or _silent
    encoders = tuple(encoder) if isinstance(encoder, Sequence) else (encoder,)
    first = encoders[0]
    live = live_to_replace(store, alias)
    load_evaluation(options.verify, live.fields)
    if ended := _ended_before(store, alias, live, catalog, first, options):
        say(
            f"{live.name} is live already: an earlier run was killed right after it had switched. "
            "To build another version, run the same command again"
        )
        return ended
    name, resumed = _target(store, alias, live, catalog, first, options)
    say(f"{'Going on with' if resumed else 'Building'} {name} beside {live.name}")
    report = index_catalog(
        address(catalog),
        store=store,
        encoder=encoders,
        alias=alias,
        # What an attempt before has stored, and the catalogue has lost since, must not stay.
        options=replace(options.index, delete_missing=True, confirmed=True),
        on_progress=on_progress,
        target=name,
    )
    say(f"Verifying {name}")
    before, new = store.describe(live.name), store.describe(name)
    verification = verify(
        store,
        Side(before, lambda: _same_or(load, first, before)),
        Side(new, lambda: first),
        indexed=report.rows - report.failed,
        failed=report.failed,
        options=options.verify,
    )
    switches = options.switch and (verification.passed or options.force)
    seconds: float = 0.0
    dropped: tuple[str, ...] = ()
    if switches:
        note_switch(report.job, before.name, new.name)
        seconds, dropped = _switch(store, alias, before, new, options)
        forget_switch(options.index.job_dir, new.name, database_of(store, options.index.job_dir))
    return ReindexReport(
        alias, before, new, resumed, report, verification, switches, seconds, dropped
    )


def _ended_before(
    store: Store,
    alias: str,
    live: CollectionSpec,
    catalog: str | Path,
    encoder: Encoder,
    options: ReindexOptions,
) -> ReindexReport | None:
    """What a run that was killed after its switch would have reported; None if none was."""
    if options.force or options.fresh or not options.switch:
        return None
    job_dir = options.index.job_dir
    database = database_of(store, job_dir)
    switched = killed_switch(
        job_dir, live.name, catalog_name(catalog), encoder.identity.fingerprint, database
    )
    if switched is None:
        return None
    new = store.describe(live.name)
    try:
        before = store.describe(switched.before)
    except CollectionNotFoundError:
        before = new  # Dropped since; nothing more is known of it.
    dropped = tuple(prune(store, alias, options.keep))
    forget_switch(job_dir, live.name, database)
    return ReindexReport(
        alias, before, new, True, switched.index, Verification(()), True, 0.0, dropped
    )


def live_to_replace(store: Store, alias: str) -> CollectionSpec:
    """The live version, beside which another can be built.

    Raises:
        CollectionNotFoundError: there is none.
        ConflictError: the alias is a collection's own name.
    """
    try:
        return live_version(store, alias)
    except CollectionNotFoundError as error:
        raise CollectionNotFoundError(
            f"There is no collection behind {alias!r} to build a new version beside.",
            hint="Index the catalogue first: vitrine index.",
            details={"alias": alias},
        ) from error


def _target(
    store: Store,
    alias: str,
    live: CollectionSpec,
    catalog: str | Path,
    encoder: Encoder,
    options: ReindexOptions,
) -> tuple[str, bool]:
    """The collection to build, and whether it was begun before.

    It is gone on with if it is the highest version above the live one and what would be made now:
    of the same model and with the same fields.

    Raises:
        ConflictError: another run is still going and builds a version.
    """
    fields = planned_fields(catalog, options.index)
    above = _above(store, alias, live)
    job_dir = options.index.job_dir
    for version in above:
        refuse_if_alive(job_dir, alias, version.name, database_of(store, job_dir))
    if options.fresh:
        drop_all(store, above[-1:])
    elif above:
        last = above[-1].info
        same_model = last.model.fingerprint == encoder.identity.fingerprint
        if same_model and set(last.fields) == set(fields):
            return last.name, True
    return next_version(store, alias, encoder.identity, fields), False


def address(catalog: str | Path) -> Any:
    """The catalogue as `index_catalog` takes it: a URL stays text, as a path it loses a slash."""
    return catalog if "://" in str(catalog) else Path(catalog)


def planned_fields(catalog: str | Path, options: IndexOptions) -> tuple[Field, ...]:
    """The fields that a new collection of the catalogue gets; raises as `index_catalog`."""
    source = open_source(address(catalog))
    roles = find_roles(source.columns, options.columns)
    plan = plan_columns(infer_types(source), roles, options.types, None)
    return tuple(plan.fields.values())


def _above(store: Store, alias: str, live: CollectionSpec) -> list[Version]:
    parts = alias_and_number(live.name)
    floor = parts[1] if parts and parts[0] == alias else 0
    versions = versions_of(store, alias)
    return [each for each in versions if each.number > floor and not each.info.aliases]


def _switch(
    store: Store, alias: str, before: CollectionInfo, new: CollectionInfo, options: ReindexOptions
) -> tuple[float, tuple[str, ...]]:
    """Move the alias, and only then drop what is superseded: the seconds, and the names.

    What was never finished goes before that: killed in between, `rollback` must not lead to it.
    """
    between = clear_way_back(store, alias, before.name, new.name)
    started = time.perf_counter()
    store.set_alias(alias, new.name)
    seconds = time.perf_counter() - started
    return seconds, (*between, *prune(store, alias, options.keep))


def _same_or(load: Callable[[str], Encoder], encoder: Encoder, live: CollectionInfo) -> Encoder:
    """The new version's encoder where both are of one model, else the live one's own."""
    same = encoder.identity.fingerprint == live.model.fingerprint
    return encoder if same else load(live.model.name)


def _silent(_: str) -> None:
    return None
