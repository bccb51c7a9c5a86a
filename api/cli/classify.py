"""`vitrine classify`."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import options
from api.cli.console import DONE_WITH_QUARANTINED, print_json, stdout, warn
from search.errors import ConfigError, EmptyQueryError, ImageError, ItemNotFoundError

if TYPE_CHECKING:
    from search.config import Settings
    from search.encoders import Embeddings, Encoder
    from search.labelling import Attribute, Label

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Pictured:
    """What is labelled: names of pictures and ids of items, and their embeddings `(n, dim)`."""

    names: tuple[str, ...]
    embeddings: "Embeddings"
    broken: tuple[ImageError, ...] = ()


def classify(
    images: Annotated[
        list[Path] | None, typer.Argument(metavar="[IMAGE]...", help="Pictures to label.")
    ] = None,
    items: Annotated[
        list[str] | None,
        typer.Option("--item", help="Label this item of the collection. Can be repeated."),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="The labels, such as dress,shirt,shoes.")
    ] = None,
    labels_file: Annotated[
        Path | None,
        typer.Option(
            "--labels-file", help="TOML of labels, or of several attributes with their values."
        ),
    ] = None,
    attributes: Annotated[
        str | None,
        typer.Option(help="Attributes that vitrine knows instead, such as colour,pattern,kind."),
    ] = None,
    several: Annotated[
        bool,
        typer.Option("--several", help="Judge each label by itself: any number of them may fit."),
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="How many labels, of each attribute.")] = 3,
    db: options.Db = None,
    collection: options.Collection = None,
    model: options.Model = None,
    device: options.Device = None,
    json: options.Json = False,
) -> None:
    """Label pictures or items with words of your own, without any training.

    One label of all fits best: confidences sum to 1 over the labels, so that "other" has to be
    among them if none may fit. With --several each is judged by itself, and those above 0.5 fit.

    A picture that cannot be read is named, the others are labelled (exit code 3).

    Examples:

      vitrine classify photo.jpg --labels dress,shirt,shoes
      vitrine classify *.jpg --attributes colour,kind --top 1
      vitrine classify --item v0001 --item v0002 --labels-file labels.toml --json
      vitrine classify photo.jpg --labels dress,floral,red,leather --several
    """
    asked = asked_attributes(labels, labels_file, attributes)
    if not images and not items:
        raise EmptyQueryError("There is nothing to label.", hint="Give a picture, or --item.")
    settings = options.make_settings(db=db, collection=collection, model=model, device=device)
    encoder, shown = _embedded(settings, images or [], items or [])
    found = labelled(encoder, asked, shown, several=several, top=top)
    for error in shown.broken:
        warn(str(error))
    if json:
        print_json(classified_object(encoder, shown, found))
    else:
        _show(shown, found)
    if shown.broken:
        raise typer.Exit(DONE_WITH_QUARANTINED)


def asked_attributes(
    labels: str | None, labels_file: Path | None, names: str | None
) -> list["Attribute"]:
    """What to label with, from exactly one of three options; ConfigError otherwise."""
    from search.labelling import named_attribute, read_attributes

    if sum(given is not None for given in (labels, labels_file, names)) != 1:
        raise ConfigError(
            "Give the labels in one way.",
            hint="--labels dress,shirt or --labels-file labels.toml or --attributes colour,kind.",
        )
    if labels is not None:
        return [named_attribute("label", split_names(labels))]
    if labels_file is not None:
        return list(read_attributes(labels_file).values())
    return [known_attribute(name) for name in split_names(names or "")]


def known_attribute(name: str) -> "Attribute":
    """The attribute of that name in the vocabulary; ConfigError if it has none."""
    from search.labelling import default_attributes

    if found := default_attributes().get(name):
        return found
    raise ConfigError(
        f"There is no attribute {name!r}.",
        hint=f"There are {', '.join(default_attributes())}.",
        details={"attribute": name},
    )


def split_names(text: str) -> list[str]:
    """What stands between commas, each once, no blanks."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def labelled(
    encoder: "Encoder", asked: Sequence["Attribute"], shown: Pictured, *, several: bool, top: int
) -> list[list["Label"]]:
    """For each picture or item, the `top` labels of each attribute, the surest first."""
    from search.labelling import Labeller, choose_labels

    return choose_labels(Labeller(encoder), asked, shown.embeddings, several=several, top=top)


def classified_object(
    encoder: "Encoder", shown: Pictured, found: Sequence[Sequence["Label"]]
) -> dict[str, object]:
    """All labels as data."""
    return {
        "model": encoder.identity.name,
        "labelled": [
            {"name": name, "labels": [_label_object(label) for label in labels]}
            for name, labels in zip(shown.names, found)
        ],
        "unread": [
            {"code": error.code, "reason": error.message, **error.details} for error in shown.broken
        ],
    }


def _label_object(label: "Label") -> Mapping[str, object]:
    return {
        "attribute": label.attribute,
        "label": label.label,
        "confidence": round(label.confidence, 6),
    }


def _embedded(
    settings: "Settings", images: Sequence[Path], items: Sequence[str]
) -> tuple["Encoder", Pictured]:
    """The model and what it embeds: the collection's own model as soon as items are asked for."""
    from search.encoders import load_encoder

    if not items:
        name = settings.model or "mini"
        encoder = load_encoder(name, device=settings.device, precision=settings.precision)
        return encoder, _of_images(encoder, settings, images)

    import numpy as np

    from search.store import open_store_of
    from search.switching import check_model

    with closing(open_store_of(settings, create=False)) as store:
        spec = store.resolve(settings.collection)
        ids, embeddings = store.embeddings(spec.name, list(items))
    if missing := [id for id in items if id not in ids]:
        raise ItemNotFoundError(
            f"There is no item {missing[0]!r} in {settings.collection!r}.",
            details={"id": missing[0], "collection": settings.collection},
        )
    name = settings.model or spec.model.name
    encoder = load_encoder(name, device=settings.device, precision=settings.precision)
    check_model(spec, encoder)
    if not images:
        return encoder, Pictured(tuple(ids), embeddings)
    read = _of_images(encoder, settings, images)
    both = np.concatenate([read.embeddings, embeddings])
    return encoder, Pictured((*read.names, *ids), both, read.broken)


def _of_images(encoder: "Encoder", settings: "Settings", images: Sequence[Path]) -> Pictured:
    """Embed the pictures that can be read; raises what the last one did if none can."""
    import numpy as np

    from search.images import ImageLimits, load_image

    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
    names, parts, broken = [], [], []
    for start in range(0, len(images), _BATCH):
        pictures = []
        for path in images[start : start + _BATCH]:
            try:
                pictures.append(load_image(path, limits, at_least=encoder.decode_at_least))
                names.append(str(path))
            except ImageError as error:
                broken.append(error)
        if pictures:
            parts.append(encoder.encode_images(pictures))
    if not parts:
        raise broken[-1]
    return Pictured(tuple(names), np.concatenate(parts), tuple(broken))


def _show(shown: Pictured, found: Sequence[Sequence["Label"]]) -> None:
    from rich.table import Table

    many = len({label.attribute for labels in found for label in labels}) > 1
    table = Table(header_style="bold")
    table.add_column("picture", overflow="fold")
    if many:
        table.add_column("attribute")
    table.add_column("label")
    table.add_column("confidence", justify="right")
    for name, labels in zip(shown.names, found):
        for place, label in enumerate(labels):
            first = [name if place == 0 else ""] + ([label.attribute] if many else [])
            table.add_row(*first, label.label, f"{label.confidence:.2f}")
    stdout.print(table)
