"""Whole runs by their settings: the store, the model, the run, and what scores are worth then.

The command line and the service's jobs both run these; how far a run is they tell in their own way.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.indexing import check_catalog, index_catalog
from indexer.job import database_of
from indexer.models import encoders_for
from indexer.options import IndexOptions
from indexer.plan import PlannedColumn
from indexer.report import IndexReport, Progress
from indexer.rollout.reindexing import ReindexOptions, ReindexReport, reindex
from indexer.rollout.remembered import last_job
from indexer.rollout.targets import address, live_to_replace
from search.config import Settings
from search.encoders import Encoder, load_encoder, load_encoders
from search.errors import CollectionNotFoundError, VitrineError
from search.judging import Judges
from search.store import Store, open_store_of

if TYPE_CHECKING:
    from indexer.distributed import RayEngine

Showing = Callable[[], AbstractContextManager[Callable[[Progress], None]]]
"""Opened around a run, after its model was loaded: what it gives hears how far the run is."""
OnPlan = Callable[[Sequence[PlannedColumn]], None]
Say = Callable[[str], None]


def index_run(
    catalog: str | Path,
    settings: Settings,
    chosen: IndexOptions,
    *,
    showing: Showing,
    warn: Say,
    on_plan: OnPlan | None = None,
    cluster: "Callable[[str], RayEngine] | None" = None,
) -> IndexReport:
    """Open the store and index with the model that the collection wants; raises as `index_catalog`.

    The encoders are the run's own. `warn` hears what went wrong beside it. `on_plan` is told what
    becomes of the columns where that is news: the collection is made now, or a column does not
    become a field. `cluster` makes what runs on Ray, of the model's name.
    """
    _check(catalog, chosen)
    with closing(open_store_of(settings, create=True)) as store:
        stored = _model_of(store, settings.collection)
        name = settings.model or stored or "mini"
        engine = None if cluster is None else cluster(name)
        # On a cluster it says which model it is; the machines there have encoders of their own.
        load = partial(_loaded, settings, name) if engine is None else partial(_on_cpu, name)
        encoders = encoders_for(store, settings.collection, name, load)
        with showing() as on_progress:
            report = index_catalog(
                address(catalog),
                store=store,
                encoder=encoders,
                alias=settings.collection,
                options=chosen,
                engine=engine,
                on_plan=on_plan and _if_news(on_plan, first=stored is None),
                on_progress=on_progress,
            )
        _keep_calibration(store, encoders[0], report.collection, settings, warn)
        return report


def reindex_run(
    catalog: str | None,
    settings: Settings,
    chosen: ReindexOptions,
    *,
    showing: Showing,
    warn: Say,
    on_stage: Say | None = None,
    note: Say | None = None,
) -> ReindexReport:
    """Open the store, load the model, and build, verify and switch; raises as `reindex`.

    Without a catalogue it is the one that the live version was made from, read in the same way.
    Copies of images that were staged are taken as they are. `note` hears what is good to know
    before it begins.
    """
    note = note or _silent
    chosen = replace(chosen, index=replace(chosen.index, trust_staged_images=True))
    with closing(open_store_of(settings, create=False)) as store:
        live = live_to_replace(store, settings.collection)
        if catalog is None:
            catalog, chosen = _as_before(live.name, store, settings, chosen, note)
        _check(catalog, chosen.index)
        encoders = load_encoders(settings.model or live.model.name, **_choice(settings))
        if live.model.fingerprint == encoders[0].identity.fingerprint:
            note(_same_model(live.name, live.model.name))
        with showing() as on_progress:
            report = reindex(
                address(catalog),
                store=store,
                encoder=encoders,
                alias=settings.collection,
                load=partial(load_encoder, **_choice(settings)),
                options=chosen,
                on_progress=on_progress,
                on_stage=on_stage,
            )
        _keep_calibration(store, encoders[0], report.new.name, settings, warn)
        return report


def _check(catalog: str | Path, chosen: IndexOptions) -> None:
    """Refuse what is no catalogue before a store is made and a model loaded."""
    if "://" not in str(catalog):  # What is elsewhere is copied first: once, not twice.
        check_catalog(address(catalog), chosen.columns)


def _model_of(store: Store, collection: str) -> str | None:
    """The name of the model that the collection was made with; None if there is no collection."""
    try:
        return store.resolve(collection).model.name
    except CollectionNotFoundError:
        return None


def _choice(settings: Settings) -> dict[str, str]:
    return {"device": settings.device, "precision": settings.precision}


def _loaded(settings: Settings, name: str) -> Sequence[Encoder]:
    return load_encoders(name, **_choice(settings))


def _on_cpu(name: str) -> Sequence[Encoder]:
    return [load_encoder(name, device="cpu")]


def _if_news(on_plan: OnPlan, *, first: bool) -> OnPlan:
    def told(columns: Sequence[PlannedColumn]) -> None:
        if first or any(column.becomes == "extra" for column in columns):
            on_plan(columns)

    return told


def _as_before(
    live: str, store: Store, settings: Settings, chosen: ReindexOptions, note: Say
) -> tuple[str, ReindexOptions]:
    """The catalogue that the live version was made from, and options to read it as then.

    What was said of columns and types now comes first. Raises CatalogError: no job knows it.
    """
    last = last_job(settings.jobs, settings.collection, live, database_of(store, settings.jobs))
    note(f"From {last.catalog}, as {last.job.name}")
    index = chosen.index
    said = {name: value for name, value in asdict(index.columns).items() if value}
    index = replace(
        index,
        columns=replace(last.columns, **said),
        regions=last.regions if index.regions is None else index.regions,
        types={**last.types, **index.types},
    )
    return last.catalog, replace(chosen, index=index)


def _same_model(live: str, model: str) -> str:
    return (
        f"The live version, {live}, was made with this very model ({model}): the new one embeds "
        "everything again, and differs only where the catalogue or its columns have changed. "
        "To bring the live one up to date, vitrine index embeds only what changed."
    )


def _keep_calibration(
    store: Store, encoder: Encoder, collection: str, settings: Settings, warn: Say
) -> None:
    """Find out what scores are worth, so that nobody who searches waits for it.

    What is kept of it stays where it still fits. The items are stored by now: a failure is a
    warning.
    """
    try:
        Judges(store, settings.calibrations).prepare(store.resolve(collection), encoder)
    except VitrineError as error:
        warn(f"What scores are worth could not be found out, and will be by searches: {error}")


def _silent(said: str) -> None:
    """Nobody listens."""
