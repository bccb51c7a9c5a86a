"""The search engine: a Query in, a Page out."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import Self

from search.config import Settings
from search.encoders import load_encoder
from search.encoders.base import Embeddings, Encoder
from search.errors import (
    CollectionNotFoundError,
    ItemNotFoundError,
    StoreError,
)
from search.images import DECODING, ImageLimits, load_image
from search.judging import FEWEST_ITEMS, Judgement, Judges
from search.meaning import Meaning, meaning_of
from search.ranking.asked import Asked
from search.ranking.checking import check_fields
from search.ranking.facets import facets_of
from search.ranking.hits import hits_of
from search.ranking.totals import total_of
from search.ranking.window import Ranking
from search.store import open_store_of
from search.store.base import CollectionInfo, CollectionSpec, SearchRequest, Store
from search.switching import Behind, Encoders, LiveVersion, Loader, Serving, check_model
from search.types import (
    MAX_LIMIT,
    Field,
    Hit,
    ImagePart,
    Item,
    ItemPart,
    Page,
    Query,
    QueryPart,
    TextPart,
)

__all__ = ["SearchEngine", "check_model", "open_engine"]


class SearchEngine:
    """One collection, searched with the model that it was made with.

    When its alias moves to a collection of another model, the engine loads that model with `load`,
    answering from the version before meanwhile. Without `load` it refuses such a collection.

    Safe to call from several threads. The engine owns neither store nor encoder, except when
    `open_engine` made them: then `close` closes the store.
    """

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        collection: str,
        limits: ImageLimits,
        *,
        load: Loader | None = None,
    ) -> None:
        """Look the collection up and check that the encoder is the one it was made with.

        Raises:
            CollectionNotFoundError: no such collection or alias.
            ModelMismatchError: the collection was made with another model.
        """
        self._store = store
        self._name = collection
        self._limits = limits
        check_model(store.resolve(collection), encoder)
        self._live = LiveVersion(store, collection, Encoders(encoder, load))
        self._judges = Judges(store)

    @property
    def info(self) -> CollectionInfo:
        """The collection that answers now: name, model, fields, count."""
        return self._store.describe(self._live.shown().name)

    def check(self) -> CollectionInfo:
        """`info`, after making sure that the collection can be searched now.

        Raises:
            ModelMismatchError, ModelUnavailableError: as `search`, without waiting for a model.
        """
        return self._store.describe(self._live.serving(wait_s=0).collection.name)

    def behind(self) -> Behind | None:
        """What the alias leads to and cannot be searched yet, and why; None if it is searched.

        Raises ModelMismatchError as `search`.
        """
        return self._live.behind()

    @property
    def fields(self) -> tuple[Field, ...]:
        """The collection's typed fields; filters may also name id, title and product_id."""
        return self._live.shown().fields

    @property
    def store(self) -> Store:
        """The database behind the engine."""
        return self._store

    def item(self, id: str) -> Item:
        """The item of that id; ItemNotFoundError if there is none."""
        found = self._store.get(self._live.shown().name, [id])
        if id not in found:
            raise _no_item(id, self._name)
        return found[id]

    def search(self, query: Query) -> Page:
        """Rank the collection by cosine similarity to the query, arranged as the query says.

        Several parts are added up: each part's embedding times its weight, the sum L2-normalised;
        changes and exclusions in plain English are read out of texts first (`search.meaning`).
        Items that the query itself names are left out of the ranking.

        Raises:
            ItemNotFoundError, ImageError, FilterError: a part or the filter cannot be used.
            UnknownFieldError: a sort, boost or facet of a field that the collection lacks.
            InvalidQueryError: the parts cancel each other out, something is both wanted and
                excluded, or a field cannot be sorted, boosted by or counted.
            ModelMismatchError, ModelUnavailableError: the collection was made anew with a model
                that this engine may not or cannot load, and the version before is gone.
            CollectionNotFoundError, StoreUnavailableError: as the store says.
        """
        clock = _Clock()
        # Resolved once: a switch of the alias between two calls must not mix two versions.
        serving = self._live.serving()
        clock.lap("resolve")
        try:
            return self._answer(query, serving, clock)
        except (CollectionNotFoundError, StoreError):
            moved = self._live.serving()
            if moved.collection.name == serving.collection.name:
                raise
            # The version was dropped under the query; the alias leads to another one by now.
            return self._answer(query, moved, clock)

    def _answer(self, query: Query, serving: Serving, clock: "_Clock") -> Page:
        found = serving.collection
        check_fields(query, found.fields)
        meaning = meaning_of(query, serving.encoder, partial(self._embed, serving=serving))
        clock.lap("encode")
        judgement = None
        if query.relevance or query.min_relevance is not None:
            judgement = self._judges.judge(meaning, found, serving.encoder)
            clock.lap("relevance")
        asked = self._asked(query, found, meaning, judgement)
        hits, ranking = hits_of(asked)
        clock.lap("store")
        facets = facets_of(asked, ranking)
        total, is_exact = total_of(asked, ranking)
        if query.facets or query.total:
            clock.lap("facets")
        warnings = [*meaning.notes, *_warnings(query, serving.encoder, ranking)]
        warnings += _on_relevance(query, meaning, judgement)
        return Page(
            hits=_judged(hits, judgement),
            limit=query.limit,
            offset=query.offset,
            collection=found.name,
            model=found.model.name,
            warnings=tuple(warnings),
            took_ms=clock.took_ms(),
            total=total,
            total_is_exact=is_exact,
            facets=facets,
            relevance=None if judgement is None else judgement.page,
        )

    def _asked(
        self,
        query: Query,
        collection: CollectionSpec,
        meaning: Meaning,
        judgement: Judgement | None,
    ) -> Asked:
        """What the query asks of the store, with its embedding."""
        request = SearchRequest(
            embedding=meaning.embedding,
            limit=query.limit,
            offset=query.offset,
            filter=query.filter,
            exclude_ids=frozenset(p.id for p in query.parts if isinstance(p, ItemPart)),
        )
        least = None
        if judgement is not None and query.min_relevance:
            least = judgement.least_score(query.min_relevance)
        return Asked(query, request, self._store, collection, meaning.exclusion, least)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def __enter__(self) -> Self:
        """Use the engine in a `with`, which closes it."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the store."""
        self.close()

    def _embed(self, part: QueryPart, serving: Serving) -> Embeddings:
        """The embedding of one part, `(1, dim) float32`, L2-normalised."""
        match part:
            case TextPart(text=text):
                return serving.encoder.encode_texts([text])
            case ImagePart(image=image):
                with DECODING:
                    found = load_image(
                        image, self._limits, at_least=serving.encoder.decode_at_least
                    )
                    return serving.encoder.encode_images([found])
            case ItemPart(id=id):
                ids, embeddings = self._store.embeddings(serving.collection.name, [id])
                if not ids:
                    raise _no_item(id, self._name)
                return embeddings


