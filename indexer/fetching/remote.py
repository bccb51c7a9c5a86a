"""Images that are elsewhere: when to ask, when to ask again, and when to give up.

How to ask is another matter: `web` speaks HTTP, `files` everything that fsspec can open.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from indexer.fetching.addresses import WEB_SCHEMES, host_of, scheme_of
from indexer.fetching.base import Fetched, FetchOptions
from indexer.fetching.failing import MayGetBetterError, unavailable
from indexer.fetching.files import Files
from indexer.fetching.hosts import Host, Hosts
from indexer.fetching.web import Web
from search.errors import ImageError, ImageUnavailableError
from search.images import ImageLimits


class Remote:
    """Fetches remote images; everything in one event loop. An async context manager."""

    def __init__(self, limits: ImageLimits, options: FetchOptions, hosts: Hosts) -> None:
        self._options = options
        self._hosts = hosts
        everywhere = asyncio.Semaphore(options.max_connections)
        self._web = Web(limits, options, hosts, everywhere)
        self._files = Files(limits, options, hosts, everywhere)

    async def __aenter__(self) -> "Remote":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._web.close()

    async def fetch(self, address: str, known: str | None) -> Fetched:
        """Fetch an image, as often as it is worth trying; raises what `Fetcher.read` does."""
        host = self._hosts[host_of(address)]
        once = self._web.get if scheme_of(address) in WEB_SCHEMES else self._files.get
        try:
            return await self._persistently(host, address, lambda: once(address, known))
        except (ImageError, ImageUnavailableError):
            host.failures += 1
            raise

    async def _persistently(
        self, host: Host, address: str, once: Callable[[], Awaitable[Fetched]]
    ) -> Fetched:
        if not host.may_be_asked():
            raise _left_alone(host, address)
        asked = 0
        try:
            async for attempt in self._attempts(host):
                asked = attempt.retry_state.attempt_number
                with attempt:
                    fetched = await once()
        except MayGetBetterError as error:
            host.gave_up()
            raise _gave_up(address, error, asked, self._options.max_wait_s) from error
        except ImageError:
            host.answered()
            raise
        host.answered()
        return fetched

    def _attempts(self, host: Host) -> AsyncRetrying:
        options = self._options
        by_chance = wait_random_exponential(
            multiplier=options.backoff_s, max=max(options.max_wait_s, options.backoff_s)
        )

        def wait(state: RetryCallState) -> float:
            return max(by_chance(state), _failure(state).wait_s or 0.0)

        def give_up(state: RetryCallState) -> bool:
            asked_for = _failure(state).wait_s or 0.0
            return (
                state.attempt_number >= options.attempts
                or asked_for > options.max_wait_s
                or host.rests_for > 0
            )

        def again(state: RetryCallState) -> None:
            host.retries += 1

        return AsyncRetrying(
            retry=retry_if_exception_type(MayGetBetterError),
            wait=wait,
            stop=give_up,
            before_sleep=again,
            sleep=asyncio.sleep,
            reraise=True,
        )


def _failure(state: RetryCallState) -> MayGetBetterError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, MayGetBetterError)
    return error


def _gave_up(
    address: str, error: MayGetBetterError, asked: int, max_wait_s: float
) -> ImageUnavailableError:
    times = f"asked {asked} times" if asked > 1 else "asked once"
    too_long = error.wait_s is not None and error.wait_s > max_wait_s
    wait = f" and asked to wait for {error.wait_s:,.0f} s" if too_long else ""
    return unavailable(address, f"was not fetched ({times}): {error.reason}{wait}")


def _left_alone(host: Host, address: str) -> ImageUnavailableError:
    return unavailable(
        address,
        f"was not asked for: {host.name} failed {host.failed_in_a_row} times in a row and is left"
        f" alone for another {host.rests_for:.0f} s",
        f"See whether {host.name} is up, and run the command again later: only what is missing is"
        " fetched.",
    )
