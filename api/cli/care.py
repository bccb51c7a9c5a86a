"""What `vitrine duplicates` and `vitrine report` share: progress, thumbnails, pages."""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from api.cli.console import counted, stderr
from api.cli.progress import lines, said
from search.errors import VitrineError

if TYPE_CHECKING:
    from indexer.care.pictures import PictureReader
    from indexer.care.progress import Step
    from search.config import Settings

THUMBNAIL_PX = 200


@contextmanager
def shown_steps() -> Iterator[Callable[["Step"], None]]:
    """Show progress on stderr: a bar in a terminal, else a line every ten seconds."""
    if not stderr.is_terminal:
        yield lines(_line)
        return
    from rich import progress

    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[said]}"),
        console=stderr,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None, said="")
        yield lambda step: bar.update(
            task, description=step.name, completed=step.done, total=step.total, said=_said(step)
        )


def _line(step: "Step") -> str:
    return f"{step.name}: {step.done:,} of {step.total:,}, {_said(step)}"


def _said(step: "Step") -> str:
    return said(f"{step.per_s:,.0f} items/s", step.eta_s)


def thumbnails(pictures: "PictureReader", addresses: Iterable[str]) -> dict[str, str]:
    """A data URI for each of the pictures that can be read, by address."""
    from indexer.care.pictures import thumbnail_jpeg

    wanted = list(dict.fromkeys(addresses))
    made = pictures.each(wanted, lambda image, size: thumbnail_jpeg(image, THUMBNAIL_PX))
    return {
        address: "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
        for address, jpeg in zip(wanted, made)
        if isinstance(jpeg, bytes)
    }


def thumbnails_of(settings: "Settings", addresses: Iterable[str]) -> dict[str, str]:
    """`thumbnails`, read within the limits of the settings."""
    from indexer.care.pictures import PictureReader
    from search.images import ImageLimits

    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
    with PictureReader(limits) as pictures:
        return thumbnails(pictures, addresses)


def write_page(path: Path, template: str, values: Mapping[str, object]) -> None:
    """Write a page from a template; everything in it is escaped.

    Raises VitrineError if the file cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("api.cli"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["counted"] = counted
    write_text(path, environment.get_template(template).render(values))


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A text file to write, which appears under its name when all is in it.

    Raises VitrineError if it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file and the folders above it. Raises VitrineError if that is not possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> VitrineError:
    return VitrineError(
        f"Cannot write {path}: {error.strerror}.", hint="Choose another place for it."
    )