def open_engine(settings: Settings) -> SearchEngine:
    """Open the database and load the model that its collection was made with.

    `settings.model`, when given, must be that model: it says from where to load it. Without it
    the engine follows the collection's alias to whatever model it moves.

    Raises:
        CollectionNotFoundError, ModelMismatchError, ModelUnavailableError, StoreUnavailableError,
        DatabaseLockedError.
    """
    store = open_store_of(settings, create=False)
    try:
        name = settings.model or store.resolve(settings.collection).model.name
        load = partial(load_encoder, device=settings.device, precision=settings.precision)
        limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
        follow = None if settings.model else load
        return SearchEngine(store, load(name), settings.collection, limits, load=follow)
    except BaseException:
        store.close()
        raise


@dataclass(slots=True)
class _Clock:
    """Milliseconds by stage."""

    _started: float = field(default_factory=time.perf_counter)
    _stages: dict[str, float] = field(default_factory=dict)

    def lap(self, stage: str) -> None:
        total = (time.perf_counter() - self._started) * 1000
        self._stages[stage] = total - sum(self._stages.values())

    def took_ms(self) -> dict[str, float]:
        total = (time.perf_counter() - self._started) * 1000
        return {name: round(ms, 3) for name, ms in {**self._stages, "total": total}.items()}


def _warnings(query: Query, encoder: Encoder, ranking: Ranking | None) -> list[str]:
    texts = [part.text for part in query.parts if isinstance(part, TextPart)]
    cut = [text for text, is_cut in zip(texts, encoder.truncated(texts)) if is_cut]
    warnings = [
        f"The text {_shortened(text)!r} is longer than the {encoder.context_length} "
        "tokens that the model reads; what comes after them was ignored."
        for text in cut
    ]
    if ranking is not None and ranking.cut:
        warnings.append(
            f"There may be more: a query looks at {MAX_LIMIT:,} items at most, "
            f"and they make {ranking.found:,} hits."
        )
    return warnings


def _judged(hits: Sequence[Hit], judgement: Judgement | None) -> tuple[Hit, ...]:
    """The hits with their relevance."""
    if judgement is None or not hits:
        return tuple(hits)
    relevances = judgement.of([hit.score for hit in hits])
    return tuple(replace(hit, relevance=each) for hit, each in zip(hits, relevances))


def _on_relevance(query: Query, meaning: Meaning, judgement: Judgement | None) -> list[str]:
    if judgement is not None:
        return [] if judgement.is_match else ["No good match: nothing here is much like that."]
    if not query.relevance and query.min_relevance is None:
        return []
    if not meaning.wanted:
        return ["How relevant hits are cannot be said where nothing is said to be wanted."]
    return [f"A collection of fewer than {FEWEST_ITEMS} items cannot say how relevant hits are."]


def _no_item(id: str, collection: str) -> ItemNotFoundError:
    return ItemNotFoundError(
        f"There is no item {id!r} in {collection!r}.", details={"id": id, "collection": collection}
    )


def _shortened(text: str, length: int = 40) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
