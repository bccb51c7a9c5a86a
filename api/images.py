"""Pictures of items: decoded and encoded anew, so that never a byte of a file goes out as it is."""

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import structlog
from PIL import Image

from search.errors import ImageError, NotFoundError
from search.images import DECODING, ImageLimits, load_image
from search.types import Item

MIN_SIZE = 16
MAX_SIZE = 2048
DEFAULT_SIZE = 800
JPEG_QUALITY = 85

_log = structlog.stdlib.get_logger("vitrine.images")


@dataclass(frozen=True, slots=True)
class ImageFile:
    """The image file of an item, and a tag that changes when the file does."""

    item_id: str
    path: Path
    version: str

    def etag(self, size: int) -> str:
        """The entity tag of its picture at that size, quotes included."""
        text = f"{self.path}|{self.version}|{size}|{JPEG_QUALITY}"
        return f'"{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"'


def image_file(item: Item) -> ImageFile:
    """The file that the item's image is; NotFoundError if it is not there (any more)."""
    path = _local_path(item.image)
    try:
        stat = os.stat(path) if path else None  # noqa: PTH116 (Path.stat refuses NUL alike)
    except (OSError, ValueError) as error:
        _log.warning("image is gone", item=item.id, image=item.image, reason=str(error))
        stat = None
    if path is None or stat is None:
        raise NotFoundError(
            f"The image of item {item.id!r} is not where the catalogue said.",
            hint="Put it back, or index the catalogue again.",
            details={"id": item.id},
        )
    return ImageFile(item.id, path, f"{stat.st_mtime_ns}-{stat.st_size}")


def render_jpeg(file: ImageFile, size: int, limits: ImageLimits) -> bytes:
    """The image as a JPEG of at most `size` pixels along its longer side, without metadata.

    Raises:
        NotFoundError: the file cannot be read as an image within the limits. The file's path
            stays in the log.
    """
    try:
        with DECODING:
            image = load_image(file.path, limits)
            image.thumbnail((size, size), Image.Resampling.LANCZOS)
    except ImageError as error:
        _log.warning("image is unreadable", item=file.item_id, reason=str(error))
        raise NotFoundError(
            f"The image of item {file.item_id!r} cannot be read any more.",
            hint="Mend it, or index the catalogue again.",
            details={"id": file.item_id},
        ) from None
    # Comments and the like would be written into the new file.
    image.info.clear()
    out = io.BytesIO()
    image.save(out, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return out.getvalue()


def _local_path(uri: str) -> Path | None:
    """The path that a stored image URI names, or None if it is not a file of this machine."""
    if not uri:
        return None
    if uri.startswith("file://"):
        return Path(unquote(urlsplit(uri).path))
    return None if "://" in uri else Path(uri)
