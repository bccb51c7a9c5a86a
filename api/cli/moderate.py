"""`vitrine moderate`."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import options
from api.cli.console import counted, note, print_json, stdout

if TYPE_CHECKING:
    from search.config import Settings
    from search.labelling import Flag, Flagged, Moderated
    from search.types import Item

MOST_SHOWN = 200
"""Pictures of each flag on the sheet, the surest; `--out` has all."""

MOST_IN_JSON = 100
_DIGITS = 6

OnFlagged = Callable[[Sequence["Item"], Sequence["Flagged"]], None]


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of a run over a collection."""

    collection: str
    model: str
    seconds: float
    moderated: Sequence["Moderated"]


def moderate(
    rules: Annotated[Path, typer.Argument(metavar="RULES.toml", help="What to flag, in words.")],
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write a review sheet: what is flagged, the surest first."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write everything that is flagged to this CSV file."),
    ] = None,
    join: Annotated[
        Path | None,
        typer.Option(
            help="Write id, flagged (true or false) and flags of every item to this CSV file, to "
            "join to the catalogue."
        ),
    ] = None,
    db: options.Db = None,
    collection: options.Collection = None,
    model: options.Model = None,
    device: options.Device = None,
    json: options.Json = False,
) -> None:
    """Flag what a shop does not want to show: weapons, nudity, tobacco, whatever can be said.

    Works on the embeddings that the collection has: no picture is opened, but for the sheet. The
    file says in words what to flag, and what share of harmless items may be flagged by mistake
    (0.01 if it does not say): thresholds are set to that, by a column of known answers where the
    file names one, else by how the collection's own scores thin out.

    What is flagged is for a person to look at: words find what looks like it. Nothing is written
    into the collection. The exit code is 0 whatever is flagged.

    Examples:

      vitrine moderate rules.toml --html review.html
      vitrine moderate rules.toml --out flagged.csv --join flags.csv --json
    """
    from search.labelling import read_flags

    flags = read_flags(rules)
    settings = options.make_settings(db=db, collection=collection, model=model, device=device)
    with ExitStack() as files:
        writers = [files.enter_context(_flagged_csv(out))] if out else []
        writers += [files.enter_context(_joined_csv(join))] if join else []
        found = look_into(settings, flags, writers)
    for path in (out, join):
        if path:
            note(f"Wrote {path}")
    if html:
        write_sheet(html, found, settings)
        note(f"Wrote {html}")
    if json:
        print_json(findings_object(found))
    else:
        show(found)


def look_into(
    settings: "Settings", flags: Sequence["Flag"], writers: Sequence[OnFlagged]
) -> Findings:
    """Flag the items of the collection, with progress on stderr."""
    import time

    from api.cli.care import shown_steps
    from indexer.care.progress import Stage
    from search.encoders import load_encoder
    from search.labelling import moderate_collection
    from search.store import open_store_of

    def write(items: Sequence["Item"], flagged: Sequence["Flagged"]) -> None:
        for writer in writers:
            writer(items, flagged)

    with closing(open_store_of(settings, create=False)) as store:
        spec = store.resolve(settings.collection)
        name = settings.model or spec.model.name
        encoder = load_encoder(name, device=settings.device, precision=settings.precision)
        started = time.monotonic()
        with shown_steps() as on_step:
            stage = Stage("Moderating", store.count(spec.name), on_step)
            moderated = moderate_collection(
                store, spec.name, encoder, flags, on_flagged=write, on_done=stage.at
            )
    return Findings(spec.name, spec.model.name, time.monotonic() - started, moderated)


def write_sheet(path: Path, found: Findings, settings: "Settings") -> None:
    """Write the review sheet; raises VitrineError if that is not possible."""
    from api.cli.care import thumbnails_of, write_page

    shown = {one.flag.name: one.surest[:MOST_SHOWN] for one in found.moderated}
    images = thumbnails_of(settings, (each.image for some in shown.values() for each in some))
    values = {"found": found, "shown": shown, "basis": basis_of, "pictures": images}
    write_page(path, "moderation.html", values)


def findings_object(found: Findings) -> dict[str, object]:
    """What was found, as data; of each flag the surest items."""
    return {
        "collection": found.collection,
        "model": found.model,
        "seconds": round(found.seconds, 3),
        "flags": [_moderated_object(one) for one in found.moderated],
    }


def _moderated_object(one: "Moderated") -> dict[str, object]:
    known = one.known
    return {
        "flag": one.flag.name,
        "items": one.items,
        "flagged": one.flagged,
        "false_alarms": one.flag.false_alarms,
        "threshold": round(one.threshold, _DIGITS) if one.threshold < float("inf") else None,
        "column": one.flag.column or None,
        "known": None
        if known is None
        else {
            "shown": known.shown,
            "harmless": known.harmless,
            "found": known.found,
            "false_alarms": known.false_alarms,
        },
        "surest": [
            {
                "id": each.id,
                "title": each.title,
                "image": each.image,
                "score": round(each.score, _DIGITS),
                "share": each.share,
            }
            for each in one.surest[:MOST_IN_JSON]
        ],
    }


def show(found: Findings) -> None:
    """Print how many items each flag has, and what its threshold rests on."""
    from rich.table import Table

    table = Table(title=found.collection, title_justify="left", header_style="bold")
    table.add_column("flag")
    table.add_column("flagged", justify="right")
    table.add_column("false alarms, at most", justify="right")
    table.add_column("threshold by", ratio=1, overflow="fold")
    for one in found.moderated:
        allowed = one.flag.false_alarms * one.items
        table.add_row(one.flag.name, f"{one.flagged:,}", f"about {allowed:,.0f}", basis_of(one))
    stdout.print(table)
    items = max((one.items for one in found.moderated), default=0)
    note(f"{counted(items, 'item')} of {found.collection} in {found.seconds:.1f} s")


def basis_of(one: "Moderated") -> str:
    """What the threshold rests on, and how it did where answers are known."""
    known = one.known
    if known is None:
        return "the collection's own scores"
    if one.threshold == float("inf"):
        return f"{one.flag.column}: too few harmless items for so small a share"
    return (
        f"{one.flag.column}: fitted on half of the items; of the others "
        f"{known.found:,} of {known.shown:,} found, "
        f"{known.false_alarms:,} of {known.harmless:,} harmless ones flagged"
    )


@contextmanager
def _flagged_csv(path: Path) -> Iterator[OnFlagged]:
    from api.cli.care import whole_file

    with whole_file(path) as file:
        write = csv.writer(file).writerow
        write(["id", "flag", "score", "share", "title", "image"])

        def flagged(items: Sequence["Item"], found: Sequence["Flagged"]) -> None:
            for each in found:
                score, share = f"{each.score:.6f}", f"{each.share:.3g}"
                write([each.id, each.flag, score, share, each.title, each.image])

        yield flagged


@contextmanager
def _joined_csv(path: Path) -> Iterator[OnFlagged]:
    from api.cli.care import whole_file

    with whole_file(path) as file:
        write = csv.writer(file).writerow
        write(["id", "flagged", "flags"])

        def joined(items: Sequence["Item"], found: Sequence["Flagged"]) -> None:
            flags: dict[str, list[str]] = {item.id: [] for item in items}
            for each in found:
                flags[each.id].append(each.flag)
            for id, some in flags.items():
                write([id, "true" if some else "false", "|".join(some)])

        yield joined
