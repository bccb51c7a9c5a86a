"""One error shape for everything that can go wrong: a class decides its status, here alone.

What the client did wrong is told in full. What is wrong with the service is told in a sentence of
ours: the error's own words hold paths, addresses and whatever Milvus said, and go into the log.
"""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.jobs.errors import (
    JobNotFoundError,
    JobRunsError,
    SourceRefusedError,
    StateConflictError,
    VersionNotFoundError,
)
from api.observing.served import note_refusal
from api.readiness import EngineSlot, NotOpenError
from api.schemas import ErrorBody, ErrorResponse
from api.security.errors import (
    AccessError,
    ForeignPageError,
    KeyRefusedError,
    ScopeError,
    TooManyRequestsError,
)
from search import errors

STATUS: Mapping[type[errors.VitrineError], HTTPStatus] = {
    errors.VitrineError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidInputError: HTTPStatus.BAD_REQUEST,
    errors.EmptyQueryError: HTTPStatus.BAD_REQUEST,
    errors.InvalidQueryError: HTTPStatus.BAD_REQUEST,
    errors.FilterError: HTTPStatus.BAD_REQUEST,
    errors.FilterSyntaxError: HTTPStatus.BAD_REQUEST,
    errors.UnknownFieldError: HTTPStatus.BAD_REQUEST,
    errors.FilterTypeError: HTTPStatus.BAD_REQUEST,
    errors.ImageError: HTTPStatus.BAD_REQUEST,
    errors.ImageUnreadableError: HTTPStatus.BAD_REQUEST,
    errors.ImageTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.ItemInvalidError: HTTPStatus.BAD_REQUEST,
    errors.CatalogError: HTTPStatus.BAD_REQUEST,
    errors.EvaluationError: HTTPStatus.BAD_REQUEST,
    errors.ConfigError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.ItemNotFoundError: HTTPStatus.NOT_FOUND,
    errors.CollectionNotFoundError: HTTPStatus.NOT_FOUND,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.ModelMismatchError: HTTPStatus.CONFLICT,
    errors.SchemaMismatchError: HTTPStatus.CONFLICT,
    errors.WriteConflictError: HTTPStatus.CONFLICT,
    errors.UnsupportedError: HTTPStatus.NOT_IMPLEMENTED,
    errors.UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StoreUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DatabaseLockedError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ImageUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ModelUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.OverloadedError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.TooLateError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StoreError: HTTPStatus.BAD_GATEWAY,
    AccessError: HTTPStatus.FORBIDDEN,
    KeyRefusedError: HTTPStatus.UNAUTHORIZED,
    ScopeError: HTTPStatus.FORBIDDEN,
    ForeignPageError: HTTPStatus.FORBIDDEN,
    TooManyRequestsError: HTTPStatus.TOO_MANY_REQUESTS,
    SourceRefusedError: HTTPStatus.FORBIDDEN,
    JobNotFoundError: HTTPStatus.NOT_FOUND,
    VersionNotFoundError: HTTPStatus.NOT_FOUND,
    JobRunsError: HTTPStatus.CONFLICT,
    StateConflictError: HTTPStatus.CONFLICT,
}
"""Every class of search/errors.py has a line of its own: a test demands it."""

_AS_LOGGED = "The service's log says more, under this request id."

SENTENCES: Mapping[type[errors.VitrineError], str] = {
    errors.VitrineError: f"Something went wrong inside the service. {_AS_LOGGED}",
    errors.CatalogError: f"A catalogue cannot be read. {_AS_LOGGED}",
    errors.EvaluationError: f"An evaluation cannot be read. {_AS_LOGGED}",
    errors.ConfigError: f"A setting of the service cannot be used. {_AS_LOGGED}",
    errors.CollectionNotFoundError: "The collection that this service searches is not there. "
    + _AS_LOGGED,
    errors.ConflictError: f"What is stored contradicts the request. {_AS_LOGGED}",
    errors.ModelMismatchError: "The collection was made with another model than the one that "
    f"this service runs. {_AS_LOGGED}",
    errors.SchemaMismatchError: "The collection is not one that this service can search. "
    + _AS_LOGGED,
    errors.UnsupportedError: f"The database of this service cannot do that. {_AS_LOGGED}",
    errors.UnavailableError: f"The service is not available now. {_AS_LOGGED}",
    errors.StoreUnavailableError: "The database cannot be reached, or did not answer in time. "
    + _AS_LOGGED,
    errors.DatabaseLockedError: f"Another process has the database open. {_AS_LOGGED}",
    errors.ImageUnavailableError: f"The picture cannot be fetched now. {_AS_LOGGED}",
    errors.ModelUnavailableError: f"The model cannot be loaded. {_AS_LOGGED}",
    errors.StoreError: f"The database answered with an error. {_AS_LOGGED}",
}
"""What is sent instead of an error's own message, hint and details. The classes that are not here
are about the request and go out as they are."""

CODES: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "bad_request",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
}
"""`code` of what the framework refuses before a route is reached."""

RETRY_AFTER_S = 5
"""What a 503 tells the client to wait."""

OVERLOADED_RETRY_AFTER_S = 1
"""What a 429 for too much at once tells it: what waits is answered within a second or two."""

MAX_TEXT = 1000
"""Characters of any one text in a refusal: much of it may be what the client sent."""

MAX_ENTRIES = 200
"""Entries of any one list in a refusal: the fields of a large collection fit."""

UNREADABLE_BODY = "There was an error parsing the body"
"""What the framework says of a body that is not UTF-8, or nested deeper than Python goes."""

