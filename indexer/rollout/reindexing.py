"""`reindex`: a new version beside the live one, verified, then switched to."""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from indexer.indexing import index_catalog
from indexer.job import database_of, read_json
from indexer.manifest import catalog_name
from indexer.options import IndexOptions
from indexer.report import IndexReport, Progress
from indexer.rollout.holding import Beside, building
from indexer.rollout.switching import forget_switch, killed_switch, note_switch
from indexer.rollout.targets import address, choose_target, live_to_replace
from indexer.rollout.verification import (
    Side,
    Verification,
    VerifyOptions,
    load_evaluation,
    verify,
    written_meanwhile,
)
from indexer.rollout.versions import KEEP, clear_way_back, prune
from search.encoders.base import Encoder
from search.errors import CollectionNotFoundError, ConflictError, SchemaMismatchError
from search.regions import has_regions
from search.store.base import CollectionInfo, CollectionSpec, Store


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
    and the new version is kept. From the verification to the switch nobody else writes into the
    live version: who does is waited for, and what was written meanwhile is caught up with.

    `encoder` may be several of one model, on a device each. `load` loads the live version's model,
    if that is wanted to compare with; `on_stage` is told what is done now, in a few words.

    Raises:
        CollectionNotFoundError: the alias leads nowhere: there is nothing to build beside.
        ConflictError: the alias is a collection's own name; or another run builds a version of it,
            or has moved it meanwhile.
        EvaluationError: queries or qrels cannot be read; nothing was built then.
        SchemaMismatchError: the live version holds regions, and nobody said which to make.
        CatalogError, StoreUnavailableError and others: as `index_catalog`; the live version stays.
    """
    options, say = options or ReindexOptions(), on_stage or _silent
    encoders = tuple(encoder) if isinstance(encoder, Sequence) else (encoder,)
    _check(options, live_to_replace(store, alias))
    job_dir = options.index.job_dir
    database = database_of(store, job_dir)
    with building(job_dir, alias, database):
        live = live_to_replace(store, alias)
        if ended := _ended_before(store, alias, live, catalog, encoders[0], options):
            say(
                f"{live.name} is live already: an earlier run was killed right after it had "
                "switched. To build another version, run the same command again"
            )
            return ended
        beside = Beside.now(job_dir, alias, live.name, database)
        return _Making(
            catalog, store, encoders, alias, load, options, on_progress, say, live, beside
        ).run()


def _check(options: ReindexOptions, live: CollectionSpec) -> None:
    load_evaluation(options.verify, live.fields)
    if options.index.regions is None and has_regions(live.fields):
        raise SchemaMismatchError(
            f"{live.name} holds regions of pictures, and it was not said which the new version "
            "is to have.",
            hint="Say --regions as before (2x2, say), or --regions none.",
        )


@dataclass(frozen=True, slots=True)
class _Making:
    """A version in the making, by the one who holds its lock."""

    catalog: str | Path
    store: Store
    encoders: Sequence[Encoder]
    alias: str
    load: Callable[[str], Encoder]
    options: ReindexOptions
    on_progress: Callable[[Progress], None] | None
    say: Callable[[str], None]
    live: CollectionSpec
    beside: Beside

    def run(self) -> ReindexReport:
        """Build, verify and switch."""
        first, options, live = self.encoders[0], self.options, self.live.name
        name, resumed = choose_target(
            self.store,
            self.alias,
            self.live,
            self.catalog,
            first,
            options.index,
            fresh=options.fresh,
        )
        self.say(f"{'Going on with' if resumed else 'Building'} {name} beside {live}")
        built = latest = self._index(name)
        with self.beside.quiet(self.say) if options.switch else nullcontext():
            written = self.beside.written()
            others = [job for job in written if not self._is_of_our_catalog(job)]
            if len(others) < len(written):
                self.say(f"{live} has changed meanwhile: catching up")
                latest = self._index(name)
            self.say(f"Verifying {name}")
            before, new = self.store.describe(live), self.store.describe(name)
            verification = self._verified(before, new, latest, others)
            switches = options.switch and (verification.passed or options.force)
            seconds, dropped = self._switch(built.job, before, new) if switches else (0.0, ())
        return ReindexReport(
            self.alias, before, new, resumed, built, verification, switches, seconds, dropped
        )

    def _index(self, name: str) -> IndexReport:
        return index_catalog(
            address(self.catalog),
            store=self.store,
            encoder=self.encoders,
            alias=self.alias,
            # What an attempt before has stored, and the catalogue has lost since, must not stay.
            options=replace(self.options.index, delete_missing=True, confirmed=True),
            on_progress=self.on_progress,
            target=name,
        )

    def _is_of_our_catalog(self, job: Path) -> bool:
        return read_json(job / "manifest.json").get("catalog") == catalog_name(self.catalog)

    def _verified(
        self, before: CollectionInfo, new: CollectionInfo, index: IndexReport, others: list[Path]
    ) -> Verification:
        first = self.encoders[0]
        found = verify(
            self.store,
            Side(before, lambda: _same_or(self.load, first, before)),
            Side(new, lambda: first),
            indexed=index.rows - index.failed,
            failed=index.failed,
            options=self.options.verify,
        )
        return Verification((*found.checks, written_meanwhile(before.name, others)))

    def _switch(
        self, job: Path, before: CollectionInfo, new: CollectionInfo
    ) -> tuple[float, tuple[str, ...]]:
        """Move the alias, unless somebody else has, and say so in the job's folder meanwhile."""
        now = live_to_replace(self.store, self.alias).name
        if now != before.name:
            raise ConflictError(
                f"The alias {self.alias!r} was pointed to {now} by somebody else while {new.name} "
                f"was built to replace {before.name}: nothing was switched.",
                hint="Run the same command again.",
                details={"alias": self.alias, "live": now, "before": before.name},
            )
        note_switch(job, before.name, new.name)
        seconds, dropped = _switch(self.store, self.alias, before, new, self.options)
        forget_switch(self.beside.job_dir, new.name, self.beside.database)
        return seconds, dropped


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
