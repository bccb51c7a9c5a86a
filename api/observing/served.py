"""The request that is served now, for whatever tells of it: its route, its id, its refusal.

Threads that work on a request have its context, and so the same scope.
"""

from contextvars import ContextVar

from starlette.types import Scope

SERVED: ContextVar[Scope | None] = ContextVar("vitrine_served", default=None)
"""The ASGI scope of the request; None outside of one, as while the service warms up."""

NO_ROUTE = "none"
"""What was refused before it reached a route, and what leads nowhere."""

FILE = "file"
"""The files of the page and of the documentation."""


def route_of(scope: Scope) -> str:
    """The template of the route, such as `/v1/items/{id}`: never what somebody sent."""
    route = scope.get("route")
    if route is not None:
        return str(getattr(route, "path_format", FILE))
    return FILE if "endpoint" in scope else NO_ROUTE


def note_refusal(code: str) -> None:
    """Remember the `code` of the error that the request is answered with."""
    scope = SERVED.get()
    if scope is not None:
        scope["state"]["error_code"] = code
