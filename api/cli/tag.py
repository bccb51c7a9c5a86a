"""`vitrine tag`."""

import csv
import json as jsonlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from api.cli import options
from api.cli.classify import split_names
from api.cli.console import counted, note, print_json, stdout
from search.errors import ConfigError

if TYPE_CHECKING:
    from search.config import Settings
    from search.labelling import Tag, Tagged

COLUMNS = ("id", "attribute", "value", "confidence")
SHOWN = 10
"""Disagreements of each attribute that a person sees; `--disagreements` writes all."""

MOST_IN_JSON = 100
MOST_ON_SHEET = 100
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of a run over a collection."""

    collection: str
    model: str
    items: int
    seconds: float
    tagged: Sequence["Tagged"]


def tag(
    db: options.Db = None,
    collection: options.Collection = None,
    attributes: Annotated[
        Path | None,
        typer.Option("--attributes", help="TOML of attributes with their values."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            help="Attributes to find out, such as colour,pattern. (default: all of the file; "
            "without one colour,pattern,kind)"
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ATTRIBUTE=COLUMN",
            help="Compare with this column. Can be repeated. (default: the column of the "
            "attribute's name)",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write all tags to this file: CSV, or JSON lines if .jsonl."),
    ] = None,
    disagreements: Annotated[
        Path | None,
        typer.Option(help="Write the disagreements with the catalogue to this CSV file."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write the disagreements with their pictures to this file."),
    ] = None,
    model: options.Model = None,
    device: options.Device = None,
    json: options.Json = False,
) -> None:
    """Find out colour, pattern, kind and so on of every item, and compare with the catalogue.

    Works on the embeddings that the collection has: no picture is opened, but for --html. The
    values are those of the --attributes file, else of the collection's own column, else those that
    vitrine knows.
    Where the column says otherwise than the picture, the clearest cases are listed: often the
    catalogue is wrong.

    Nothing is written into the collection. To have the tags there, join the CSV to the catalogue
    by id and run `vitrine index` again: columns are stored anew, nothing is embedded. A column that
    the collection does not have yet can be filtered by only in a new collection.

    Examples:

      vitrine tag --out tags.csv
      vitrine tag --columns colour,article_type --disagreements check.csv --html check.html
      vitrine tag --attributes attributes.toml --against colour=base_colour --json
    """
    settings = options.make_settings(db=db, collection=collection, model=model, device=device)
    pairs = dict(_pair(text) for text in against or ())
    with _written(out) as on_tags:
        found = look_into(settings, attributes, split_names(columns or ""), pairs, on_tags)
    if out:
        note(f"Wrote {out}")
    if disagreements:
        _write_disagreements(disagreements, found)
        note(f"Wrote {disagreements}")
    if html:
        write_sheet(html, found, settings)
        note(f"Wrote {html}")
    if json:
        print_json(findings_object(found))
    else:
        show(found)


def look_into(
    settings: "Settings",
    attributes: Path | None,
    names: Sequence[str],
    against: Mapping[str, str],
    on_tags: Callable[[Sequence["Tag"]], None],
) -> Findings:
    """Find the attributes of every item of the collection, with progress on stderr."""
    import time

    from api.cli.care import shown_steps
    from indexer.care.progress import Stage
    from search.encoders import load_encoder
    from search.labelling import plan_taggings, read_attributes, tag_collection
    from search.regions import each_item_once
    from search.store import open_store_of

    given = read_attributes(attributes) if attributes else None
    with closing(open_store_of(settings, create=False)) as store:
        spec = store.resolve(settings.collection)
        plan = plan_taggings(store, spec.name, names=names, attributes=given, against=against)
        name = settings.model or spec.model.name
        encoder = load_encoder(name, device=settings.device, precision=settings.precision)
        items = store.count(spec.name, each_item_once(spec.fields))
        count, started = store.count(spec.name), time.monotonic()
        with shown_steps() as on_step:
            stage = Stage("Tagging", count, on_step)
            tagged = tag_collection(
                store, spec.name, encoder, plan, on_tags=on_tags, on_done=stage.at
            )
    seconds = time.monotonic() - started
    return Findings(spec.name, spec.model.name, items, seconds, tagged)


def write_sheet(path: Path, found: Findings, settings: "Settings") -> None:
    """Write a page of the clearest disagreements; raises VitrineError if that is not possible."""
    from api.cli.care import thumbnails_of, write_page

    shown = {
        one.tagging.attribute.name: one.agreement.disagreements[:MOST_ON_SHEET]
        if one.agreement
        else []
        for one in found.tagged
    }
    images = thumbnails_of(settings, (each.image for some in shown.values() for each in some))
    write_page(
        path, "tags.html", {"found": found, "shown": shown, "line": _line, "pictures": images}
    )


def findings_object(found: Findings) -> dict[str, object]:
    """What was found, as data, the tags themselves left out."""
    return {
        "collection": found.collection,
        "model": found.model,
        "items": found.items,
        "seconds": round(found.seconds, 3),
        "attributes": [_tagged_object(one) for one in found.tagged],
    }


def _tagged_object(one: "Tagged") -> dict[str, object]:
    attribute, agreement = one.tagging.attribute, one.agreement
    said: dict[str, object] = {
        "attribute": attribute.name,
        "values": list(attribute.values),
        "column": one.tagging.column,
        "temperature": one.calibration.temperature,
    }
    if agreement is None:
        return said
    accuracy = agreement.accuracy
    return said | {
        "compared": agreement.compared,
        "agreed": agreement.agreed,
        "accuracy": None if accuracy is None else round(accuracy, _DIGITS),
        "empty": agreement.empty,
        "unknown": agreement.unknown,
        "disagreements": [
            {
                name: round(value, _DIGITS) if isinstance(value, float) else value
                for name, value in asdict(each).items()
            }
            for each in agreement.disagreements[:MOST_IN_JSON]
        ],
    }


def show(found: Findings) -> None:
    """Print how far each attribute agrees with its column, and where it clearly does not."""
    for one in found.tagged:
        stdout.print(_line(one), soft_wrap=True)
    for one in found.tagged:
        if one.agreement is None or not (listed := one.agreement.disagreements):
            continue
        stdout.print(f"\n{one.tagging.attribute.name}: the clearest disagreements")
        for each in listed[:SHOWN]:
            stdout.print(
                f"  {each.id} {each.title}: is {each.catalogue} ({each.own:.0%}), "
                f"looks {each.seen} ({each.confidence:.0%})",
                soft_wrap=True,
            )
    note(f"{counted(found.items, 'item')} of {found.collection} in {found.seconds:.1f} s")


def _line(one: "Tagged") -> str:
    attribute, agreement = one.tagging.attribute, one.agreement
    values = f"{attribute.name}: {counted(len(attribute.values), 'value')}"
    if agreement is None:
        return f"{values}, no column to compare with"
    if agreement.accuracy is None:
        return f"{values}, none of the column {agreement.column}"
    parts = [f"{agreement.accuracy:.1%} of {counted(agreement.compared, 'item')} agree"]
    parts += [f"{agreement.empty:,} have none"] if agreement.empty else []
    parts += [f"{agreement.unknown:,} have another value"] if agreement.unknown else []
    return f"{values}, against {agreement.column}: {', '.join(parts)}"


def _pair(text: str) -> tuple[str, str]:
    attribute, _, column = (part.strip() for part in text.partition("="))
    if attribute and column:
        return attribute, column
    raise ConfigError(
        f"--against {text!r} is not ATTRIBUTE=COLUMN.", hint="Such as --against colour=base_colour."
    )


@contextmanager
def _written(path: Path | None) -> Iterator[Callable[[Sequence["Tag"]], None]]:
    """What writes tags to a file, which appears when all are in it."""
    if path is None:
        yield lambda tags: None
        return
    from api.cli.care import whole_file

    with whole_file(path) as file:
        yield _jsonl(file) if path.suffix == ".jsonl" else _csv(file)


def _csv(file: TextIO) -> Callable[[Sequence["Tag"]], None]:
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    return lambda tags: writer.writerows(
        (tag.id, tag.attribute, tag.value, f"{tag.confidence:.{_DIGITS}f}") for tag in tags
    )


def _jsonl(file: TextIO) -> Callable[[Sequence["Tag"]], None]:
    def write(tags: Sequence["Tag"]) -> None:
        for tag in tags:
            row = asdict(tag) | {"confidence": round(tag.confidence, _DIGITS)}
            file.write(jsonlib.dumps(row, ensure_ascii=False) + "\n")

    return write


def _write_disagreements(path: Path, found: Findings) -> None:
    import io

    from api.cli.care import write_text

    names = ("attribute", "id", "catalogue", "seen", "confidence", "own", "title", "image")
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, extrasaction="ignore")
    writer.writeheader()
    for one in found.tagged:
        for each in one.agreement.disagreements if one.agreement else ():
            row = asdict(each)
            row["confidence"], row["own"] = f"{each.confidence:.4f}", f"{each.own:.4f}"
            writer.writerow(row)
    write_text(path, buffer.getvalue())
