"""Sessions of the page: a key is brought once, and a cookie stands for it from then on.

Pictures and event streams cannot carry a header. The cookie cannot be read by scripts, goes to this
origin alone and never with what another site asks for; the key itself is kept nowhere.
"""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from api.observing.observing import Observing
from api.routes.responses import ERRORS, example
from api.security.errors import KeyRefusedError
from api.security.gate import COOKIE, SECURE_COOKIE, Caller, Gate, session_token
from api.security.scopes import Scope
from search.errors import InvalidQueryError

LASTS = timedelta(hours=12)
"""A working day: then the key is asked for again."""

router = APIRouter(prefix="/v1", tags=["session"], responses=ERRORS)


class SessionOut(BaseModel):
    """Who one is to the service."""

    needs_key: bool = Field(description="Whether the service wants a key at all.")
    scope: Scope | None = Field(
        description="What one may do; null as long as a key is wanted and none was brought."
    )
    name: str | None = Field(description="The key's name.", examples=["Shop window"])
    expires: datetime | None = Field(None, description="When the session that was opened ends.")
    keeps_feedback: bool = Field(
        description="Whether the service has a query log, for which feedback is wanted."
    )


def get_gate(request: Request) -> Gate:
    """What tells callers by their keys."""
    gate = request.app.state.gate
    assert isinstance(gate, Gate)
    return gate


KeyGate = Annotated[Gate, Depends(get_gate)]


@router.get(
    "/session",
    summary="Whether a key is wanted, and whose it is",
    responses={
        200: example(
            {
                "needs_key": True,
                "scope": "search",
                "name": "Shop window",
                "expires": None,
                "keeps_feedback": False,
            }
        )
    },
)
def session(request: Request, gate: KeyGate) -> SessionOut:
    """What a page has to know before it asks for anything else."""
    caller: Caller | None = request.state.caller
    name = caller.key.name if caller and caller.key else None
    return SessionOut(
        needs_key=gate.needs_key,
        scope=caller and caller.scope,
        name=name,
        keeps_feedback=_keeps_feedback(request),
    )


@router.post("/session", status_code=201, summary="Open a session of the page with a key")
def open_session(request: Request, response: Response, gate: KeyGate) -> SessionOut:
    """A cookie that stands for the key of the `Authorization` header, for twelve hours."""
    caller: Caller | None = request.state.caller
    if caller is None:
        refused: KeyRefusedError = request.state.refused
        raise refused
    if caller.key is None or caller.by_cookie:
        raise InvalidQueryError(
            "A session is opened with a key, and there is none here.",
            hint="Send it as 'Authorization: Bearer vk_…'. Without keys no session is needed.",
        )
    token, made = gate.file.open_session(caller.key, LASTS)
    secure = request.url.scheme == "https"
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        token,
        max_age=int(LASTS.total_seconds()),
        secure=secure,
        httponly=True,
        samesite="strict",
    )
    return SessionOut(
        needs_key=True,
        scope=caller.scope,
        name=caller.key.name,
        expires=made.expires,
        keeps_feedback=_keeps_feedback(request),
    )


@router.delete("/session", status_code=204, summary="End the session of the page")
def close_session(request: Request, gate: KeyGate) -> Response:
    """The cookie stands for nothing any more, here and wherever it was copied to."""
    if (token := session_token(request.headers)) is not None:
        gate.file.close_session(token)
    response = Response(status_code=204)
    for name in (COOKIE, SECURE_COOKIE):
        response.delete_cookie(name, secure=name == SECURE_COOKIE, httponly=True, samesite="strict")
    return response


def _keeps_feedback(request: Request) -> bool:
    observing = request.app.state.observing
    assert isinstance(observing, Observing)
    return observing.queries is not None
