"""`Client` and `AsyncClient`: two thin senders of what `api.client.calls` describes."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import wraps
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

import httpx2

from api.client import calls
from api.client.following import ASKED_EVERY_S, SILENCE_S, Following
from api.client.sending import CONNECT_S, Call, Patience, refuse, told
from api.jobs.schemas import JobOut
from search.errors import UnavailableError

P = ParamSpec("P")
T = TypeVar("T")


class _Method(Generic[P, T]):
    """A method by its description: a `Client` returns T, an `AsyncClient` what gives T."""

    def __init__(self, describe: Callable[P, Call[T]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: "Client", owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: "AsyncClient", owner: type) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, client: "Client | AsyncClient | None", owner: type) -> Any:
        if client is None:
            return self
        send = client._send

        @wraps(self._describe)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return send(self._describe(*args, **kwargs))

        return method


class _Methods:
    """What both clients can do."""

    search = _Method(calls.search)
    batch_search = _Method(calls.batch_search)
    facets = _Method(calls.facets)
    suggest = _Method(calls.suggest)
    similar = _Method(calls.similar)
    item = _Method(calls.item)
    image = _Method(calls.image)
    heat_map = _Method(calls.heat_map)
    put_item = _Method(calls.put_item)
    put_image = _Method(calls.put_image)
    write_items = _Method(calls.write_items)
    delete_items = _Method(calls.delete_items)
    embed = _Method(calls.embed)
    classify = _Method(calls.classify)
    feedback = _Method(calls.feedback)
    collections = _Method(calls.collections)
    rollback = _Method(calls.rollback)
    versions = _Method(calls.versions)
    evaluations = _Method(calls.evaluations)
    ready = _Method(calls.ready)
    start_job = _Method(calls.start_job)
    jobs = _Method(calls.jobs)
    job = _Method(calls.job)
    job_failures = _Method(calls.job_failures)
    row_image = _Method(calls.row_image)
    cancel_job = _Method(calls.cancel_job)
    resume_job = _Method(calls.resume_job)

    search_body = staticmethod(calls.search_body)

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 60.0,
        patience: Patience | None = None,
    ) -> None:
        """`url`: such as `http://localhost:8000`; `timeout_s`: the longest wait for an answer."""
        self.url = url.rstrip("/")
        self._patience = patience or Patience()
        self._options: dict[str, Any] = {
            "base_url": self.url,
            "headers": {"Authorization": f"Bearer {api_key}"} if api_key else {},
            "timeout": httpx2.Timeout(timeout_s, connect=CONNECT_S),
        }


class Client(_Methods):
    """Asks a service and waits for its answers. Safe to use from several threads.

    Refusals are raised as the errors of `search.errors` that the service meant, those that this
    version does not know as `ServiceError`; a service that cannot be reached is an
    UnavailableError. Bodies that do not fit are pydantic's ValidationError before anything is sent.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 60.0,
        patience: Patience | None = None,
    ) -> None:
        """See the class; use it in a `with`, or close it."""
        super().__init__(url, api_key=api_key, timeout_s=timeout_s, patience=patience)
        self._http = httpx2.Client(**self._options)

    def follow_job(self, id: str) -> Iterator[JobOut]:
        """The job whenever something has changed; the last one has ended."""
        following = Following(id)
        while following.may_go_on():
            if following.breaks > 1:
                time.sleep(following.breaks - 1)
            try:
                with told(self.url):
                    ask = self._asked if following.by_asking else self._events
                    yield from ask(following)
            except UnavailableError as error:
                if not following.bears(error):
                    raise

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        """Use it in a `with`, which closes it."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def _send(self, call: Call[T]) -> T:
        waits = self._patience.waits()
        while True:
            with told(self.url):
                request = call.request(self._http)
                response = self._http.send(request, follow_redirects=call.follows)
            wait = waits.before_next(call, response)
            if wait is None:
                return call.answer(response)
            time.sleep(wait)

    def _events(self, following: Following) -> Iterator[JobOut]:
        headers, timeout = dict(following.headers), httpx2.Timeout(SILENCE_S, connect=CONNECT_S)
        with self._http.stream("GET", following.path, headers=headers, timeout=timeout) as answer:
            if not answer.is_success:
                answer.read()
                refuse(answer)
            for line in answer.iter_lines():
                if (job := following.read(line)) is not None:
                    yield job

    def _asked(self, following: Following) -> Iterator[JobOut]:
        while not following.ended:
            job = self._send(calls.job(following.id))
            if following.take(job):
                yield job
            if not following.ended:
                time.sleep(ASKED_EVERY_S)


class AsyncClient(_Methods):
    """The same for asyncio: every method is awaited."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 60.0,
        patience: Patience | None = None,
    ) -> None:
        """See `Client`; use it in an `async with`, or close it."""
        super().__init__(url, api_key=api_key, timeout_s=timeout_s, patience=patience)
        self._http = httpx2.AsyncClient(**self._options)

    async def follow_job(self, id: str) -> AsyncIterator[JobOut]:
        """As `Client.follow_job`."""
        following = Following(id)
        while following.may_go_on():
            if following.breaks > 1:
                await asyncio.sleep(following.breaks - 1)
            try:
                with told(self.url):
                    ask = self._asked if following.by_asking else self._events
                    async for job in ask(following):
                        yield job
            except UnavailableError as error:
                if not following.bears(error):
                    raise

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Use it in an `async with`, which closes it."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.close()

    async def _send(self, call: Call[T]) -> T:
        waits = self._patience.waits()
        while True:
            with told(self.url):
                request = call.request(self._http)
                response = await self._http.send(request, follow_redirects=call.follows)
            wait = waits.before_next(call, response)
            if wait is None:
                return call.answer(response)
            await asyncio.sleep(wait)

    async def _events(self, following: Following) -> AsyncIterator[JobOut]:
        headers, timeout = dict(following.headers), httpx2.Timeout(SILENCE_S, connect=CONNECT_S)
        stream = self._http.stream("GET", following.path, headers=headers, timeout=timeout)
        async with stream as answer:
            if not answer.is_success:
                await answer.aread()
                refuse(answer)
            async for line in answer.aiter_lines():
                if (job := following.read(line)) is not None:
                    yield job

    async def _asked(self, following: Following) -> AsyncIterator[JobOut]:
        while not following.ended:
            job = await self._send(calls.job(following.id))
            if following.take(job):
                yield job
            if not following.ended:
                await asyncio.sleep(ASKED_EVERY_S)
