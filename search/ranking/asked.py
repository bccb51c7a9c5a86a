"""A query on its way to the store: what it asks, and of which collection."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from search.filters.ast import And, Comparison, Filter, Not, Op
from search.store.base import Candidate, CollectionSpec, SearchRequest, Store
from search.types import FieldValue, Query


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, composed into the one request whose ranking it arranges, and who answers it."""

    query: Query
    request: SearchRequest
    store: Store
    collection: CollectionSpec

    @property
    def scope(self) -> Filter | None:
        """The filter that all hits satisfy and nothing else: without what is left out by id."""
        if not self.request.exclude_ids:
            return self.request.filter
        others = Not(Comparison("id", Op.IN, tuple(sorted(self.request.exclude_ids))))
        match self.request.filter:
            case None:
                return others
            case And(operands):
                return And((*operands, others))
        return And((self.request.filter, others))

    def candidates(
        self,
        limit: int,
        fields: Sequence[str] = (),
        *,
        embeddings: bool = False,
        also: Filter | None = None,
    ) -> list[Candidate]:
        """The first candidates, those that satisfy `also` where it is given; see the store's."""
        both = [part for part in (self.request.filter, also) if part is not None]
        filter = And(tuple(both)) if len(both) > 1 else both[0] if both else None
        request = replace(self.request, filter=filter, limit=limit, offset=0)
        return self.store.candidates(
            self.collection.name, request, fields=fields, embeddings=embeddings
        )

    def values(
        self, fields: Sequence[str], filter: Filter | None
    ) -> Iterator[Mapping[str, list[FieldValue]]]:
        """The values of all items that satisfy the filter, in batches; see the store's."""
        return self.store.values(self.collection.name, fields, filter)
