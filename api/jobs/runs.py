"""What the service's jobs do, in terms of the indexer: store, model, run, calibration."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial

from indexer import IndexOptions, IndexReport, Progress, index_catalog
from indexer.job import database_of
from indexer.models import encoders_for
from indexer.rollout import find_collection
from indexer.rollout.reindexing import ReindexOptions, ReindexReport, reindex
from indexer.rollout.remembered import last_job
from indexer.rollout.targets import address, live_to_replace
from search.config import Settings
from search.encoders import Encoder, load_encoder, load_encoders
from search.errors import VitrineError
from search.judging import Judges
from search.store import Store, open_store_of

OnProgress = Callable[[Progress], None]
Say = Callable[[str], None]


def index_run(
    catalog: str, settings: Settings, chosen: IndexOptions, *, on_progress: OnProgress, warn: Say
) -> IndexReport:
    """Index a catalogue with the model that the collection wants; raises as `index_catalog`.

    The encoders are the run's own: those of the service batch what single queries ask for.
    `warn` hears what went wrong beside it.
    """
    with closing(open_store_of(settings, create=True)) as store:
        found = find_collection(store, settings.collection)
        name = settings.model or (found.model.name if found else "mini")
        choice = {"device": settings.device, "precision": settings.precision}
        load = partial(load_encoders, name, **choice)
        encoders = encoders_for(store, settings.collection, name, load)
        report = index_catalog(
            address(catalog),
            store=store,
            encoder=encoders,
            alias=settings.collection,
            options=chosen,
            on_progress=on_progress,
        )
        _keep_calibration(store, encoders[0], report.collection, settings, warn)
        return report


def reindex_run(
    catalog: str | None,
    settings: Settings,
    chosen: ReindexOptions,
    *,
    on_progress: OnProgress,
    on_stage: Say,
    warn: Say,
) -> ReindexReport:
    """Build the next version, verify it and switch; raises as `reindex`.

    Without a catalogue it is the one that the live version was made from, read in the same way.
    """
    with closing(open_store_of(settings, create=False)) as store:
        live = live_to_replace(store, settings.collection)
        if catalog is None:
            catalog, chosen = _as_before(live.name, store, settings, chosen)
        choice = {"device": settings.device, "precision": settings.precision}
        encoders = load_encoders(settings.model or live.model.name, **choice)
        report = reindex(
            address(catalog),
            store=store,
            encoder=encoders,
            alias=settings.collection,
            load=partial(load_encoder, **choice),
            options=chosen,
            on_progress=on_progress,
            on_stage=on_stage,
        )
        _keep_calibration(store, encoders[0], report.new.name, settings, warn)
        return report


def _as_before(
    live: str, store: Store, settings: Settings, chosen: ReindexOptions
) -> tuple[str, ReindexOptions]:
    """The catalogue of the last run, and options to read it as then, but for what is said now."""
    last = last_job(settings.jobs, settings.collection, live, database_of(store, settings.jobs))
    index = chosen.index
    said = {name: value for name, value in asdict(index.columns).items() if value}
    index = replace(
        index,
        columns=replace(last.columns, **said),
        regions=last.regions if index.regions is None else index.regions,
        types={**last.types, **index.types},
    )
    return last.catalog, replace(chosen, index=index)


def _keep_calibration(
    store: Store, encoder: Encoder, collection: str, settings: Settings, warn: Say
) -> None:
    """Find out what scores are worth, so that nobody who searches waits for it.

    The items are stored by now: a failure is a warning.
    """
    try:
        Judges(store, settings.calibrations).prepare(store.resolve(collection), encoder)
    except VitrineError as error:
        warn(f"What scores are worth could not be found out, and will be by searches: {error}")
