"""Queries of clients as the engine wants them: filters read, and the pictures that they name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from api.deps import Engine, ImagesOfItems, ImagesOfQueries, Limits, read_filter
from api.images import ItemImages, image_bytes, open_image
from api.query_images import MOST_ADDRESSES, QueryImages
from api.requests import SearchBody
from search.engine import SearchEngine
from search.errors import InvalidQueryError
from search.filters.ast import And, Comparison, Filter, Not, Op
from search.images import ImageLimits
from search.types import Query


@dataclass(frozen=True, slots=True)
class Asking:
    """Makes queries for one request. Safe to use from several threads."""

    engine: SearchEngine
    fetched: QueryImages
    of_items: ItemImages
    limits: ImageLimits

    def query(self, body: SearchBody) -> Query:
        """The query; an item of whose picture a part is asked for is no hit, like any other item.

        Raises:
            InvalidInputError: the query, its filter or a picture of it cannot be used.
            ItemNotFoundError, NotFoundError: an item with a crop, or its picture, is not there.
            ImageUnavailableError: the store of that picture does not answer now.
        """
        filter = read_filter(body.filter, self.engine)
        parts = body.all_parts()
        addresses = [part.image_url for part in parts if part.image_url is not None]
        cropped = [part.cropped_item for part in parts if part.cropped_item is not None]
        fetched, pictures = self.fetched.fetch(addresses), self._pictures(cropped)
        asked = tuple(part.part(fetched, pictures) for part in parts)
        return body.query(asked, _without(filter, tuple(pictures)))

    def _pictures(self, ids: Sequence[str]) -> Mapping[str, bytes]:
        """The image file of each item."""
        wanted = dict.fromkeys(ids)
        if len(wanted) > MOST_ADDRESSES:
            raise InvalidQueryError(
                f"The query has crops of {len(wanted)} items.",
                hint=f"Give crops of at most {MOST_ADDRESSES}; items without any number.",
            )
        items = [self.engine.item(id) for id in wanted]
        return {
            item.id: image_bytes(open_image(item, self.of_items), self.limits) for item in items
        }


def get_asking(
    engine: Engine, fetched: ImagesOfQueries, of_items: ImagesOfItems, limits: Limits
) -> Asking:
    """What makes the queries of a request."""
    return Asking(engine, fetched, of_items, limits)


Queries = Annotated[Asking, Depends(get_asking)]


def _without(filter: Filter | None, ids: tuple[str, ...]) -> Filter | None:
    """The filter, which these items do not pass."""
    if not ids:
        return filter
    others = Not(Comparison("id", Op.IN, ids))
    if filter is None:
        return others
    given = filter.operands if isinstance(filter, And) else (filter,)
    return And((*given, others))
