"""A contact sheet: pages of results with their pictures, in one HTML file of its own."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from api.cli.results import price_of
from search.config import Settings
from search.errors import ImageError, VitrineError
from search.images import ImageLimits, load_image
from search.types import Hit, Page

THUMBNAIL_PX = 220


def write_contact_sheet(path: Path, pages: Sequence[tuple[str, Page]], settings: Settings) -> None:
    """Write `(heading, page)` pairs to an HTML file, each hit with a thumbnail inside the file.

    Raises:
        VitrineError: the file cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("api.cli"), autoescape=True, undefined=StrictUndefined
    )
    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
    sections = [
        {"heading": heading, "page": page, "cards": [_card(hit, limits) for hit in page.hits]}
        for heading, page in pages
    ]
    html = environment.get_template("contact_sheet.html").render(sections=sections)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html, encoding="utf-8")
    except OSError as error:
        raise VitrineError(
            f"Cannot write the contact sheet {path}: {error.strerror}.",
            hint="Choose another place with --html.",
        ) from error


def _card(hit: Hit, limits: ImageLimits) -> dict[str, object]:
    thumbnail = _thumbnail(hit.item.image, limits)
    return {"hit": hit, "thumbnail": thumbnail, "price": price_of(hit.item)}


def _thumbnail(image: str, limits: ImageLimits) -> str | None:
    """A data URI, or None when the picture is no longer where it was indexed from."""
    try:
        picture = load_image(Path(image), limits)
    except ImageError:
        return None
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
