"""`vitrine index`."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from api.cli import options, remote
from api.cli.column_options import columns_and_types, parse_types
from api.cli.console import DONE, DONE_WITH_QUARANTINED, INTERRUPTED, print_json, warn
from api.cli.index_report import (
    plan_object,
    report_object,
    show_columns,
    show_plan,
    show_report,
)
from api.cli.progress import shown_progress
from search.config import Settings
from search.errors import ConfigError

if TYPE_CHECKING:
    from indexer import ChangePlan, IndexOptions, IndexReport, PlannedColumn
    from indexer.distributed import RayEngine

REMOVAL = "Items that are gone from the catalogue"
RAY = "Ray"


def index(
    catalog: Annotated[
        str,
        typer.Argument(
            help="A folder of images (or a glob), a CSV, TSV, JSONL or Parquet file with an image "
            "column, or webdataset tar shards; a path or an address (https, s3, gs).",
            show_default=False,
        ),
    ],
    db: options.Db = None,
    collection: options.Collection = None,
    model: options.Model = None,
    device: options.Device = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say what is new, changed, unchanged and gone; change nothing."
        ),
    ] = False,
    json: options.Json = False,
    id_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the ids. (default: id, sku, ...)", rich_help_panel=options.COLUMNS
        ),
    ] = None,
    image_column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Column of the images' paths or addresses. (default: image, image_path, ...) "
            "Given several times, each image is an item of its own, with the id ID#COLUMN.",
            rich_help_panel=options.COLUMNS,
        ),
    ] = None,
    title_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the titles. (default: title, name, ...)",
            rich_help_panel=options.COLUMNS,
        ),
    ] = None,
    product_id_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the id that a product's images share. (default: product_id, ...)",
            rich_help_panel=options.COLUMNS,
        ),
    ] = None,
    type: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=TYPE",
            help="Type of a column, where its values suggest another: string, integer, float, "
            "boolean, date or strings. May be given several times.",
            rich_help_panel=options.COLUMNS,
        ),
    ] = None,
    columns_file: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with tables columns (id, image, title, product_id) and types. "
            "Options win over it.",
            rich_help_panel=options.COLUMNS,
        ),
    ] = None,
    delete_missing: Annotated[
        bool,
        typer.Option(
            "--delete-missing",
            help="Remove them; more than a fifth of the collection only with --yes.",
            rich_help_panel=REMOVAL,
        ),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", "-y", help="Remove them however many they are.", rich_help_panel=REMOVAL
        ),
    ] = False,
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    job_dir: options.JobDir = None,
    max_failed_share: options.MaxFailedShare = None,
    shards_dir: options.ShardsDir = None,
    bulk_import: options.BulkImport = None,
    staged_images: options.StagedImages = None,
    regions: options.Regions = None,
    reuse: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of an earlier job of the same model, whose embeddings are taken. May be "
            "given several times; not needed after a run that was killed.",
            rich_help_panel=options.RUN,
        ),
    ] = None,
    json_progress: Annotated[
        bool,
        typer.Option(
            "--json-progress",
            help="Progress on stderr as JSON, an object a line.",
            rich_help_panel=options.RUN,
        ),
    ] = False,
    engine: Annotated[
        str,
        typer.Option(
            help="local, or ray: on a Ray cluster (needs the extra named ray).",
            rich_help_panel=RAY,
        ),
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(
            help="HOST:PORT of the cluster's head, or auto; implies --engine ray. (default: "
            "RAY_ADDRESS, else Ray on this machine)",
            rich_help_panel=RAY,
        ),
    ] = None,
    server: options.Server = None,
) -> None:
    """Index a catalogue: make a collection of it, or bring the collection up to date.

    Indexing the same catalogue again embeds only what is new or changed; a run that was killed
    goes on where it stopped. Rows that cannot be used are listed in the run's errors.jsonl, and
    everything else is indexed (exit code 3 then, also of a dry run).

    With --server the service does it, from its own machine, where it is allowed to read
    (VITRINE_JOB_SOURCES). Ctrl-C then cancels its job, and waits until what was embedded is
    stored; a second one leaves at once.

    Examples:

      vitrine index catalog.csv
      vitrine index catalog.csv --dry-run
      vitrine index photos/ --collection photos
      vitrine index s3://shop/items.parquet --id-column sku --type size=string
      vitrine index nightly.csv --delete-missing
      vitrine index streets.csv --regions 3x3
      vitrine index catalog.csv --server http://localhost:8000
    """
    settings = options.make_settings(
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
        server=server,
    )
    from indexer import ColumnNames, IndexOptions
    from indexer.regions import Regions

    given = ColumnNames(id_column, tuple(image_column or ()), title_column, product_id_column)
    columns, types = columns_and_types(columns_file, given, parse_types(type or ()))
    chosen = replace(
        IndexOptions.of(settings, columns, types),
        regions=None if regions is None else Regions.from_text(regions),
        reuse=tuple(reuse or ()),
        delete_missing=delete_missing,
        confirmed=yes,
    )
    ray = _on_ray(engine, ray_address)
    here: dict[str, object] = {"--db": db, "--device": device, "--workers": workers}
    here |= {
        "--job-dir": job_dir,
        "--shards-dir": shards_dir,
        "--bulk-import": bulk_import,
        "--staged-images": staged_images,
        "--reuse": reuse,
    }
    here |= {"--dry-run": dry_run, "--engine ray": ray}
    if remote.is_asked(settings, server, here):
        job = remote.job_options(chosen, model, batch_size, max_failed_share)
        report = remote.index(
            settings, catalog, collection=collection, options=job, json_progress=json_progress
        )
        _leave(report, json=json)
    if dry_run:
        plan = run_plan(catalog, settings, chosen)
        print_json(plan_object(plan)) if json else show_plan(plan)
        raise typer.Exit(DONE_WITH_QUARANTINED if plan.failed else DONE)
    try:
        report = run_index(
            catalog,
            settings,
            chosen,
            ray=ray,
            ray_address=ray_address,
            on_plan=None if json or json_progress else show_columns,
            json_progress=json_progress,
        )
    except KeyboardInterrupt:
        warn("Interrupted. What was embedded is stored; the same command goes on from there.")
        raise typer.Exit(INTERRUPTED) from None
    _leave(report, json=json)


def _leave(report: "IndexReport", *, json: bool) -> NoReturn:
    """Show the report, and leave with the exit code that it stands for."""
    if json:
        print_json(report_object(report))
    else:
        show_report(report)
    raise typer.Exit(DONE_WITH_QUARANTINED if report.failed else DONE)


def run_index(
    catalog: str | Path,
    settings: Settings,
    chosen: "IndexOptions",
    *,
    ray: bool = False,
    ray_address: str | None = None,
    on_plan: Callable[[Sequence["PlannedColumn"]], None] | None = None,
    json_progress: bool = False,
) -> "IndexReport":
    """`indexer.runs.index_run`, on this machine or on Ray, with its progress shown."""
    from indexer.runs import index_run

    def cluster(name: str) -> "RayEngine":
        from indexer.distributed import RayEngine

        return RayEngine.of(settings, name, ray_address)

    return index_run(
        catalog,
        settings,
        chosen,
        showing=partial(shown_progress, as_json=json_progress),
        warn=warn,
        on_plan=on_plan,
        cluster=cluster if ray else None,
    )


def _on_ray(engine: str, address: str | None) -> bool:
    if engine not in ("local", "ray"):
        raise ConfigError(f"There is no engine {engine!r}.", hint="Engines are local and ray.")
    return engine == "ray" or address is not None


def run_plan(catalog: str, settings: Settings, chosen: "IndexOptions") -> "ChangePlan":
    """Compare the catalogue with the collection; a database that is not there stays so."""
    from indexer import plan_index
    from search.encoders import load_encoder
    from search.store import open_store_of

    # Without a name it is the collection's own model, and nothing about it can be wrong.
    encoder = load_encoder(settings.model, device="cpu") if settings.model else None
    with ExitStack() as stack:
        store = None
        if "://" in settings.db or Path(settings.db).exists():
            store = stack.enter_context(closing(open_store_of(settings, create=False)))
        return plan_index(
            catalog, store=store, alias=settings.collection, options=chosen, encoder=encoder
        )
