"""`vitrine export`."""

from contextlib import closing
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import options
from api.cli.console import counted, print_json, stdout
from api.cli.transfer import shown_transfer

if TYPE_CHECKING:
    from indexer.exchange import ExportReport
    from search.config import Settings


class Form(StrEnum):
    """How embeddings are written."""

    PARQUET = "parquet"
    NPY = "npy"


class Precision(StrEnum):
    """What numbers an .npy file has."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"


def export(
    target: Annotated[
        str,
        typer.Argument(
            help="The file to write, such as shop.parquet or s3://bucket/shop.parquet; "
            "a folder with --format npy.",
            show_default=False,
        ),
    ],
    db: options.Db = None,
    collection: options.Collection = None,
    job: Annotated[
        Path | None,
        typer.Option(help="Write what this job's folder has staged, instead of a collection."),
    ] = None,
    format: Annotated[
        Form,
        typer.Option(
            help="parquet: one file with everything; npy: an array and a Parquet file, in the "
            "folders that clip-retrieval uses."
        ),
    ] = Form.PARQUET,
    precision: Annotated[
        Precision, typer.Option(help="Numbers of the .npy file; Parquet always has float32.")
    ] = Precision.FLOAT32,
    json: options.Json = False,
) -> None:
    """Write a collection to a file: items, columns and embeddings, with the model's identity.

    `vitrine import` loads it again without a model. The file appears when it is complete.

    Examples:

      vitrine export shop.parquet
      vitrine export shop-embeddings/ --format npy
      vitrine export part.parquet --job jobs/20261121T070000.000Z-products
    """
    settings = options.make_settings(db=db, collection=collection)
    report = _export(target, settings, job, format, precision)
    if json:
        print_json(asdict(report))
        return
    stdout.print(
        f"Wrote {counted(report.rows, 'item')} of {report.source} ({report.model}) to "
        f"{report.target} in {report.seconds:.1f} s.",
        soft_wrap=True,
    )


def _export(
    target: str, settings: "Settings", job: Path | None, form: Form, precision: Precision
) -> "ExportReport":
    from indexer.exchange import export_collection, export_job, open_exchange

    with shown_transfer("Exported") as on_progress:
        if job is not None:
            return export_job(
                open_exchange([str(job)]),
                target,
                form=form.value,
                precision=precision.value,
                on_progress=on_progress,
            )
        from search.store import open_store_of

        with closing(open_store_of(settings, create=False)) as store:
            return export_collection(
                store,
                settings.collection,
                target,
                form=form.value,
                precision=precision.value,
                on_progress=on_progress,
            )
