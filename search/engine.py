"""The search engine: a Query in, a Page out."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from PIL.Image import Image

from search.answering import Answers, no_item
from search.config import Settings
from search.encoders import load_encoder
from search.encoders.base import Encoder
from search.errors import (
    CollectionNotFoundError,
    StoreError,
)
from search.explaining import HeatMap, heat_maps
from search.images import ImageLimits
from search.judging import Judges
from search.lexical import LexicalIndexes
from search.regions import whole_item
from search.reranking import Reranker
from search.stages import StageClock
from search.store import open_store_of
from search.store.base import CollectionInfo, Store
from search.switching import Behind, Encoders, LiveVersion, Loader, Serving, check_model
from search.types import (
    Field,
    Item,
    Page,
    Query,
)

__all__ = ["SearchEngine", "Watch", "check_model", "open_engine"]

Watch = Callable[[Query, Page], None]
"""Is told of an answer, in the thread that asked, before that gets it."""


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
        calibrations: Path | None = None,
        rerankers: Mapping[str, Reranker] = MappingProxyType({}),
        watch: Watch | None = None,
    ) -> None:
        """Look the collection up and check that the encoder is the one it was made with.

        `calibrations` is the folder where what scores are worth is kept (`search.judging`).
        `rerankers` are those that queries may name. `watch` is told of every answer.

        Raises:
            CollectionNotFoundError: no such collection or alias.
            ModelMismatchError: the collection was made with another model.
        """
        self._store = store
        self._name = collection
        self._watch = watch
        check_model(store.resolve(collection), encoder)
        self._live = LiveVersion(store, collection, Encoders(encoder, load))
        indexes = LexicalIndexes(store)
        self._judges = Judges(store, calibrations, indexes)
        self._answers = Answers(store, limits, self._judges, indexes, rerankers)

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

    def serving(self) -> Serving:
        """The collection that answers now, and an encoder of its model; raises as `search`."""
        return self._live.serving()

    @property
    def rerankers(self) -> Mapping[str, Reranker]:
        """The rerankers that queries may name."""
        return self._answers.rerankers

    @property
    def store(self) -> Store:
        """The database behind the engine."""
        return self._store

    def item(self, id: str) -> Item:
        """The item of that id; ItemNotFoundError if there is none."""
        found = self._store.get(self._live.shown().name, [id])
        if id not in found:
            raise no_item(id, self._name)
        return whole_item(found[id])

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
        page = self._page(query)
        if self._watch is not None:
            self._watch(query, page)
        return page

    def _page(self, query: Query) -> Page:
        clock = StageClock()
        # Resolved once: a switch of the alias between two calls must not mix two versions.
        serving = self._live.serving()
        clock.lap("resolve")
        try:
            return self._answers.page(query, serving, clock)
        except (CollectionNotFoundError, StoreError):
            moved = self._live.serving()
            if moved.collection.name == serving.collection.name:
                raise
            # The version was dropped under the query; the alias leads to another one by now.
            return self._answers.page(query, moved, clock)

    def heat_maps(self, image: Image, texts: Sequence[str]) -> tuple[HeatMap, ...]:
        """Where in a picture (RGB) each text is found, by the collection's model, in order.

        Raises:
            UnsupportedError: the model does not keep the places of a picture apart.
            ModelMismatchError, ModelUnavailableError: as `search`.
        """
        return heat_maps(self._live.serving().encoder, image, texts)

    def calibrate(self) -> None:
        """Find out beside the queries what scores are worth, now and whenever it has to be.

        Without this the first query that asks for relevance waits for it, some seconds, unless
        indexing has left a calibration that fits. With it, such a query is answered without.
        """
        serving = self._live.serving()
        self._judges.begin(serving.collection, serving.encoder)

    def close(self) -> None:
        """Close the store."""
        self._judges.close()
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


def open_engine(
    settings: Settings,
    rerankers: Mapping[str, Reranker] = MappingProxyType({}),
    *,
    wrap: Callable[[Encoder], Encoder] | None = None,
    watch: Watch | None = None,
) -> SearchEngine:
    """Open the database and load the model that its collection was made with.

    `settings.model`, when given, must be that model: it says from where to load it. Without it
    the engine follows the collection's alias to whatever model it moves. `wrap` is put around
    every encoder that is loaded; `watch` is told of every answer.

    Raises:
        CollectionNotFoundError, ModelMismatchError, ModelUnavailableError, StoreUnavailableError,
        DatabaseLockedError.
    """
    store = open_store_of(settings, create=False)
    try:
        name = settings.model or store.resolve(settings.collection).model.name
        raw = partial(load_encoder, device=settings.device, precision=settings.precision)
        load: Loader = raw if wrap is None else lambda name: wrap(raw(name))
        limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
        follow = None if settings.model else load
        folder = settings.calibrations
        return SearchEngine(
            store,
            load(name),
            settings.collection,
            limits,
            load=follow,
            calibrations=folder,
            rerankers=rerankers,
            watch=watch,
        )
    except BaseException:
        store.close()
        raise
