"""`vitrine duplicates`."""

import csv
import io
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import options
from api.cli.console import counted, note, print_json, stdout, warn

if TYPE_CHECKING:
    from rich.table import Table

    from indexer.care.duplicates import DuplicateOptions, Duplicates, Member
    from indexer.care.pictures import PictureReader

COLUMNS = ("group", "id", "keep", "score", "hash_bits", "title", "image", "product_id", "reason")
MOST_ROWS = 60
"""Rows of the table on the terminal; the files and --json have all."""

MOST_GROUPS = 300
MOST_MEMBERS = 24
"""Groups on the contact sheet, and items of each with a picture."""


def duplicates(
    db: options.Db = None,
    collection: options.Collection = None,
    threshold: Annotated[
        float, typer.Option(help="Least cosine of two items' embeddings, up to 1.")
    ] = 0.96,
    max_hash_bits: Annotated[
        int, typer.Option(help="Most bits, of 64, in which their perceptual hashes differ.")
    ] = 12,
    max_difference: Annotated[
        float,
        typer.Option(help="Largest difference (0 to 1) of their pictures, laid over each other."),
    ] = 0.042,
    within_products: Annotated[
        bool,
        typer.Option("--within-products", help="Also report items that share a product_id."),
    ] = False,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write all groups to this CSV file.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a contact sheet of them to this file.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Find near-duplicates: the same picture under several ids, in groups, with one to keep.

    Pictures are the same when their embeddings and a perceptual hash agree and, laid over each
    other, they differ nowhere: copies that were re-encoded, resized or cropped a little are found,
    the same shoe in red and in blue and products photographed alike are not.

    Nothing is deleted. Of each group the item with the largest image is kept, then the one with
    most columns filled, then the lowest id.

    Examples:

      vitrine duplicates
      vitrine duplicates --csv duplicates.csv --html duplicates.html
      vitrine duplicates --threshold 0.99 --max-hash-bits 4 --within-products
    """
    settings = options.make_settings(db=db, collection=collection)
    from api.cli.care import shown_steps, write_text
    from indexer.care.duplicates import DuplicateOptions, find_duplicates
    from indexer.care.pictures import PictureReader
    from indexer.care.snapshot import take_snapshot
    from search.images import ImageLimits
    from search.store import open_store_of

    wanted = DuplicateOptions(threshold, max_hash_bits, max_difference, within_products)
    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
    with PictureReader(limits) as pictures:
        with shown_steps() as on_step:
            with closing(open_store_of(settings, create=False)) as store:
                snapshot = take_snapshot(store, settings.collection, on_step=on_step)
            found = find_duplicates(snapshot, pictures, wanted, on_step=on_step)
        if csv_file:
            write_text(csv_file, csv_text(found))
            note(f"Wrote {csv_file}")
        if html:
            write_sheet(html, found, pictures)
            note(f"Wrote {html}")
    if json:
        print_json(duplicates_object(found))
    else:
        show(found)


def csv_text(found: "Duplicates") -> str:
    """All members of all groups, one a row."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for group in found.groups:
        for member in group.members:
            row = {"group": group.number} | member_object(member)
            row["keep"] = "yes" if member.keep else "no"
            writer.writerow(row[name] for name in COLUMNS)
    return buffer.getvalue()


def member_object(member: "Member") -> dict[str, object]:
    """A member as data."""
    entry = member.entry
    return {
        "id": entry.id,
        "keep": member.keep,
        "score": round(member.score, 4),
        "hash_bits": member.hash_bits,
        "difference": round(member.difference, 4),
        "width": member.width,
        "height": member.height,
        "title": entry.title,
        "product_id": entry.product_id,
        "image": entry.image,
        "reason": member.reason,
    }


def duplicates_object(found: "Duplicates") -> dict[str, object]:
    """Everything that was found, as data."""
    wanted = found.options
    return {
        "collection": found.collection,
        "threshold": wanted.threshold,
        "max_hash_bits": wanted.max_hash_bits,
        "max_difference": wanted.max_difference,
        "within_products": wanted.within_products,
        "items": found.items,
        "candidates": found.candidates,
        "superfluous": found.superfluous,
        "seconds": round(found.seconds, 3),
        "groups": [
            {"group": group.number, "members": [member_object(m) for m in group.members]}
            for group in found.groups
        ],
        "unread": [
            {"id": entry.id, "image": entry.image, "reason": broken.reason}
            for entry, broken in found.unread
        ],
    }


def write_sheet(path: Path, found: "Duplicates", pictures: "PictureReader") -> None:
    """Write the contact sheet; raises VitrineError if that is not possible."""
    from api.cli.care import thumbnails, write_page

    groups = found.groups[:MOST_GROUPS]
    shown = [m.entry.image for group in groups for m in group.members[:MOST_MEMBERS]]
    values = {
        "found": found,
        "groups": groups,
        "most_members": MOST_MEMBERS,
        "pictures": thumbnails(pictures, shown),
    }
    write_page(path, "duplicates.html", values)


def show(found: "Duplicates") -> None:
    """Print the groups as a table, and how many there are."""
    among = (
        f"among {counted(found.items, 'item')} ({counted(found.candidates, 'pair')} compared by "
        f"picture, {found.seconds:.1f} s)"
    )
    if found.groups:
        stdout.print(_table(found))
        groups = counted(len(found.groups), "group")
        many = f"{groups} with {counted(found.superfluous, 'item')} too many"
        stdout.print(f"{many}, {among}", soft_wrap=True)
    else:
        stdout.print(f"No near-duplicates {among}.", soft_wrap=True)
        stdout.print(f"Looked for with {thresholds_of(found.options)}.", soft_wrap=True)
    rows = sum(len(group.members) for group in found.groups)
    if rows > MOST_ROWS:
        note(f"The table shows the first {MOST_ROWS} of {rows:,} items; --csv writes all.")
    if found.unread:
        entry, broken = found.unread[0]
        warn(
            f"{counted(len(found.unread), 'picture')} could not be read or compared, such as "
            f"that of {entry.id}: {broken.reason}"
        )


def thresholds_of(wanted: "DuplicateOptions") -> str:
    """What was asked for, as options."""
    said = (
        f"--threshold {wanted.threshold:g} --max-hash-bits {wanted.max_hash_bits} "
        f"--max-difference {wanted.max_difference:g}"
    )
    if wanted.within_products:
        return f"{said} --within-products"
    return f"{said}, and not among items of one product (--within-products)"


def _table(found: "Duplicates") -> "Table":
    from rich.table import Table

    table = Table(header_style="bold")
    for name in ("group", "", "score", "bits", "id", "title", "reason"):
        is_number = name in ("group", "score", "bits")
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    rows = [(group.number, member) for group in found.groups for member in group.members]
    for number, member in rows[:MOST_ROWS]:
        cells = (f"{member.score:.3f}", str(member.hash_bits), member.entry.id, member.entry.title)
        table.add_row(str(number), "keep" if member.keep else "", *cells, member.reason)
    return table
