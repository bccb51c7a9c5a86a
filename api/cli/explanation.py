"""A folder that explains a page of results: an HTML page, and overlays beside it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from api.reranking import read_images
from search.config import Settings
from search.engine import SearchEngine
from search.errors import ImageError, VitrineError
from search.explaining import overlay, span_of, words_of
from search.images import ImageLimits, decode_image
from search.types import Hit, Page, Query, TextPart

SIDE_PX = 320


def write_explanation(
    folder: Path,
    heading: str,
    query: Query,
    page: Page,
    engine: SearchEngine,
    settings: Settings,
) -> None:
    """Write `index.html` and an overlay for each hit and each word of the query into a folder.

    Without a text there are no overlays, only what each part gave to the score.

    Raises:
        UnsupportedError: the model does not keep the places of a picture apart.
        VitrineError: the folder cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("api.cli"), autoescape=True, undefined=StrictUndefined
    )
    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
    texts = texts_of(query)
    try:
        (folder / "overlays").mkdir(parents=True, exist_ok=True)
        cards = [
            {"hit": hit, "pictures": list(_pictures(folder, number, image, texts, engine))}
            for number, (hit, image) in enumerate(_images(page.hits, limits), start=1)
        ]
        html = environment.get_template("explanation.html").render(
            heading=heading, page=page, cards=cards
        )
        (folder / "index.html").write_text(html, encoding="utf-8")
    except OSError as error:
        raise VitrineError(
            f"Cannot write the explanation to {folder}: {error.strerror}.",
            hint="Choose another folder with --explain.",
        ) from error


def texts_of(query: Query) -> tuple[str, ...]:
    """What is looked for in pictures: the wanted texts as a whole, then their words."""
    texts = [p.text for p in query.parts if isinstance(p, TextPart) and p.weight > 0]
    words = words_of(texts)
    return tuple(dict.fromkeys([*texts, *words])) if len(words) > 1 else tuple(texts)


def _images(hits: Sequence[Hit], limits: ImageLimits) -> Iterator[tuple[Hit, Image.Image | None]]:
    for hit, data in zip(hits, read_images([hit.item for hit in hits], limits=limits)):
        try:
            image = None if data is None else decode_image(data, limits)
        except ImageError:
            image = None
        if image is not None:
            image.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
            image.info.clear()
        yield hit, image


def _pictures(
    folder: Path,
    number: int,
    image: Image.Image | None,
    texts: Sequence[str],
    engine: SearchEngine,
) -> Iterator[tuple[str, str]]:
    """Writes the pictures of one hit; what each shows, and its address from the page."""
    if image is None:
        return
    yield "", _saved(folder, f"{number:03}.jpg", image)
    maps = engine.heat_maps(image, texts)
    for place, heat in enumerate(maps, start=1):
        drawn = overlay(image, heat, span=span_of(maps))
        yield heat.text, _saved(folder, f"{number:03}-{place}.jpg", drawn)


def _saved(folder: Path, name: str, image: Image.Image) -> str:
    image.save(folder / "overlays" / name, "JPEG", quality=90)
    return f"overlays/{name}"
