"""Suggestions while somebody types."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from api.deps import Engine
from api.routes.responses import ERRORS, example
from api.schemas_more import SuggestionOut, SuggestionsOut
from api.security import NEEDS_SEARCH
from search.engine import SearchEngine
from search.suggesting import Suggester

router = APIRouter(prefix="/v1", tags=["search"], responses=ERRORS, dependencies=[NEEDS_SEARCH])

_EXAMPLE = {
    "suggestions": [
        {"text": "dress", "count": 75},
        {"text": "Juniper Lane Floral Dress, Red", "count": 2},
    ],
    "ready": True,
}


@router.get(
    "/suggest",
    summary="Titles and frequent values with words that begin so",
    responses={200: example(_EXAMPLE)},
)
def suggest(
    request: Request,
    engine: Engine,
    q: Annotated[str, Query(max_length=200, description="What was typed.", examples=["dre"])] = "",
    limit: Annotated[int, Query(ge=1, le=50, description="How many suggestions.")] = 8,
) -> SuggestionsOut:
    """What the last word of `q` may become, capitals and accents aside; never waits."""
    collection = engine.serving().collection
    found = _suggester(request, engine).suggest(collection, q, limit)
    return SuggestionsOut(
        suggestions=[SuggestionOut(text=each.text, count=each.count) for each in found.suggestions],
        ready=found.ready,
    )


def _suggester(request: Request, engine: SearchEngine) -> Suggester:
    """The service's own, made when it is first asked: it keeps the texts."""
    kept: tuple[SearchEngine, Suggester] | None = getattr(request.app.state, "suggester", None)
    if kept is None or kept[0] is not engine:
        kept = request.app.state.suggester = (engine, Suggester(engine.store))
    return kept[1]
