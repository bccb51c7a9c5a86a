"""Pictures of items: decoded and encoded anew, so that never a byte of a file goes out as it is.

Those on web servers are left to the browser: their own servers are made for that.
"""

import hashlib
import io
import os
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import structlog
from PIL import Image

from indexer.fetching import Fetched, Fetcher, FetchOptions
from indexer.fetching.addresses import WEB_SCHEMES, local_path, scheme_of
from indexer.fetching.guard import Guard
from search.errors import ImageError, ImageUnavailableError, NotFoundError
from search.images import DECODING, ImageLimits, load_image
from search.types import Item

MIN_SIZE = 16
MAX_SIZE = 2048
DEFAULT_SIZE = 800
JPEG_QUALITY = 85

READ_HERE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "tar"})
"""Schemes that no browser knows. The service reads them, and no others, in its own name."""

FETCHING = FetchOptions(timeout_s=10.0, attempts=2, backoff_s=0.2, max_wait_s=2.0)
"""Somebody waits for the picture: rather none than a late one."""

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


@dataclass(frozen=True, slots=True)
class ImageBytes:
    """The image of an item that was read from elsewhere."""

    item_id: str
    data: bytes

    def etag(self, size: int) -> str:
        """The entity tag of its picture at that size, quotes included."""
        tag = hashlib.blake2b(f"{size}|{JPEG_QUALITY}|".encode(), digest_size=16)
        tag.update(self.data)
        return f'"{tag.hexdigest()}"'


def browser_address(item: Item) -> str | None:
    """Where a browser gets the item's image by itself; None if the service has to read it."""
    if scheme_of(item.image) not in WEB_SCHEMES:
        return None
    try:
        parts = urlsplit(item.image)
    except ValueError:
        return None
    # What is behind a password is for the service to read, and the password for nobody.
    return item.image if parts.hostname and "@" not in parts.netloc else None


class ItemImages:
    """Reads images of items that are not files of this machine. Safe for several threads.

    A client may have written an item with an address on the web, and the name in it may lead
    elsewhere by now: such an address is asked only where `guard` allows it. What no client can
    write, an address with a password or of a bucket, is the operator's and is read as it stands.
    """

    def __init__(self, limits: ImageLimits, guard: Guard | None = None) -> None:
        self._trusted = Fetcher(limits, FETCHING)
        self._guarded = Fetcher(limits, replace(FETCHING, guard=guard))

    def submit(self, item: Item) -> "Future[Fetched]":
        """Begin to read the item's image; see `Fetcher.submit`."""
        return self._fetcher(item).submit(item.image)

    def read(self, item: Item) -> Fetched:
        """The item's image; see `Fetcher.read`."""
        return self._fetcher(item).read(item.image)

    def close(self) -> None:
        """Cancel what waits and let go of all connections."""
        self._trusted.close()
        self._guarded.close()

    def __enter__(self) -> Self:
        """Use it in a `with`, which closes it."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Let go of all connections."""
        self.close()

    def _fetcher(self, item: Item) -> Fetcher:
        return self._trusted if browser_address(item) is None else self._guarded


def open_image(item: Item, images: ItemImages) -> ImageFile | ImageBytes:
    """The item's image, from wherever it is.

    Raises:
        NotFoundError: it is not there (any more), or the service does not read such addresses.
        ImageUnavailableError: its store does not answer now.
    """
    scheme = scheme_of(item.image)
    if scheme not in READ_HERE | WEB_SCHEMES:
        return image_file(item)
    try:
        fetched = images.read(item)
    except ImageError as error:
        _log.warning("image is gone", item=item.id, reason=str(error))
        raise _gone(item.id) from None
    except ImageUnavailableError as error:
        # Without its cause: of a server that is down, one line in the log says enough.
        raise ImageUnavailableError(error.message, hint=error.hint) from None
    assert fetched.data is not None  # Nothing was known of it before.
    return ImageBytes(item.id, fetched.data)


def image_file(item: Item) -> ImageFile:
    """The file that the item's image is; NotFoundError if it is not there (any more)."""
    path = local_path(item.image) if item.image else None
    try:
        stat = os.stat(path) if path else None  # noqa: PTH116 (Path.stat refuses NUL alike)
    except (OSError, ValueError) as error:
        _log.warning("image is gone", item=item.id, image=item.image, reason=str(error))
        stat = None
    if path is None or stat is None:
        raise _gone(item.id)
    return ImageFile(item.id, path, f"{stat.st_mtime_ns}-{stat.st_size}")


def image_bytes(file: ImageFile | ImageBytes, limits: ImageLimits) -> bytes:
    """The image file; of one that is too large, one byte more than the limits allow.

    Raises:
        NotFoundError: it is not there any more. Its path stays in the log.
    """
    if isinstance(file, ImageBytes):
        return file.data
    try:
        with file.path.open("rb") as opened:
            return opened.read(limits.max_bytes + 1)
    except OSError as error:
        _log.warning("image is gone", item=file.item_id, reason=str(error))
        raise _gone(file.item_id) from None


def render_jpeg(file: ImageFile | ImageBytes, size: int, limits: ImageLimits) -> bytes:
    """The image as a JPEG of at most `size` pixels along its longer side, without metadata.

    Raises:
        NotFoundError: the file cannot be read as an image within the limits. The file's path
            stays in the log.
    """
    try:
        with DECODING:
            image = load_image(file.data if isinstance(file, ImageBytes) else file.path, limits)
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


def _gone(id: str) -> NotFoundError:
    return NotFoundError(
        f"The image of item {id!r} is not where the catalogue said.",
        hint="Put it back, or index the catalogue again.",
        details={"id": id},
    )
