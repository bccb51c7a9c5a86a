"""`vitrine reindex`: a new version of a collection beside the live one, verified, switched to."""

from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import options
from api.cli.calibrating import keep_calibration
from api.cli.column_options import columns_and_types, parse_types
from api.cli.console import (
    DONE,
    DONE_WITH_QUARANTINED,
    FAILED,
    INTERRUPTED,
    note,
    print_json,
    warn,
)
from api.cli.options import COLUMNS
from api.cli.progress import shown_progress
from api.cli.settings_file import settings_over
from search.config import Settings
from search.errors import ConfigError

if TYPE_CHECKING:
    from indexer.rollout.reindexing import ReindexOptions, ReindexReport
    from indexer.rollout.verification import VerifyOptions
    from search.store import Store

CHECKS = "The verification"
SWITCH = "The new version"


def reindex(
    catalog: Annotated[
        str | None,
        typer.Argument(
            help="The catalogue. (default: the one that the live version was last indexed from)",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="Model of the new version. (default: the live version's)"
        ),
    ] = None,
    settings_file: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            help="TOML file of settings for the new version, by their names: "
            'model = "vit-b-32". Options win over it.',
        ),
    ] = None,
    db: options.Db = None,
    collection: options.Collection = None,
    device: options.Device = None,
    json: options.Json = False,
    id_column: Annotated[
        str | None, typer.Option(help="Column of the ids.", rich_help_panel=COLUMNS)
    ] = None,
    image_column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Column of the images. May be given several times.",
            rich_help_panel=COLUMNS,
        ),
    ] = None,
    title_column: Annotated[
        str | None, typer.Option(help="Column of the titles.", rich_help_panel=COLUMNS)
    ] = None,
    product_id_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the id that a product's images share.", rich_help_panel=COLUMNS
        ),
    ] = None,
    type: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=TYPE", help="Type of a column.", rich_help_panel=COLUMNS),
    ] = None,
    columns_file: Annotated[
        Path | None,
        typer.Option(help="TOML file with tables columns and types.", rich_help_panel=COLUMNS),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            "--queries",
            help="Queries whose answers are known, as for vitrine eval.",
            rich_help_panel=CHECKS,
        ),
    ] = None,
    qrels: Annotated[
        Path | None,
        typer.Option("--qrels", help="The right answers to --queries.", rich_help_panel=CHECKS),
    ] = None,
    margin: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="NUMBER",
            help="How much nDCG@10 may fall by.",
            rich_help_panel=CHECKS,
        ),
    ] = 0.02,
    sample: Annotated[
        int,
        typer.Option(
            min=1,
            max=10_000,
            metavar="NUMBER",
            help="Items that are looked at on each side.",
            rich_help_panel=CHECKS,
        ),
    ] = 100,
    switch: Annotated[
        bool,
        typer.Option(
            "--switch/--no-switch",
            help="Switch to it, or only build and verify.",
            rich_help_panel=SWITCH,
        ),
    ] = True,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Switch although the verification failed.", rich_help_panel=SWITCH
        ),
    ] = False,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh",
            help="Drop the unfinished version and begin another.",
            rich_help_panel=SWITCH,
        ),
    ] = False,
    keep: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="NUMBER",
            help="Versions that stay, the live one counted.",
            rich_help_panel=SWITCH,
        ),
    ] = 2,
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    job_dir: options.JobDir = None,
    max_failed_share: options.MaxFailedShare = None,
    staged_images: options.StagedImages = None,
    regions: options.Regions = None,
) -> None:
    """Build a new version of a collection beside the live one, verify it, and switch to it.

    Searches go on meanwhile, and a running service follows without a restart. Killed at any
    moment, the same command goes on with the same version. If the verification fails nothing is
    switched, the new version is kept, and the exit code is 1. vitrine rollback goes back.

    Without a catalogue, columns and types are those of the last time, as far as nothing else is
    said.

    Examples:

      vitrine reindex --model vit-b-32
      vitrine reindex --queries queries.jsonl --qrels qrels.json
      vitrine reindex catalog.csv --settings next.toml --no-switch
    """
    if (queries is None) != (qrels is None):
        raise ConfigError("--queries and --qrels belong together.", hint="Give both, or neither.")
    settings = settings_over(
        settings_file,
        db=db,
        collection=collection,
        model=model,
        device=device,
        batch_size=batch_size,
        decode_workers=workers,
        job_dir=job_dir,
        max_failed_share=max_failed_share,
        staged_images=staged_images,
    )
    from indexer import ColumnNames, IndexOptions
    from indexer.regions import Regions
    from indexer.rollout.reindexing import ReindexOptions

    given = ColumnNames(id_column, tuple(image_column or ()), title_column, product_id_column)
    columns, types = columns_and_types(columns_file, given, parse_types(type or ()))
    chosen = ReindexOptions(
        index=replace(
            IndexOptions.of(settings, columns, types),
            trust_staged_images=True,
            regions=None if regions is None else Regions.from_text(regions),
        ),
        verify=_verify_options(settings, sample, margin, queries, qrels),
        keep=keep,
        switch=switch,
        force=force,
        fresh=fresh,
    )
    try:
        report = run_reindex(catalog, settings, chosen)
    except KeyboardInterrupt:
        warn("Interrupted. The live version is as it was; the same command goes on from there.")
        raise typer.Exit(INTERRUPTED) from None
    from api.cli.reindex_report import reindex_object, show_reindex

    if json:
        print_json(reindex_object(report))
    else:
        show_reindex(report)
    raise typer.Exit(exit_code(report, chosen))


