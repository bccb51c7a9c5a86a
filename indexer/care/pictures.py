"""Reading many pictures, wherever they are, a few at a time."""

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image

from indexer.fetching import Fetched, Fetcher, FetchOptions
from search.errors import ImageError, ImageUnavailableError, ImageUnreadableError
from search.images import ImageLimits, decode_image

AHEAD = 64
"""Pictures that are fetched at the same time; so many files may be in memory, twice."""

_THREADS = 8

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Broken:
    """A picture that could not be had: a stable code, the reason in words, and what to do."""

    code: str
    reason: str
    hint: str


class PictureReader:
    """Fetches and decodes pictures by address, and gives what a function makes of each.

    Close it when done, or use it as a context manager.
    """

    def __init__(self, limits: ImageLimits, options: FetchOptions | None = None) -> None:
        self._limits = limits
        self._fetcher = Fetcher(limits, options)
        self._threads = ThreadPoolExecutor(_THREADS, "vitrine-care")

    def __enter__(self) -> "PictureReader":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections and threads."""
        self._threads.shutdown(cancel_futures=True)
        self._fetcher.close()

    def each(
        self, addresses: Sequence[str], made: Callable[[Image.Image, int], T]
    ) -> Iterator[T | Broken]:
        """What `made(picture, bytes of its file)` gives for each address, in order."""
        ahead = self._submitted(addresses[:AHEAD])
        for start in range(0, len(addresses), AHEAD):
            asked = ahead
            names = addresses[start : start + AHEAD]
            ahead = self._submitted(addresses[start + AHEAD : start + 2 * AHEAD])
            yield from self._threads.map(lambda n, f: self._made(n, f, made), names, asked)

    def _submitted(self, addresses: Sequence[str]) -> list[Future[Fetched]]:
        return [self._fetcher.submit(address) for address in addresses]

    def _made(
        self, name: str, asked: Future[Fetched], made: Callable[[Image.Image, int], T]
    ) -> T | Broken:
        try:
            data = asked.result().data
            if data is None:
                raise ImageUnreadableError(f"{name} was not sent.", details={"image": name})
            return made(decode_image(data, self._limits, name=name), len(data))
        except (ImageError, ImageUnavailableError) as error:
            hint = error.hint or "Replace the picture and index the catalogue again."
            return Broken(error.code, error.message, hint)


def thumbnail_jpeg(image: Image.Image, side: int) -> bytes:
    """The picture within a square of `side` pixels, as JPEG bytes."""
    small = image.copy()
    small.thumbnail((side, side))
    buffer = io.BytesIO()
    small.save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()
