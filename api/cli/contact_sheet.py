"""A contact sheet: pages of results with their pictures, in one HTML file of its own."""

import base64
import io
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

from PIL import Image, ImageDraw

from api.cli.results import facet_line, price_of, total_of
from indexer.fetching import Fetched, Fetcher, FetchOptions
from search.config import Settings
from search.errors import ImageError, ImageUnavailableError, VitrineError
from search.images import ImageLimits, decode_image
from search.types import Box, Hit, Page

THUMBNAIL_PX = 220

WAIT_SECONDS = 30.0
"""How long all pictures of a sheet together are waited for; those that come later are left out."""

_LEAST_SECONDS = 0.1
"""What is read already needs no patience; and a file of this machine, hardly any."""

_AHEAD = 16
_FETCHING = FetchOptions(timeout_s=10.0, attempts=2, backoff_s=0.2, max_wait_s=2.0)


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
    with Fetcher(limits, _FETCHING) as fetcher:
        pictures = _Pictures(fetcher, limits)
        sections = [
            {
                "heading": heading,
                "page": page,
                "cards": list(pictures.cards(page.hits)),
                "total": total_of(page) if page.total is not None else "",
                "facets": [facet_line(facet) for facet in page.facets],
            }
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


class _Pictures:
    """Thumbnails of hits, wherever their images are."""

    def __init__(self, fetcher: Fetcher, limits: ImageLimits) -> None:
        self._fetcher = fetcher
        self._limits = limits
        self._patience_s = WAIT_SECONDS

    def cards(self, hits: Sequence[Hit]) -> Iterator[dict[str, object]]:
        """What the page shows of each hit, in order; a few images are fetched at a time."""
        for start in range(0, len(hits), _AHEAD):
            some = hits[start : start + _AHEAD]
            futures = [self._fetcher.submit(hit.item.image) for hit in some]
            for hit, future in zip(some, futures):
                thumbnail = self._thumbnail(future, hit.region)
                yield {"hit": hit, "thumbnail": thumbnail, "price": price_of(hit.item)}

    def _thumbnail(self, future: Future[Fetched], region: Box | None) -> str | None:
        """A data URI, or None when the picture is not where it was indexed from, or not soon.

        The region that matched has a frame.
        """
        started = time.monotonic()
        try:
            fetched = future.result(max(self._patience_s, _LEAST_SECONDS))
        except (ImageError, ImageUnavailableError, TimeoutError):
            return None
        finally:
            self._patience_s -= time.monotonic() - started
        try:
            picture = decode_image(fetched.data or b"", self._limits)
        except ImageError:
            return None
        picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        if region is not None:
            _draw(region, picture)
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=88)
        return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _draw(region: Box, picture: Image.Image) -> None:
    """Frame a region, in white within black, so that it shows on every picture."""
    pen = ImageDraw.Draw(picture)
    across, down = picture.width - 1, picture.height - 1
    left, top, right, bottom = (
        round(edge * size) for edge, size in zip(region.edges, (across, down) * 2)
    )
    for inset, colour in ((0, "black"), (1, "white"), (2, "white"), (3, "black")):
        edges = (left + inset, top + inset, right - inset, bottom - inset)
        if edges[0] <= edges[2] and edges[1] <= edges[3]:
            pen.rectangle(edges, outline=colour)
