"""One error shape for everything that can go wrong: a class decides its status, here alone."""

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.schemas import ErrorBody, ErrorResponse
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
    errors.ConfigError: HTTPStatus.BAD_REQUEST,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.ItemNotFoundError: HTTPStatus.NOT_FOUND,
    errors.CollectionNotFoundError: HTTPStatus.NOT_FOUND,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.ModelMismatchError: HTTPStatus.CONFLICT,
    errors.SchemaMismatchError: HTTPStatus.CONFLICT,
    errors.UnsupportedError: HTTPStatus.NOT_IMPLEMENTED,
    errors.UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StoreUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DatabaseLockedError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ModelUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StoreError: HTTPStatus.BAD_GATEWAY,
}
"""Every class of search/errors.py has a line of its own: a test demands it."""

CODES: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "bad_request",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
}
"""`code` of what the framework refuses before a route is reached."""

RETRY_AFTER_S = 5
"""What a 503 tells the client to wait."""

_log = structlog.stdlib.get_logger("vitrine.api")


def install_error_handlers(app: FastAPI) -> None:
    """Answer every refusal in the one shape: domain errors, unknown routes, invalid bodies."""
    app.add_exception_handler(errors.VitrineError, _domain_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)


def status_of(error: errors.VitrineError) -> int:
    """The HTTP status of a domain error."""
    return STATUS[next(cls for cls in type(error).__mro__ if cls in STATUS)]


def error_response(
    request_id: str,
    status: int,
    code: str,
    message: str,
    *,
    details: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The one error shape, as a response."""
    body = ErrorBody(code=code, message=message, details=dict(details or {}), request_id=request_id)
    return JSONResponse(
        ErrorResponse(error=body).model_dump(mode="json"), status, headers=dict(headers or {})
    )


def unexpected(request_id: str) -> JSONResponse:
    """What the client hears of an exception that nobody foresaw: nothing of its text."""
    return error_response(
        request_id,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal_error",
        "Something went wrong inside the service. Its log says more, under this request id.",
    )


def domain_response(request_id: str, error: errors.VitrineError, status: int) -> JSONResponse:
    """A domain error in the one shape, its hint included."""
    details = dict(error.details)
    if error.hint:
        details["hint"] = error.hint
    retry = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    return error_response(
        request_id, status, error.code, str(error), details=details, headers=retry
    )


def request_id_of(request: Request) -> str:
    """The id that the middleware gave this request."""
    return str(request.state.request_id)


async def _domain_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.VitrineError)
    status = status_of(error)
    if status >= 500:
        # The cause is for whoever runs the service; the client gets the translated message.
        _log.warning("request failed", code=error.code, error=str(error), exc_info=error)
    return domain_response(request_id_of(request), error, status)


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
    return error.detail


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # Only where and why: what was sent is not repeated (it may be an image of megabytes).
    problems = [
        {"where": ".".join(str(part) for part in problem["loc"]), "why": problem["msg"]}
        for problem in error.errors()
    ]
    first = problems[0]
    return error_response(
        request_id_of(request),
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid_request",
        f"The request does not fit: {first['where']}: {first['why']}.",
        details={"problems": problems},
    )
