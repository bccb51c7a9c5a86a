"""From a query to its page: what it means, what its words find, how hits are ranked and judged."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from search.encoders.base import Embeddings, Encoder
from search.errors import ItemNotFoundError
from search.explaining import explained
from search.images import DECODING, LEAST_PIXELS, ImageLimits, cropped, enlarged, load_image
from search.judging import Judgement, Judges
from search.lexical import LexicalIndexes, WordRanking, words_asked
from search.meaning import Meaning, meaning_of
from search.ranking.asked import Asked
from search.ranking.checking import check_fields
from search.ranking.facets import facets_of
from search.ranking.fusion import WORDS_DEPTH
from search.ranking.hits import hits_of
from search.ranking.totals import total_of
from search.ranking.window import Ranking
from search.reranking import Reranker, SecondStage, unknown_reranker
from search.stages import StageClock
from search.store.base import CollectionSpec, SearchRequest, Store
from search.switching import Serving
from search.types import MAX_LIMIT, ImagePart, ItemPart, Page, Query, QueryPart, TextPart


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers queries on whatever collection of a store is served. Safe for several threads."""

    store: Store
    limits: ImageLimits
    judges: Judges
    indexes: LexicalIndexes
    rerankers: Mapping[str, Reranker]

    def page(self, query: Query, serving: Serving, clock: StageClock) -> Page:
        """Rank the collection that is served; see `SearchEngine.search` for what it raises."""
        found = serving.collection
        check_fields(query, found.fields)
        meaning = meaning_of(query, serving.encoder, partial(self._embed, serving=serving))
        clock.lap("encode")
        words, on_words = self._words(query, meaning, found, clock)
        judgement, on_relevance = self._judgement(query, meaning, serving, clock)
        stage = self._second_stage(query, meaning, serving)
        asked = replace(self._asked(query, found, meaning, judgement, words), second_stage=stage)
        hits, ranking = hits_of(asked)
        clock.lap("store")
        if stage is not None:
            clock.split("store", "rerank", stage.took_ms)
        if query.explain:
            hits = explained(hits, meaning, self.store, found.name)
            clock.lap("explain")
        facets = facets_of(asked, ranking)
        total, is_exact = total_of(asked, ranking)
        if query.facets or query.total:
            clock.lap("facets")
        warnings = [*meaning.notes, *on_words, *_warnings(query, serving.encoder, ranking)]
        warnings += on_relevance + ([] if stage is None else stage.warnings)
        return Page(
            hits=tuple(hits) if judgement is None else judgement.judged(hits),
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
        words: WordRanking | None,
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
        return Asked(query, request, self.store, collection, meaning.exclusion, least, words)

    def _judgement(
        self, query: Query, meaning: Meaning, serving: Serving, clock: StageClock
    ) -> tuple[Judgement | None, list[str]]:
        """What the query's scores are worth, if it asks, and what people should be told of it."""
        if not query.relevance and query.min_relevance is None:
            return None, []
        judged = self.judges.judge(meaning, serving.collection, serving.encoder)
        clock.lap("relevance")
        return judged

    def _words(
        self, query: Query, meaning: Meaning, collection: CollectionSpec, clock: StageClock
    ) -> tuple[WordRanking | None, list[str]]:
        """The query's words looked up, if its mode wants that, and what was read out of them."""
        if query.mode == "visual":
            return None, []
        texts = [part.text for part, _ in meaning.wanted if isinstance(part, TextPart)]
        if query.mode == "hybrid" and not texts:
            return None, []
        index = self.indexes.index(collection)
        ranking, notes = words_asked(texts, index, query.mode, literal=query.literal)
        clock.lap("words")
        return ranking, notes

    def _second_stage(self, query: Query, meaning: Meaning, serving: Serving) -> SecondStage | None:
        if query.rerank is None:
            return None
        if query.rerank not in self.rerankers:
            raise unknown_reranker(query.rerank, self.rerankers)
        reranker, name = self.rerankers[query.rerank], serving.collection.name
        depth = query.rerank_depth
        return SecondStage(reranker, depth, meaning, serving.encoder, self.store, name)

    def _embed(self, part: QueryPart, serving: Serving) -> Embeddings:
        """The embedding of one part, `(1, dim) float32`, L2-normalised."""
        match part:
            case TextPart(text=text):
                return serving.encoder.encode_texts([text])
            case ImagePart(image=image, crop=crop):
                with DECODING:
                    at_least = enlarged(serving.encoder.decode_at_least, crop)
                    found = load_image(image, self.limits, at_least=at_least)
                    if crop is not None:
                        found = cropped(found, crop, least=LEAST_PIXELS)
                    pixels = serving.encoder.preprocess([found])
                # Outside: pictures of several queries are embedded together.
                return serving.encoder.encode_pixels(pixels)
            case ItemPart(id=id):
                ids, embeddings = self.store.embeddings(serving.collection.name, [id])
                if not ids:
                    raise no_item(id, serving.collection.name)
                return embeddings


def _warnings(query: Query, encoder: Encoder, ranking: Ranking | None) -> list[str]:
    texts = [part.text for part in query.parts if isinstance(part, TextPart)]
    cut = [text for text, is_cut in zip(texts, encoder.truncated(texts)) if is_cut]
    warnings = [
        f"The text {_shortened(text)!r} is longer than the {encoder.context_length} "
        "tokens that the model reads; what comes after them was ignored."
        for text in cut
    ]
    most = WORDS_DEPTH if query.mode == "text" else MAX_LIMIT
    if ranking is not None and ranking.cut:
        warnings.append(
            f"There may be more: a query looks at {most:,} items at most, "
            f"and they make {ranking.found:,} hits."
        )
    return warnings


def no_item(id: str, collection: str) -> ItemNotFoundError:
    """The error for an item that is not there."""
    return ItemNotFoundError(
        f"There is no item {id!r} in {collection!r}.", details={"id": id, "collection": collection}
    )


def _shortened(text: str, length: int = 40) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
