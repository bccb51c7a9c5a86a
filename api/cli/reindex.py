"""`vitrine reindex`: a new version of a collection beside the live one, verified, switched to."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import options
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
from search.errors import ConfigError

if TYPE_CHECKING:
    from indexer.rollout.reindexing import ReindexOptions, ReindexReport

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
    shards_dir: options.ShardsDir = None,
    bulk_import: options.BulkImport = None,
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
        shards_dir=shards_dir,
        bulk_import=bulk_import,
        staged_images=staged_images,
    )
    from indexer import ColumnNames, IndexOptions
    from indexer.regions import Regions
    from indexer.rollout.reindexing import ReindexOptions
    from indexer.rollout.verification import VerifyOptions
    from indexer.runs import reindex_run

    given = ColumnNames(id_column, tuple(image_column or ()), title_column, product_id_column)
    columns, types = columns_and_types(columns_file, given, parse_types(type or ()))
    index = replace(
        IndexOptions.of(settings, columns, types),
        regions=None if regions is None else Regions.from_text(regions),
    )
    chosen = ReindexOptions(
        index=index,
        verify=VerifyOptions(
            sample=sample, margin=margin, queries=queries, qrels=qrels, limits=index.limits
        ),
        keep=keep,
        switch=switch,
        force=force,
        fresh=fresh,
    )
    try:
        report = reindex_run(
            catalog,
            settings,
            chosen,
            showing=shown_progress,
            warn=warn,
            on_stage=note,
            note=note,
        )
    except KeyboardInterrupt:
        warn("Interrupted. The live version is as it was; the same command goes on from there.")
        raise typer.Exit(INTERRUPTED) from None
    from api.cli.reindex_report import reindex_object, show_reindex

    if json:
        print_json(reindex_object(report))
    else:
        show_reindex(report)
    raise typer.Exit(exit_code(report, chosen))


def exit_code(report: "ReindexReport", chosen: "ReindexOptions") -> int:
    """1 if what was asked for was not done, 3 if rows were left out, else 0."""
    done = report.switched or (report.verification.passed and not chosen.switch)
    if not done:
        return FAILED
    return DONE_WITH_QUARANTINED if report.index.failed else DONE
