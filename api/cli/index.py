"""`vitrine index`."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import options
from api.cli.console import DONE, DONE_WITH_QUARANTINED, print_json, warn
from api.cli.index_report import (
    plan_object,
    report_object,
    show_columns,
    show_plan,
    show_report,
)
from api.cli.progress import shown_progress
from search.config import Settings
from search.errors import CollectionNotFoundError, ConfigError
from search.types import FieldType

if TYPE_CHECKING:
    from indexer import ChangePlan, ColumnNames, IndexOptions, IndexReport, PlannedColumn
    from search.store import Store

INTERRUPTED = 130


def index(
    catalog: Annotated[
        str,
        typer.Argument(
            help="A folder of images (or a glob), a CSV, TSV, JSONL or Parquet file with an image "
            "column, or webdataset tar shards; a path, or an address: https://, s3://, gs://.",
            show_default=False,
        ),
    ],
    db: options.Db = None,
    collection: options.Collection = None,
    model: options.Model = None,
    device: options.Device = None,
    id_column: Annotated[
        str | None, typer.Option(help="Column of the ids; by default id, sku, ...")
    ] = None,
    image_column: Annotated[
        list[str] | None,
        typer.Option(
            help="Column of the images' paths or addresses; by default image, image_path, ... "
            "Given several times, each image is an entry of its own, with the id ID#COLUMN."
        ),
    ] = None,
    title_column: Annotated[
        str | None, typer.Option(help="Column of the titles; by default title, name, ...")
    ] = None,
    product_id_column: Annotated[
        str | None,
        typer.Option(help="Column of the id that a product's images share; by default product_id."),
    ] = None,
    type: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=TYPE",
            help="Type of a column, instead of the one that its values suggest: string, integer, "
            "float, boolean, date or strings. May be given several times.",
        ),
    ] = None,
    columns_file: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with tables columns (id, image, title, product_id) and types; options "
            "that are given as well come first."
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Images that the model gets at once; by default 64.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Threads that decode images; by default one per core.")
    ] = None,
    job_dir: Annotated[
        Path | None,
        typer.Option(help="Where each run has its folder; by default jobs/ beside the database."),
    ] = None,
    reuse: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of an earlier job of the same model: images that it embedded are not "
            "embedded again. May be given several times. What a run that was killed had embedded "
            "is found without this."
        ),
    ] = None,
    delete_missing: Annotated[
        bool,
        typer.Option(
            "--delete-missing",
            help="Remove items that are not in the catalogue any more; more than a fifth of them "
            "only with --yes.",
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Remove missing items however many they are.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say what is new, changed, unchanged and missing; change nothing."
        ),
    ] = False,
    max_failed_share: Annotated[
        float | None,
        typer.Option(help="Share of failed rows (0 to 1) above which to stop; by default 0.5."),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(help="local, or ray: on a Ray cluster (needs the extra named ray)."),
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(
            help="HOST:PORT of the Ray cluster's head, or auto; by default RAY_ADDRESS, else Ray "
            "on this machine. Implies --engine ray."
        ),
    ] = None,
    json_progress: Annotated[
        bool,
        typer.Option("--json-progress", help="Progress on stderr as JSON, an object a line."),
    ] = False,
    json: options.Json = False,
) -> None:
    """Index a catalogue: make a collection of it, or bring the collection up to date.

    Indexing the same catalogue again embeds only what is new or changed; a run that was killed
    goes on where it stopped. Rows that cannot be used are listed in the run's errors.jsonl, and
    everything else is indexed (exit code 3 then).

    Examples:

      vitrine index catalog.csv

      vitrine index catalog.csv --dry-run

      vitrine index photos/ --collection photos

      vitrine index s3://shop/catalogue.parquet --id-column sku --type size=string

      vitrine index nightly.csv --delete-missing
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
    )
    from indexer import ColumnNames, IndexOptions

    given = ColumnNames(id_column, tuple(image_column or ()), title_column, product_id_column)
    columns, types = columns_and_types(columns_file, given, parse_types(type or ()))
    chosen = replace(
        IndexOptions.of(settings, columns, types),
        reuse=tuple(reuse or ()),
        delete_missing=delete_missing,
        confirmed=yes,
    )
    ray = _on_ray(engine, ray_address)
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
    if json:
        print_json(report_object(report))
    else:
        show_report(report)
    if report.failed:
        raise typer.Exit(DONE_WITH_QUARANTINED)


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
    """Open the store, load the model that the collection wants, and index, showing progress."""
    from indexer import check_catalog, index_catalog
    from search.encoders import load_encoder, load_encoders
    from search.store import open_store_of

    if "://" not in str(catalog):  # What is elsewhere is copied first: once, not twice.
        check_catalog(catalog, chosen.columns)
    with closing(open_store_of(settings, create=True)) as store:
        name = settings.model or model_of(store, settings.collection) or "mini"
        engine = None
        if ray:
            from indexer.distributed import RayEngine

            engine = RayEngine.of(settings, name, ray_address)
            # Says which model it is; the cluster's machines have encoders of their own.
            encoders = [load_encoder(name, device="cpu")]
        else:
            encoders = load_encoders(name, device=settings.device, precision=settings.precision)
        with shown_progress(as_json=json_progress) as on_progress:
            return index_catalog(
                catalog,
                store=store,
                encoder=encoders,
                alias=settings.collection,
                options=chosen,
                engine=engine,
                on_plan=on_plan,
                on_progress=on_progress,
            )


def _on_ray(engine: str, address: str | None) -> bool:
    if engine not in ("local", "ray"):
        raise ConfigError(f"There is no engine {engine!r}.", hint="Engines are local and ray.")
    return engine == "ray" or address is not None


def run_plan(catalog: str, settings: Settings, chosen: "IndexOptions") -> "ChangePlan":
    """Compare the catalogue with the collection; a database that is not there stays so."""
    from indexer import plan_index
    from search.store import open_store_of

    with ExitStack() as stack:
        store = None
        if "://" in settings.db or Path(settings.db).exists():
            store = stack.enter_context(closing(open_store_of(settings, create=False)))
        return plan_index(catalog, store=store, alias=settings.collection, options=chosen)


def columns_and_types(
    file: Path | None, given: "ColumnNames", types: dict[str, FieldType]
) -> tuple["ColumnNames", dict[str, FieldType]]:
    """Columns and types from a file, with those given as options before them."""
    if file is None:
        return given, types
    from indexer.columns import load_catalog_settings

    columns, read = load_catalog_settings(file)
    chosen = {
        name: value for name in ("id", "image", "title", "product_id")
        if (value := getattr(given, name))
    }  # fmt: skip
    return replace(columns, **chosen), {**read, **types}


def model_of(store: "Store", collection: str) -> str | None:
    """The name of the model that the collection was made with; None if there is no collection."""
    try:
        return store.resolve(collection).model.name
    except CollectionNotFoundError:
        return None


def parse_types(given: Sequence[str]) -> dict[str, FieldType]:
    """Read `COLUMN=TYPE` options. Raises ConfigError for one that is no such thing."""
    types: dict[str, FieldType] = {}
    for option in given:
        column, _, name = option.rpartition("=")
        try:
            types[column] = FieldType(name.strip().lower())
        except ValueError:
            column = ""
        if not column:
            raise ConfigError(
                f"--type {option} cannot be read.",
                hint=f"Write COLUMN=TYPE, with a type of {', '.join(FieldType)}.",
            )
    return types
