"""Images of queries that clients name by address: fetched for them, if the service may."""

from collections.abc import Sequence
from typing import Self

from indexer.fetching import Fetcher, FetchOptions
from indexer.fetching.guard import Guard
from search.config import Settings
from search.errors import ImageUnavailableError, ImageUnreadableError, InvalidQueryError
from search.images import ImageLimits

MOST_ADDRESSES = 4
"""Most images that one query may name by address."""

TIMEOUT_S = 10.0
MAX_REDIRECTS = 3
MAX_CONNECTIONS = 16


class QueryImages:
    """Fetches images by address within strict limits. Safe to use from several threads.

    Only over http and https, from the ports of the settings, and from hosts that are public
    (`indexer.fetching.guard`); within ten seconds, three redirects and the limits of images.
    """

    def __init__(self, settings: Settings) -> None:
        """Read the settings; nothing is fetched unless `image_urls` is set.

        Raises:
            ConfigError: ports or networks that cannot be read.
        """
        self._allowed = settings.image_urls
        self._guard = guard_of(settings)
        options = FetchOptions(
            timeout_s=TIMEOUT_S,
            attempts=1,
            max_redirects=MAX_REDIRECTS,
            max_connections=MAX_CONNECTIONS,
            guard=self._guard,
        )
        self._fetcher = Fetcher(
            ImageLimits(settings.max_image_bytes, settings.max_image_pixels), options
        )

    def fetch(self, addresses: Sequence[str]) -> dict[str, bytes]:
        """The files at these addresses, by address; each is fetched once, all at the same time.

        Raises:
            InvalidQueryError: the service fetches none, or not so many for one query.
            ImageUnreadableError: one may not be asked for, is not there, or its host does not
                give it in time.
            ImageTooLargeError: one has more bytes than the settings allow.
        """
        wanted = list(dict.fromkeys(addresses))
        self._check(wanted)
        waiting = {address: self._fetcher.submit(address) for address in wanted}
        try:
            return {address: found.result().data or b"" for address, found in waiting.items()}
        except ImageUnavailableError as error:
            # Whose host it is was the client's choice: the service itself is well.
            raise ImageUnreadableError(
                error.message, hint="Try again later, or send the image itself."
            ) from None
        finally:
            for found in waiting.values():
                found.cancel()

    def close(self) -> None:
        """Cancel what waits and let go of all connections."""
        self._fetcher.close()

    def __enter__(self) -> Self:
        """Use it in a `with`, which closes it."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Let go of all connections."""
        self.close()

    def _check(self, wanted: Sequence[str]) -> None:
        if wanted and not self._allowed:
            raise InvalidQueryError(
                "This service fetches no images by address.",
                hint="Send the image itself; or who runs the service sets VITRINE_IMAGE_URLS=true.",
            )
        if len(wanted) > MOST_ADDRESSES:
            raise InvalidQueryError(
                f"The query names {len(wanted)} images by address.",
                hint=f"Name at most {MOST_ADDRESSES}, or send the images themselves.",
            )
        for address in wanted:
            self._guard.check(address)


def guard_of(settings: Settings) -> Guard:
    """What may be asked; raises ConfigError for ports or networks that cannot be read."""
    return Guard.from_text(settings.image_url_ports, settings.image_url_networks)