def run_reindex(
    catalog: str | None, settings: Settings, chosen: "ReindexOptions"
) -> "ReindexReport":
    """Open the store, load the model, and build, verify and switch, showing progress.

    Without a catalogue it is the one that the live version was made from, read in the same way.
    """
    from indexer import check_catalog
    from indexer.rollout.reindexing import reindex
    from indexer.rollout.targets import address, live_to_replace
    from search.encoders import load_encoder, load_encoders
    from search.store import open_store_of

    with closing(open_store_of(settings, create=False)) as store:
        live = live_to_replace(store, settings.collection)
        if catalog is None:
            catalog, chosen = _as_before(live.name, store, settings, chosen)
        if "://" not in catalog:  # What is elsewhere is copied first: once, not twice.
            check_catalog(address(catalog), chosen.index.columns)
        choice = {"device": settings.device, "precision": settings.precision}
        encoders = load_encoders(settings.model or live.model.name, **choice)
        if live.model.fingerprint == encoders[0].identity.fingerprint:
            note(_same_model(live.name, live.model.name))
        with shown_progress() as on_progress:
            report = reindex(
                catalog,
                store=store,
                encoder=encoders,
                alias=settings.collection,
                load=partial(load_encoder, **choice),
                options=chosen,
                on_progress=on_progress,
                on_stage=note,
            )
        keep_calibration(store, encoders[0], report.new.name, settings)
        return report


def _same_model(live: str, model: str) -> str:
    return (
        f"The live version, {live}, was made with this very model ({model}): the new one embeds "
        "everything again, and differs only where the catalogue or its columns have changed. "
        "To bring the live one up to date, vitrine index embeds only what changed."
    )


def _as_before(
    live: str, store: "Store", settings: Settings, chosen: "ReindexOptions"
) -> "tuple[str, ReindexOptions]":
    """The catalogue that the live version was made from, and options to read it as then.

    What was said of columns and types now comes first. Raises CatalogError: no job knows it.
    """
    from indexer.job import database_of
    from indexer.rollout.remembered import last_job

    database = database_of(store, settings.jobs)
    last = last_job(settings.jobs, settings.collection, live, database)
    note(f"From {last.catalog}, as {last.job.name}")
    index = chosen.index
    said = {name: value for name, value in asdict(index.columns).items() if value}
    columns = replace(last.columns, **said)
    regions = last.regions if index.regions is None else index.regions
    types = {**last.types, **index.types}
    index = replace(index, columns=columns, types=types, regions=regions)
    return last.catalog, replace(chosen, index=index)


def exit_code(report: "ReindexReport", chosen: "ReindexOptions") -> int:
    """1 if what was asked for was not done, 3 if rows were left out, else 0."""
    done = report.switched or (report.verification.passed and not chosen.switch)
    if not done:
        return FAILED
    return DONE_WITH_QUARANTINED if report.index.failed else DONE


def _verify_options(
    settings: Settings, sample: int, margin: float, queries: Path | None, qrels: Path | None
) -> "VerifyOptions":
    from indexer.rollout.verification import VerifyOptions
    from search.images import ImageLimits

    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
    return VerifyOptions(sample=sample, margin=margin, queries=queries, qrels=qrels, limits=limits)
