"""`vitrine report`."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import options
from api.cli.console import counted, note, print_json, stdout
from search.config import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.care.duplicates import Duplicates
    from indexer.care.health import Column, ImageHealth, Sized
    from indexer.care.outliers import Outlier
    from indexer.care.pictures import PictureReader
    from indexer.care.progress import OnStep
    from indexer.care.snapshot import Snapshot

MOST_LISTED = 100
"""Items that each section of the page lists; --json has all."""

MOST_GROUPS = 12
NEIGHBOURS_SHOWN = 4


@dataclass(frozen=True)
class Findings:
    """Everything that the report says."""

    snapshot: "Snapshot"
    columns: "Sequence[Column]"
    images: "ImageHealth"
    duplicates: "Duplicates"
    outliers: "Sequence[Outlier]"


def report(
    db: options.Db = None,
    collection: options.Collection = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the report with pictures to this file.")
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(help="Column of the category. (default: article_type, kind, category, ...)"),
    ] = None,
    json: options.Json = False,
) -> None:
    """Report on a catalogue: gaps, image sizes, broken pictures, duplicates, likely wrong pictures.

    A likely wrong picture (or category) is one whose nearest neighbours agree on another category
    than the item's own. Every picture is read once, wherever it is.

    Examples:

      vitrine report --html report.html
      vitrine report --category article_type --json
    """
    settings = options.make_settings(db=db, collection=collection)
    from api.cli.care import shown_steps
    from indexer.care.pictures import PictureReader
    from search.images import ImageLimits

    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
    with PictureReader(limits) as pictures:
        with shown_steps() as on_step:
            findings = look_into(settings, category, pictures, on_step)
        if html:
            write_report(html, findings, pictures)
            note(f"Wrote {html}")
    if json:
        print_json(findings_object(findings))
    else:
        show(findings)


def look_into(
    settings: Settings, category: str | None, pictures: "PictureReader", on_step: "OnStep"
) -> Findings:
    """Read the collection and its pictures, and compare everything with everything."""
    from indexer.care.duplicates import find_duplicates
    from indexer.care.health import ColumnTally, check_images
    from indexer.care.outliers import find_outliers
    from indexer.care.snapshot import take_snapshot
    from search.store import open_store_of

    tally = ColumnTally()
    with closing(open_store_of(settings, create=False)) as store:
        snapshot = take_snapshot(
            store, settings.collection, category=category, on_item=tally.add, on_step=on_step
        )
    return Findings(
        snapshot=snapshot,
        columns=tally.columns(),
        outliers=find_outliers(snapshot, on_step=on_step),
        images=check_images(snapshot.entries, pictures, on_step=on_step),
        duplicates=find_duplicates(snapshot, pictures, on_step=on_step),
    )


def write_report(path: Path, findings: Findings, pictures: "PictureReader") -> None:
    """Write the page; raises VitrineError if that is not possible."""
    from api.cli.care import thumbnails, write_page

    images, outliers = findings.images, findings.outliers[:MOST_LISTED]
    groups = findings.duplicates.groups[:MOST_GROUPS]
    sized = [*images.tiny[:MOST_LISTED], *images.extreme[:MOST_LISTED]]
    entries = [one.entry for one in sized]
    for outlier in outliers:
        entries += [outlier.entry, *outlier.neighbours[:NEIGHBOURS_SHOWN]]
    entries += [member.entry for group in groups for member in group.members[:2]]
    values = {
        "found": findings,
        "images": images,
        "outliers": outliers,
        "groups": groups,
        "most": MOST_LISTED,
        "neighbours": NEIGHBOURS_SHOWN,
        "top_of": top_of,
        "pictures": thumbnails(pictures, (entry.image for entry in entries)),
    }
    write_page(path, "report.html", values)


def findings_object(findings: Findings) -> dict[str, object]:
    """Everything that was found, as data."""
    from api.cli.duplicates import duplicates_object

    snapshot, images = findings.snapshot, findings.images
    return {
        "collection": snapshot.collection,
        "model": snapshot.model,
        "items": len(snapshot.entries),
        "category": snapshot.category,
        "columns": [_column_object(column) for column in findings.columns],
        "images": {
            "read": images.read,
            "bytes": images.bytes,
            "largest_bytes": images.largest_bytes,
            "shorter_side": dict(images.histogram),
            "tiny": [_sized_object(one) for one in images.tiny],
            "extreme": [_sized_object(one) for one in images.extreme],
            "broken": [
                {"id": e.id, "image": e.image, "code": b.code, "reason": b.reason, "hint": b.hint}
                for e, b in images.broken
            ],
        },
        "outliers": [_outlier_object(outlier) for outlier in findings.outliers],
        "duplicates": duplicates_object(findings.duplicates),
    }


def show(findings: Findings) -> None:
    """Print what matters on a few lines, and the columns as a table."""
    from rich.table import Table

    images, found = findings.images, findings.duplicates
    table = Table(title=findings.snapshot.collection, title_justify="left", header_style="bold")
    for name in ("column", "filled", "different", "values"):
        table.add_column(name, justify="right" if name in ("filled", "different") else "left")
    for column in findings.columns:
        distinct = "many" if column.distinct is None else f"{column.distinct:,}"
        table.add_row(column.name, f"{column.share:.1%}", distinct, values_of(column))
    stdout.print(table)
    stdout.print(
        f"{counted(images.read, 'picture')} read, {len(images.broken):,} broken or out of reach, "
        f"{len(images.tiny):,} tiny, {len(images.extreme):,} of extreme shape"
    )
    near = (
        f"{counted(len(found.groups), 'group')} of near-duplicates with "
        f"{counted(found.superfluous, 'item')} too many"
    )
    stdout.print(near if found.groups else "No near-duplicates")
    if findings.snapshot.category is None:
        note("No column looks like a category; name one with --category to find outliers.")
    for outlier in findings.outliers[:10]:
        title = f"{outlier.entry.id} {outlier.entry.title}"
        stdout.print(f"  {title}: is {outlier.label}, looks like {outlier.looks_like}")
    if len(findings.outliers) > 10:
        note(f"... of {len(findings.outliers):,} likely wrong pictures; --html or --json has more.")


def values_of(column: "Column") -> str:
    """The range of a column, or its most frequent values."""
    if column.low is not None:
        return f"{column.low} to {column.high}"
    return ", ".join(f"{value} ({count:,})" for value, count in top_of(column)[:4])


def top_of(column: "Column") -> list[tuple[str, int]]:
    """The most frequent values of a column, those of a boolean one as yes and no."""
    words = {"True": "yes", "False": "no"}
    is_boolean = all(value in words for value, _ in column.top)
    return [(words[value] if is_boolean else value, count) for value, count in column.top]


def _column_object(column: "Column") -> dict[str, object]:
    return {
        "name": column.name,
        "filled": column.filled,
        "share": round(column.share, 6),
        "distinct": column.distinct,
        "top": [{"value": value, "count": count} for value, count in column.top],
        "low": column.low,
        "high": column.high,
    }


def _sized_object(one: "Sized") -> dict[str, object]:
    return {
        "id": one.entry.id,
        "image": one.entry.image,
        "width": one.width,
        "height": one.height,
    }


def _outlier_object(outlier: "Outlier") -> dict[str, object]:
    return {
        "id": outlier.entry.id,
        "title": outlier.entry.title,
        "image": outlier.entry.image,
        "label": outlier.label,
        "looks_like": outlier.looks_like,
        "score": round(outlier.score, 4),
        "own": round(outlier.own, 4),
        "other": round(outlier.other, 4),
        "usual": round(outlier.usual, 4),
        "neighbours": [entry.id for entry in outlier.neighbours],
    }
