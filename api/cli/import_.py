"""`vitrine import`."""

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import options
from api.cli.console import (
    DONE_WITH_QUARANTINED,
    INTERRUPTED,
    counted,
    note,
    print_json,
    stderr,
    stdout,
    warn,
)
from api.cli.transfer import shown_transfer

if TYPE_CHECKING:
    from indexer.exchange import ImportReport


def import_(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE",
            help="Exports of vitrine (paths or URLs); or one folder of clip-retrieval, of exports "
            "or of a job; or an .npy file and its Parquet file.",
            show_default=False,
        ),
    ],
    db: options.Db = None,
    collection: options.Collection = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Model of embeddings that do not say which: an open_clip ARCH/TAG, or as "
            "clip-retrieval calls it (ViT-B/32).",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
    id_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the ids. (default: id, sku, key, ...)", rich_help_panel=options.COLUMNS
        ),
    ] = None,
    image_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the images. (default: url, image_path, ...)",
            rich_help_panel=options.COLUMNS,
        ),
    ] = None,
    title_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the titles. (default: title, caption, ...)",
            rich_help_panel=options.COLUMNS,
        ),
    ] = None,
    product_id_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the id that a product's images share.", rich_help_panel=options.COLUMNS
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder that relative image paths start from. (default: the working directory)",
            rich_help_panel=options.COLUMNS,
        ),
    ] = None,
    job_dir: options.JobDir = None,
    max_failed_share: options.MaxFailedShare = None,
) -> None:
    """Load embeddings that exist already: an export of vitrine, or clip-retrieval's files.

    No model is loaded. Rows that are stored already are left alone, so the same command goes on
    where it was interrupted. Rows that cannot be used are listed in the run's errors.jsonl, and
    everything else is loaded (exit code 3 then).

    Examples:

      vitrine import shop.parquet
      vitrine import embeddings/ --model ViT-B/32 --collection photos
      vitrine import img_emb_0.npy metadata_0.parquet --model ViT-B/32
    """
    settings = options.make_settings(
        db=db, collection=collection, job_dir=job_dir, max_failed_share=max_failed_share
    )
    from indexer import ColumnNames
    from indexer.exchange import import_embeddings, open_exchange
    from search.store import open_store_of

    columns = ColumnNames(id_column, image_column, title_column, product_id_column)
    exchange = open_exchange(files, model=model, columns=columns, images=images)
    try:
        with (
            closing(open_store_of(settings, create=True)) as store,
            shown_transfer("Imported") as on_progress,
        ):
            report = import_embeddings(
                exchange,
                store=store,
                alias=settings.collection,
                job_dir=settings.jobs,
                max_failed_share=settings.max_failed_share,
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        warn("Interrupted. What was loaded is stored; the same command goes on from there.")
        raise typer.Exit(INTERRUPTED) from None
    if json:
        rows = {"rows": report.rows, "errors_file": str(report.errors_file)}
        print_json(asdict(report) | rows)
    else:
        _show(report)
    if report.failed:
        raise typer.Exit(DONE_WITH_QUARANTINED)


def _show(report: "ImportReport") -> None:
    counts = (
        f"{report.imported:,} imported, {report.unchanged:,} unchanged, {report.failed:,} failed"
    )
    stdout.print(f"{report.collection} ({report.model}): {counts}", soft_wrap=True)
    stdout.print(f"{counted(report.rows, 'row')} in {report.seconds:.1f} s", soft_wrap=True)
    for notice in report.notices:
        note(notice)
    if report.failed:
        warn(f"{counted(report.failed, 'row')} left out. All of them, with the reasons:")
        stderr.print(f"  {report.errors_file}", soft_wrap=True)
        for failure in report.failures:
            name = f" ({failure.id})" if failure.id else ""
            note(f"  row {failure.row}{name}: {failure.reason}")