MAX_PROBLEMS = 20
MAX_PROBLEM_TEXT = 160

_log = structlog.stdlib.get_logger("vitrine.api")


def install_error_handlers(app: FastAPI) -> None:
    """Answer every refusal in the one shape: domain errors, unknown routes, invalid bodies."""
    app.add_exception_handler(errors.VitrineError, _domain_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)


def status_of(error: errors.VitrineError) -> int:
    """The HTTP status of a domain error."""
    return STATUS[_listed(error)]


def told(error: errors.VitrineError) -> str:
    """What the client hears of an error: its own words, or the sentence that stands for them."""
    sentence = None if isinstance(error, NotOpenError) else SENTENCES.get(_listed(error))
    return _text(sentence or str(error))


def error_response(
    request_id: str,
    status: int,
    code: str,
    message: str,
    *,
    details: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The one error shape, as a response. Whatever message and details hold, it can be sent."""
    note_refusal(code)
    body = ErrorBody(
        code=code,
        message=_text(message),
        details={_text(key): _sendable(value) for key, value in (details or {}).items()},
        request_id=request_id,
    )
    return JSONResponse(
        ErrorResponse(error=body).model_dump(mode="json"), status, headers=dict(headers or {})
    )


def unexpected(request_id: str) -> JSONResponse:
    """What the client hears of an exception that nobody foresaw: nothing of its text."""
    return error_response(
        request_id,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal_error",
        SENTENCES[errors.VitrineError],
    )


def unknown_host(request_id: str, host: str) -> JSONResponse:
    """The refusal of a request that came under a name that is not the service's own."""
    return error_response(
        request_id,
        HTTPStatus.BAD_REQUEST,
        "unknown_host",
        f"This service does not go by the name of {host!r}.",
        details={"hint": "Whoever runs it can allow the name with VITRINE_ALLOWED_HOSTS."},
    )


def domain_response(request_id: str, error: errors.VitrineError, status: int) -> JSONResponse:
    """A domain error in the one shape: in its own words, hint included, or in a fixed sentence.

    What a fixed sentence replaces is logged here.
    """
    retry = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    if isinstance(error, errors.OverloadedError):
        retry = {"Retry-After": str(OVERLOADED_RETRY_AFTER_S)}
    if isinstance(error, AccessError):
        retry = dict(error.headers)
    sentence = None if isinstance(error, NotOpenError) else SENTENCES.get(_listed(error))
    if sentence is not None:
        _log.warning(
            "refused",
            code=error.code,
            error=str(error),
            details=error.details,
            # Of a reason that is told again and again there is no more to say.
            exc_info=error if error.__cause__ else None,
        )
        return error_response(request_id, status, error.code, sentence, headers=retry)
    details = dict(error.details)
    if error.hint:
        details["hint"] = error.hint
    return error_response(
        request_id, status, error.code, str(error), details=details, headers=retry
    )


def refusal_of(request_id: str, error: errors.VitrineError) -> ErrorBody:
    """What a client hears of an error that is a part of an answer: as if it were all of it."""
    answer = domain_response(request_id, error, status_of(error))
    return ErrorResponse.model_validate_json(bytes(answer.body)).error


def request_id_of(request: Request) -> str:
    """The id that the middleware gave this request."""
    return str(request.state.request_id)


async def _domain_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.VitrineError)
    if isinstance(error, errors.ModelMismatchError):
        slot: EngineSlot = request.app.state.engine
        slot.renew()
    return domain_response(request_id_of(request), error, status_of(error))


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = CODES.get(error.status_code, HTTPStatus(error.status_code).phrase.lower())
    return error_response(
        request_id_of(request),
        error.status_code,
        code.replace(" ", "_"),
        _http_message(request, error),
        headers=error.headers,
    )


def _http_message(request: Request, error: HTTPException) -> str:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return f"There is nothing at {request.url.path!r}. /docs lists what there is."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.method} is not possible at {request.url.path!r}."
    if error.detail == UNREADABLE_BODY:
        return "The body of the request cannot be read. Send JSON as UTF-8, not nested too deep."
    return error.detail


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # Only where and why: what was sent is not repeated (it may be an image of megabytes).
    found = error.errors()
    problems = [
        {
            "where": _text(".".join(map(str, problem["loc"])), MAX_PROBLEM_TEXT),
            "why": _text(problem["msg"], MAX_PROBLEM_TEXT),
        }
        for problem in found[:MAX_PROBLEMS]
    ]
    first = problems[0]
    return error_response(
        request_id_of(request),
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid_request",
        f"The request does not fit: {first['where']}: {first['why']}.",
        details={"problems": problems, "count": len(found)},
    )


def _listed(error: errors.VitrineError) -> type[errors.VitrineError]:
    """The class of `STATUS` that the error is of."""
    return next(cls for cls in type(error).__mro__ if cls in STATUS)


def _sendable(value: object) -> object:
    """The value as JSON can hold it, its texts and lists cut to a size that fits a refusal."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping():
            entries = list(value.items())[:MAX_ENTRIES]
            return {_text(str(key)): _sendable(each) for key, each in entries}
        case str():
            return _text(value)
        case Sequence():
            return [_sendable(each) for each in value[:MAX_ENTRIES]]
    return _text(str(value))


def _text(text: str, most: int = MAX_TEXT) -> str:
    """The text, shortened, and without the halves of surrogate pairs, which UTF-8 cannot say."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return cut.encode("utf-8", "replace").decode("utf-8")
