"""`vitrine index`."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import options
from api.cli.console import DONE_WITH_QUARANTINED, note, print_json, stderr, stdout, warn
from search.config import Settings
from search.errors import CollectionNotFoundError, ConfigError
from search.types import FieldType

if TYPE_CHECKING:
    from indexer import ColumnNames, IndexReport, Progress
    from search.store import Store

INTERRUPTED = 130
LINE_EVERY_S = 10.0
"""Seconds between two lines of progress where no terminal shows a bar."""


def index(
    catalog: Annotated[
        Path,
        typer.Argument(
            help="A folder of images, or a CSV, TSV, JSONL or Parquet file with an image column.",
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
        str | None,
        typer.Option(help="Column of the images' paths; by default image, image_path, ..."),
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
    batch_size: Annotated[
        int | None, typer.Option(help="Images that the model gets at once; by default 64.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Threads that decode images; by default one per core.")
    ] = None,
    job_dir: Annotated[
        Path | None,
        typer.Option(help="Where each run has its folder; by default .vitrine/jobs."),
    ] = None,
    max_failed_share: Annotated[
        float | None,
        typer.Option(help="Share of failed rows (0 to 1) above which to stop; by default 0.5."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Index a catalogue: make a collection of it, or bring the collection up to date.

    Indexing the same catalogue again embeds only what is new or changed. Rows that cannot be used
    are listed in the run's errors.jsonl, and everything else is indexed (exit code 3 then).

    Examples:

      vitrine index catalog.csv

      vitrine index photos/ --collection photos

      vitrine index shop.parquet --id-column sku --type size=string
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
    from indexer import ColumnNames

    columns = ColumnNames(id_column, image_column, title_column, product_id_column)
    try:
        report = run_index(catalog, settings, columns, parse_types(type or ()))
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
    catalog: Path,
    settings: Settings,
    columns: "ColumnNames",
    types: Mapping[str, FieldType],
) -> "IndexReport":
    """Open the store, load the model that the collection wants, and index, showing progress."""
    from indexer import IndexOptions, check_catalog, index_catalog
    from search.encoders import load_encoder
    from search.store import open_store_of

    check_catalog(catalog, columns)
    with closing(open_store_of(settings, create=True)) as store:
        name = settings.model or model_of(store, settings.collection) or "mini"
        encoder = load_encoder(name, device=settings.device, precision=settings.precision)
        with shown_progress() as on_progress:
            return index_catalog(
                catalog,
                store=store,
                encoder=encoder,
                alias=settings.collection,
                options=IndexOptions.of(settings, columns, types),
                on_progress=on_progress,
            )


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


@contextmanager
def shown_progress() -> Iterator[Callable[["Progress"], None]]:
    """Show progress on stderr: a bar in a terminal, else a line every ten seconds."""
    if not stderr.is_terminal:
        yield _lines_of_progress()
        return
    from rich import progress as rich_progress

    bar = rich_progress.Progress(
        rich_progress.TextColumn("Indexing"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TextColumn("{task.fields[said]}"),
        console=stderr,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None, said="")
        yield lambda now: bar.update(task, completed=now.done, total=now.total, said=_said(now))


def show_report(report: "IndexReport") -> None:
    """Print the summary, and on stderr what was left out and why."""
    from rich.table import Table

    table = Table(title=f"{report.collection} ({report.model})", title_justify="left")
    table.add_column("Rows")
    table.add_column("", justify="right")
    for name, count in counts_of(report).items():
        table.add_row(name, f"{count:,}", style="red" if name == "failed" and count else None)
    stdout.print(table)
    seconds = f"{report.rows:,} rows in {report.seconds:.1f} s"
    if report.embedded:
        seconds += f": {report.images_per_s:.1f} images/s, {report.outside_model_share:.0%} of it"
        seconds += f" outside the model ({stages_of(report)})"
    stdout.print(seconds, highlight=False, soft_wrap=True)
    for notice in report.notices:
        note(notice)
    if report.failed:
        _show_failures(report)


def report_object(report: "IndexReport") -> dict[str, object]:
    """The report for programs."""
    return asdict(report) | {
        "rows": report.rows,
        "images_per_s": round(report.images_per_s, 2),
        "outside_model_share": round(report.outside_model_share, 4),
        "errors_file": str(report.errors_file),
    }


def counts_of(report: "IndexReport") -> dict[str, int]:
    """Rows by what became of them, in words."""
    return {
        "indexed": report.indexed,
        "updated": report.updated,
        "columns only": report.columns_updated,
        "unchanged": report.unchanged,
        "failed": report.failed,
    }


def stages_of(report: "IndexReport") -> str:
    """Busy seconds by stage, on one line."""
    return ", ".join(f"{name} {spent:.1f} s" for name, spent in asdict(report.stages).items())


def _show_failures(report: "IndexReport") -> None:
    warn(f"{report.failed:,} rows were left out. All of them, with the reasons:")
    stderr.print(f"  {report.errors_file}", highlight=False, markup=False, soft_wrap=True)
    for failure in report.failures:
        name = f" ({failure.id})" if failure.id else ""
        note(f"  row {failure.row}{name}: {failure.reason}")
    if report.failed > len(report.failures):
        by_code = ", ".join(f"{code} {count:,}" for code, count in report.failed_by_code.items())
        note(f"  ... in all: {by_code}")


def _lines_of_progress() -> Callable[["Progress"], None]:
    last = time.monotonic()

    def say(now: "Progress") -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_EVERY_S:
            last = time.monotonic()
            sys.stderr.write(f"Indexed {now.done:,} of {now.total:,} rows, {_said(now)}\n")

    return say


def _said(now: "Progress") -> str:
    parts = [f"{now.rows_per_s:.1f} rows/s"]
    if now.eta_s is not None:
        minutes, seconds = divmod(round(now.eta_s), 60)
        parts.append(f"{minutes // 60}:{minutes % 60:02}:{seconds:02} left")
    if now.failed:
        parts.append(f"{now.failed:,} failed")
    return ", ".join(parts)
