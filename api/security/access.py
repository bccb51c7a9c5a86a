"""What a route demands of who asks, as one-line dependencies.

Who it is was found out before (`api.security.middleware`), and before the body was read.
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.security.errors import ScopeError
from api.security.gate import Caller
from api.security.scopes import Scope

_Said = Annotated[
    HTTPAuthorizationCredentials | None,
    Depends(
        HTTPBearer(
            scheme_name="key",
            description="A key from `vitrine keys create`, where the service wants one.",
            auto_error=False,
        )
    ),
]
"""For the documentation alone, which then has a field for the key."""


def caller_of(request: Request) -> Caller:
    """Who sent the request."""
    caller = request.state.caller
    assert isinstance(caller, Caller)
    return caller


async def _may_search(request: Request, _: _Said) -> None:
    _demand(request, Scope.SEARCH)


async def _may_write(request: Request, _: _Said) -> None:
    _demand(request, Scope.WRITE)


async def _may_administer(request: Request, _: _Said) -> None:
    _demand(request, Scope.ADMIN)


def _demand(request: Request, scope: Scope) -> None:
    caller = caller_of(request)
    if scope is not Scope.SEARCH:
        request.state.demanded = scope
    if not caller.scope.includes(scope):
        raise ScopeError(
            f"This takes a key of scope {scope}; yours has {caller.scope}.",
            hint=f"vitrine keys create --scope {scope} makes one.",
            details={"scope": caller.scope.value, "needed": scope.value},
        )


def note(request: Request, **said: object) -> None:
    """Have the audit log say more of this request, such as how many items it wrote."""
    request.state.noted = getattr(request.state, "noted", {}) | said


NEEDS_SEARCH = Depends(_may_search)
"""Everything that reads."""

NEEDS_WRITE = Depends(_may_write)
"""Items."""

NEEDS_ADMIN = Depends(_may_administer)
"""Jobs and collections' versions."""
