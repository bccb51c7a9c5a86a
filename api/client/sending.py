"""What both clients share below their methods: a call, its answer or error, and when to try again.

Nothing here sends anything.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Generic, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from search.errors import UnavailableError, VitrineError

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)

BUSY = frozenset({429, 503})
"""Statuses after which the same call may be made again: nothing was done."""

CONNECT_S = 5.0


class ServiceError(VitrineError):
    """A refusal that this client has no class for: `details` has its `code`."""

    code: ClassVar[str] = "service_error"


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and how its answer is read. `again_on`: statuses after which it is repeated."""

    method: str
    path: str
    read: Callable[[httpx2.Response], T]
    json: object = None
    files: Mapping[str, bytes] | None = None
    params: Mapping[str, str | int] = field(default_factory=dict)
    again_on: frozenset[int] = BUSY
    follows: bool = False

    def request(self, http: httpx2.Client | httpx2.AsyncClient) -> httpx2.Request:
        """The request as that connection sends it."""
        body: dict[str, Any] = {} if self.json is None else {"json": self.json}
        body |= {} if self.files is None else {"files": self.files}
        return http.build_request(self.method, self.path, params=dict(self.params), **body)

    def answer(self, response: httpx2.Response) -> T:
        """What the response says; raises the error that it is."""
        refuse(response)
        try:
            return self.read(response)
        except ValidationError as error:
            raise ServiceError(
                "The service's answer cannot be read: it is of another version, or no vitrine.",
                details={"status": response.status_code, "code": "unknown_answer"},
            ) from error


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a busy service (429, 503) is asked again, and how long in all.

    It is asked when it says (`Retry-After`), else after 0.5 s, 1 s, 2 s ...; a wait beyond what is
    left of `most_s` is not begun.
    """

    attempts: int = 4
    most_s: float = 30.0

    def waits(self) -> "Waits":
        """For one call."""
        return Waits(self)


@dataclass(slots=True)
class Waits:
    """The waits of one call."""

    patience: Patience
    asked: int = 0
    waited_s: float = 0.0

    def before_next(self, call: Call[Any], response: httpx2.Response) -> float | None:
        """Seconds until the call is made again; None if this answer is the last."""
        self.asked += 1
        if response.status_code not in call.again_on or self.asked >= self.patience.attempts:
            return None
        told = retry_after_s(response.headers.get("Retry-After"))
        # What the service says is kept to; a little more, so that not all come at once.
        wait = (0.5 * 2 ** (self.asked - 1) if told is None else told) * random.uniform(1, 1.1)
        if self.waited_s + wait > self.patience.most_s:
            return None
        self.waited_s += wait
        return wait


def retry_after_s(said: str | None) -> float | None:
    """The seconds that a `Retry-After` asks for: a number of them, or a date."""
    if said is None:
        return None
    with suppress(ValueError):
        return max(0.0, float(said)) if said.strip().isdecimal() else _until(said)
    return None


def model(read: type[Model]) -> Callable[[httpx2.Response], Model]:
    """Reads an answer of JSON."""
    return lambda response: read.model_validate_json(response.content)


def refuse(response: httpx2.Response) -> None:
    """Raise the error that a response is, if it is one; its body has to be read by then."""
    if response.is_success:
        return
    try:
        said = response.json()["error"]
        code, message, details = str(said["code"]), str(said["message"]), dict(said["details"])
    except (ValueError, KeyError, TypeError):
        raise ServiceError(
            f"The service answered with status {response.status_code}, and not as vitrine does.",
            hint="Check the address, and what stands between.",
            details={"status": response.status_code, "code": "unknown_answer"},
        ) from None
    request_id = said.get("request_id")
    raise error_of(code, message, details | {"request_id": request_id})


def error_of(code: str, message: str, details: dict[str, Any]) -> VitrineError:
    """The error that a service meant, by its code; ServiceError if there is none of that code."""
    hint = details.pop("hint", None)
    cls = _classes().get(code)
    if cls is None:
        return ServiceError(message, details=details | {"code": code})
    said = message.removesuffix(f" {hint}") if hint else message
    return cls(said, hint=hint, details=details)


@contextmanager
def told(url: str) -> Iterator[None]:
    """UnavailableError for whatever keeps an answer from coming."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise UnavailableError(
            f"The service at {url} did not answer in time.",
            hint="Try again, or give it longer.",
            details={"url": url},
        ) from error
    except httpx2.TransportError as error:
        raise UnavailableError(
            f"The service at {url} cannot be reached: {error}.",
            hint="Check the address, and whether vitrine serve runs there.",
            details={"url": url},
        ) from error


def _until(date: str) -> float:
    return max(0.0, (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds())


def _classes() -> Mapping[str, type[VitrineError]]:
    """Error classes by their codes; only when there is an error, as they are gathered widely."""
    import api.jobs.errors
    import api.security.errors  # noqa: F401

    found: dict[str, type[VitrineError]] = {}
    waiting: list[type[VitrineError]] = [VitrineError]
    while waiting:
        cls = waiting.pop(0)
        if "code" in vars(cls):
            found.setdefault(cls.code, cls)
        waiting += cls.__subclasses__()
    return found
