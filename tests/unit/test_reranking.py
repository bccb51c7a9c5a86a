"""The second stage: how a reranker's scores make a new order, and what rerankers say."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api.reranking import read_images, rerankers_of
from search.config import Settings
from search.engine import SearchEngine, open_engine
from search.errors import ConfigError, ModelUnavailableError, UnsupportedError
from search.images import ImageLimits
from search.reranking import CrossEncoder, Endpoint, LateInteraction, Scores, Shortlist
from search.reranking.cached_places import CachedPlaces
from search.reranking.stage import lifted
from search.store.base import Candidate
from search.types import Boost, Hit, Item, ItemPart, Page, Query, TextPart
from tests.sample_collection import build, chosen_rows

pytestmark = pytest.mark.model
NAN = float("nan")
LIMITS = ImageLimits()


def candidates(*scores: float) -> list[Candidate]:
    empty = np.empty(0, dtype=np.float32)
    return [Candidate(f"c{place}", score, {}, empty) for place, score in enumerate(scores)]


def order(given: Sequence[Candidate]) -> list[str]:
    return [each.id for each in sorted(given, key=lambda each: (-each.ranked_by, each.id))]


def scores(*values: float) -> Scores:
    return np.array(values, dtype=np.float32)


def test_with_all_the_weight_the_reranker_decides() -> None:
    found = lifted(candidates(0.4, 0.3, 0.2), scores(1, 3, 2), 1.0)
    assert order(found) == ["c1", "c2", "c0"]
    assert [each.rerank for each in found] == [1, 3, 2]
    assert [each.score for each in found] == [0.4, 0.3, 0.2]


def test_without_weight_the_first_ranking_stays() -> None:
    found = lifted(candidates(0.4, 0.3, 0.2), scores(1, 3, 2), 0.0)
    assert order(found) == ["c0", "c1", "c2"]
    assert [each.lift for each in found] == [0, 0, 0]


def test_what_was_reranked_stays_within_the_span_of_its_scores() -> None:
    random = np.random.default_rng(5)
    given = candidates(*np.sort(random.uniform(0.1, 0.5, 30))[::-1].tolist())
    for weight in (0.3, 1.0):
        ranked = [each.ranked_by for each in lifted(given, random.normal(size=30), weight)]
        assert min(ranked) == pytest.approx(given[-1].score, abs=2e-6)
        assert max(ranked) == pytest.approx(given[0].score, abs=2e-6)


def test_what_has_no_score_is_placed_by_its_own() -> None:
    found = lifted(candidates(0.5, 0.4, 0.3, 0.2), scores(1, NAN, 2, 3), 1.0)
    assert found[1].rerank is None
    assert order(found) == ["c3", "c1", "c2", "c0"]
    assert order(lifted(candidates(0.3, 0.2), scores(NAN, NAN), 1.0)) == ["c0", "c1"]


def test_equal_scores_are_told_apart_and_ties_are_by_id() -> None:
    assert order(lifted(candidates(0.3, 0.3, 0.3), scores(1, 2, 2), 1.0)) == ["c1", "c2", "c0"]
    assert order(lifted(candidates(0.3, 0.3), scores(4, 4), 1.0)) == ["c0", "c1"]
    assert lifted([], scores(), 1.0) == []


class Backwards:
    """A reranker that puts the last of the first ranking first."""

    weight = 1.0

    def scores(self, shortlist: Shortlist) -> Scores:
        return np.arange(len(shortlist.ids), dtype=np.float32)


class Patchy:
    """A reranker that has nothing to say of every other candidate."""

    weight = 0.5

    def scores(self, shortlist: Shortlist) -> Scores:
        said = np.arange(len(shortlist.ids), dtype=np.float32)
        said[::2] = NAN
        return said


class Down:
    """A reranker whose server is down."""

    weight = 1.0

    def scores(self, shortlist: Shortlist) -> Scores:
        raise ModelUnavailableError("The server is down.")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build(tmp_path_factory.mktemp("reranked"), chosen_rows(40))


@pytest.fixture(scope="module")
def engine(settings: Settings) -> Iterator[SearchEngine]:
    rerankers = {"backwards": Backwards(), "patchy": Patchy(), "down": Down()}
    rerankers |= rerankers_of("exact,late-interaction", settings)
    with open_engine(settings, rerankers) as engine:
        yield engine


def ask(engine: SearchEngine, **options: Any) -> Page:
    return engine.search(Query((TextPart("red floral dress"),), **options))


def ids(hits: Iterable[Hit]) -> list[str]:
    return [hit.id for hit in hits]


def test_the_first_are_reordered_and_the_rest_follows(engine: SearchEngine) -> None:
    plain = ids(ask(engine, limit=30).hits)
    page = ask(engine, limit=30, rerank="backwards", rerank_depth=12)
    assert ids(page.hits) == plain[:12][::-1] + plain[12:]
    assert "rerank" in page.took_ms
    assert [hit.rerank for hit in page.hits[10:13]] == [1, 0, None]


def test_pages_of_a_reranked_query_fit_together(engine: SearchEngine) -> None:
    for name in ("backwards", "late-interaction"):
        for by in ("item", "product"):
            whole = ids(ask(engine, limit=60, by=by, rerank=name, rerank_depth=20).hits)
            walked = [
                id
                for offset in range(0, len(whole) + 4, 4)
                for id in ids(
                    ask(engine, limit=4, offset=offset, by=by, rerank=name, rerank_depth=20).hits
                )
            ]
            assert walked == whole and len(set(walked)) == len(walked)


def test_boosts_and_contributions_add_to_the_new_places(engine: SearchEngine) -> None:
    page = ask(
        engine,
        limit=20,
        rerank="late-interaction",
        boosts=(Boost("in_stock", 0.2),),
        explain=True,
        without=("blue",),
    )
    ranks = [hit.score + hit.lift + hit.boost for hit in page.hits]
    assert ranks == sorted(ranks, reverse=True)
    for hit, rank in zip(page.hits, ranks):
        assert sum(each.value for each in hit.contributions) == pytest.approx(rank, abs=1e-4)
    kinds = {each.kind for hit in page.hits for each in hit.contributions}
    assert kinds == {"text", "without", "rerank", "boost"}


def test_contributions_add_up_where_the_reranker_says_nothing(engine: SearchEngine) -> None:
    page = ask(engine, limit=20, rerank="patchy", rerank_depth=20, explain=True)
    assert any(hit.rerank is None and abs(hit.lift) > 0.001 for hit in page.hits)
    for hit in page.hits:
        total = sum(each.value for each in hit.contributions)
        assert total == pytest.approx(hit.score + hit.lift, abs=1e-4)


def test_contributions_add_up_whatever_is_asked(engine: SearchEngine) -> None:
    some = ids(ask(engine, limit=3).hits)
    queries = (
        (TextPart("dress", 2.0), TextPart("striped", -0.5)),
        (ItemPart(some[0]), TextPart("in blue")),
        (ItemPart(some[0], 0.7), ItemPart(some[1]), TextPart("summer")),
        (TextPart("dress, not floral"),),
    )
    kinds = [
        ["text", "text"],
        ["item", "change"],
        ["item", "item", "text"],
        ["text", "without"],
    ]
    for parts, expected in zip(queries, kinds):
        page = engine.search(Query(parts, explain=True))
        assert page.hits
        for hit in page.hits:
            assert [each.kind for each in hit.contributions] == expected
            total = sum(each.value for each in hit.contributions)
            assert total == pytest.approx(hit.score, abs=1e-4)


def test_a_reranker_that_fails_leaves_the_first_order_and_says_so(engine: SearchEngine) -> None:
    page = ask(engine, rerank="down")
    assert ids(page.hits) == ids(ask(engine).hits)
    assert "Not reranked: The server is down." in page.warnings


def test_a_query_without_words_is_not_reranked_by_words(engine: SearchEngine) -> None:
    query = Query((ItemPart(ids(ask(engine).hits)[0]),), rerank="late-interaction")
    assert any("no text" in warning for warning in engine.search(query).warnings)


def test_exact_scores_are_those_of_the_first_ranking(engine: SearchEngine) -> None:
    page = ask(engine, limit=40, rerank="exact")
    assert ids(page.hits) == ids(ask(engine, limit=40).hits)
    for hit in page.hits:
        assert hit.rerank == pytest.approx(hit.score, abs=2e-6)


def test_late_interaction_reads_each_picture_once(settings: Settings) -> None:
    read: list[str] = []

    def images(items: Sequence[Item]) -> Iterator[bytes | None]:
        read.extend(item.id for item in items)
        return read_images(items, limits=LIMITS)

    with open_engine(settings, {"late": LateInteraction(images, LIMITS)}) as engine:
        first = ask(engine, rerank="late", rerank_depth=10)
        assert sorted(read) == sorted(hit.id for hit in first.hits)
        assert ids(ask(engine, rerank="late", rerank_depth=10).hits) == ids(first.hits)
        assert len(read) == 10


def test_late_interaction_does_without_pictures_that_are_gone(settings: Settings) -> None:
    def images(items: Sequence[Item]) -> Iterator[bytes | None]:
        broken = iter((None, b"no image"))
        for data in read_images(items, limits=LIMITS):
            yield next(broken, data)

    with open_engine(settings, {"late": LateInteraction(images, LIMITS)}) as engine:
        hits = ask(engine, rerank="late", rerank_depth=10).hits
    assert sum(hit.rerank is None for hit in hits) == 2


def test_kept_places_give_way_to_later_ones() -> None:
    cache = CachedPlaces(most_bytes=40)
    for name in "abc":
        cache.put(("m", name), np.zeros((2, 4), dtype=np.float16))  # 16 bytes each.
        cache.get(("m", "a"))
    assert cache.get(("m", "a")) is not None and cache.get(("m", "c")) is not None
    assert cache.get(("m", "b")) is None


class Answers:
    """A real web server on this machine that answers as it is told, and keeps what it was sent."""

    def __init__(self, answer: Callable[[dict[str, Any]], tuple[int, bytes]]) -> None:
        self.answer = answer
        self.bodies: list[dict[str, Any]] = []


@contextmanager
def serving(answers: Answers) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answers.bodies.append(body)
            status, data = answers.answer(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/rerank"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def by_endpoint(settings: Settings, url: str, **options: Any) -> Page:
    def images(items: Sequence[Item]) -> Iterator[bytes | None]:
        return read_images(items, limits=LIMITS)

    endpoint = Endpoint(url, images, LIMITS, timeout_s=5.0)
    with open_engine(settings, {"endpoint": endpoint}) as engine:
        return ask(engine, rerank="endpoint", rerank_depth=10, **options)


@pytest.mark.parametrize("shape", ["results", "list"])
def test_an_endpoint_is_sent_pictures_and_its_scores_count(
    settings: Settings, engine: SearchEngine, shape: str
) -> None:
    def answer(body: dict[str, Any]) -> tuple[int, bytes]:
        key = "relevance_score" if shape == "results" else "score"
        results = [{"index": place, key: place} for place in range(len(body["documents"]))]
        return 200, json.dumps({"results": results} if shape == "results" else results).encode()

    answers = Answers(answer)
    with serving(answers) as url:
        page = by_endpoint(settings, url)
    assert ids(page.hits) == ids(ask(engine).hits)[::-1]
    [body] = answers.bodies
    assert body["query"] == "red floral dress"
    assert all(each["image"].startswith("data:image/jpeg;base64,") for each in body["documents"])
    assert {each["text"] for each in body["documents"]} == {h.item.title for h in page.hits}


@pytest.mark.parametrize(
    ("status", "data", "said", "asked"),
    [
        (503, b"", "is not ready", 2),
        (400, b"{}", "refuses", 1),
        (200, b"<html>", "no JSON", 1),
        (200, b'{"ok": true}', "without a list", 1),
        (200, b'[{"index": 99, "score": 1}]', "document 99", 1),
        (200, b'[{"index": 0, "score": null}]', "no index or score", 1),
        (200, b'[{"index": 0, "score": NaN}]', "no index or score", 1),
        (200, b'[{"index": 0, "score": 1%s}]' % (b"0" * 400), "no index or score", 1),
        (200, b"[]", "no score", 1),
    ],
)
def test_an_endpoint_that_fails_leaves_the_first_order(
    settings: Settings, engine: SearchEngine, status: int, data: bytes, said: str, asked: int
) -> None:
    answers = Answers(lambda _: (status, data))
    with serving(answers) as url:
        page = by_endpoint(settings, url)
    assert ids(page.hits) == ids(ask(engine).hits)
    assert any("Not reranked" in each and said in each for each in page.warnings), page.warnings
    assert len(answers.bodies) == asked


def test_an_endpoint_that_is_not_there_leaves_the_first_order(settings: Settings) -> None:
    with serving(Answers(lambda _: (200, b"[]"))) as url:
        pass
    page = by_endpoint(settings, url)
    assert page.hits and any("cannot be reached" in each for each in page.warnings)


def small_cross_encoder(folder: Path) -> Path:
    """A BLIP of random weights that reads 16 pixels and a dozen words, as it lies on a disk."""
    from search.encoders.torchvision_ops import import_torchvision

    import_torchvision()
    import torch
    import transformers

    torch.manual_seed(3)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]", "red", "dress"]
    (folder / "vocab.txt").write_text("\n".join(words))
    text: dict[str, float] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    # Wide enough for a picture to make a difference in a model that has learned nothing.
    text |= {"initializer_range": 0.5}
    config = transformers.BlipConfig(
        text_config=text
        | {"vocab_size": len(words), "intermediate_size": 16, "encoder_hidden_size": 16}
        | {"projection_dim": 8, "max_position_embeddings": 12, "pad_token_id": 0}
        | {"bos_token_id": 5, "sep_token_id": 3},
        vision_config=text | {"intermediate_size": 16, "image_size": 16, "patch_size": 8},
        projection_dim=8,
        image_text_hidden_size=8,
    )
    transformers.BlipForImageTextRetrieval(config).save_pretrained(folder)
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    size = {"height": 16, "width": 16}
    transformers.BlipImageProcessor(size=size).save_pretrained(folder)
    return folder


def cross_encoder(folder: Path) -> CrossEncoder:
    def images(items: Sequence[Item]) -> Iterator[bytes | None]:
        return read_images(items, limits=LIMITS)

    return CrossEncoder(folder, images, LIMITS, device="cpu")


def test_a_cross_encoder_from_a_folder_scores_pictures(settings: Settings, tmp_path: Path) -> None:
    folder = small_cross_encoder(tmp_path)
    with open_engine(settings, {"cross-encoder": cross_encoder(folder)}) as engine:
        long = engine.search(
            Query((TextPart("red dress " * 20),), rerank="cross-encoder", rerank_depth=3)
        )
        page = ask(engine, rerank="cross-encoder", rerank_depth=10)
    assert not any("Not reranked" in each for each in (*page.warnings, *long.warnings))
    said = [hit.rerank for hit in page.hits]
    assert all(each is not None and 0 < each < 1 for each in said)
    assert len(set(said)) > 5  # It looks at the pictures.
    assert said == sorted(said, reverse=True)


def test_a_folder_that_holds_no_such_model_is_said(tmp_path: Path) -> None:
    from search.encoders import load_pair_scorer

    with pytest.raises(ModelUnavailableError, match="no model in"):
        load_pair_scorer(tmp_path, device="cpu")
    (tmp_path / "config.json").write_text('{"architectures": ["BertModel"]}')
    with pytest.raises(UnsupportedError, match="BertModel"):
        load_pair_scorer(tmp_path, device="cpu")
    (tmp_path / "config.json").write_text('{"architectures": ["BlipForImageTextRetrieval"]}')
    with pytest.raises(ModelUnavailableError, match="cannot be loaded"):
        load_pair_scorer(tmp_path, device="cpu")


@pytest.mark.parametrize(
    "said", ["colbert", "cross-encoder", "exact,exact", "endpoint:ftp://a/b", "exact:x"]
)
def test_names_that_mean_no_reranker_are_refused(said: str) -> None:
    with pytest.raises(ConfigError):
        rerankers_of(said, Settings())


def test_rerankers_are_called_by_what_is_before_the_colon() -> None:
    said = "exact, late-interaction, cross-encoder:/a/b, endpoint:http://127.0.0.1:9/rerank"
    found = rerankers_of(said, Settings())
    assert list(found) == ["exact", "late-interaction", "cross-encoder", "endpoint"]
