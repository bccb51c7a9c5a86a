"""Calls of several threads that are answered together, and the encoder made of them."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from search.batching import Batches
from search.encoders import Encoder, load_encoder
from search.encoders.base import Embeddings
from search.encoders.batching import BatchingEncoder
from search.encoders.known_texts import KnownTexts
from search.errors import InvalidInputError, OverloadedError, StoreUnavailableError
from tests.waiting import wait_until


class Gate:
    """A `run` that stands still until it is opened, and remembers its batches."""

    def __init__(self, answer: Callable[[int], int] = lambda number: number * number) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.opened = threading.Event()
        self._answer = answer

    def run(self, key: str, given: Sequence[int]) -> list[int]:
        self.batches.append((key, list(given)))
        assert self.opened.wait(30)
        return [self._answer(each) for each in given]


def behind_a_gate(
    gate: Gate, calls: Sequence[tuple[str, int]], batches: Batches[str, int, int]
) -> list[Future[int]]:
    """The calls, made in this order behind a first one that stands at the gate; then it opens."""
    with ThreadPoolExecutor(len(calls) + 1) as pool:
        made = [pool.submit(batches, "first", 0)]
        wait_until(lambda: len(gate.batches) == 1)
        for number, (key, given) in enumerate(calls, start=1):
            made.append(pool.submit(batches, key, given))
            wait_until(lambda number=number: batches.counts.waiting == number)  # type: ignore[misc]
        gate.opened.set()
    return made[1:]


def test_who_comes_alone_is_answered_alone_and_at_once() -> None:
    gate = Gate()
    gate.opened.set()
    batches = Batches[str, int, int](gate.run, most=8, most_waiting=0)
    assert [batches("a", number) for number in (2, 3)] == [4, 9]
    assert gate.batches == [("a", [2]), ("a", [3])]


def test_what_gathers_while_one_runs_is_run_together_and_each_gets_its_own_answer() -> None:
    gate = Gate()
    batches = Batches[str, int, int](gate.run, most=8, most_waiting=8)
    answers = behind_a_gate(gate, [("a", number) for number in range(1, 6)], batches)
    assert [each.result() for each in answers] == [1, 4, 9, 16, 25]
    assert gate.batches[1:] == [("a", [1, 2, 3, 4, 5])]
    counts = batches.counts
    assert (counts.calls, counts.batches, counts.waiting) == (6, 2, 0)


def test_a_batch_has_one_key_and_nobody_is_overtaken_within_a_key() -> None:
    gate = Gate()
    batches = Batches[str, int, int](gate.run, most=8, most_waiting=8)
    asked = [("a", 1), ("b", 2), ("a", 3), ("b", 4)]
    answers = behind_a_gate(gate, asked, batches)
    assert [each.result() for each in answers] == [1, 4, 9, 16]
    assert gate.batches[1:] == [("a", [1, 3]), ("b", [2, 4])]


def test_a_batch_never_grows_beyond_its_size() -> None:
    gate = Gate()
    batches = Batches[str, int, int](gate.run, most=2, most_waiting=8)
    behind_a_gate(gate, [("a", number) for number in range(5)], batches)
    assert [len(given) for _, given in gate.batches[1:]] == [2, 2, 1]


def test_one_too_many_is_refused_and_those_who_wait_are_answered() -> None:
    gate = Gate()
    batches = Batches[str, int, int](gate.run, most=8, most_waiting=2)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(batches, "a", 1)
        wait_until(lambda: len(gate.batches) == 1)
        waiting = [pool.submit(batches, "a", number) for number in (2, 3)]
        wait_until(lambda: batches.counts.waiting == 2)
        with pytest.raises(OverloadedError):
            batches("a", 4)
        gate.opened.set()
    assert [each.result() for each in (first, *waiting)] == [1, 4, 9]
    assert batches.counts.refused == 1


def test_who_has_waited_too_long_is_refused_and_leaves_the_queue() -> None:
    gate = Gate()
    batches = Batches[str, int, int](gate.run, most=8, most_waiting=8, patience_s=0.01)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(batches, "a", 1)
        wait_until(lambda: len(gate.batches) == 1)
        with pytest.raises(OverloadedError):
            batches("a", 2)
        assert batches.counts.waiting == 0
        gate.opened.set()
    assert first.result() == 1
    assert batches("a", 3) == 9


def test_an_error_goes_to_whom_it_belongs() -> None:
    def answer(number: int) -> int:
        if number == 2:
            raise InvalidInputError("two")
        return number

    gate = Gate(answer)
    batches = Batches[str, int, int](gate.run, most=8, most_waiting=8)
    one, two, three = behind_a_gate(gate, [("a", 1), ("a", 2), ("a", 3)], batches)
    assert (one.result(), three.result()) == (1, 3)
    with pytest.raises(InvalidInputError, match="two"):
        two.result()


def test_what_is_unavailable_to_one_is_not_tried_again_for_each() -> None:
    def answer(number: int) -> int:
        if number:
            raise StoreUnavailableError("gone")
        return number

    gate = Gate(answer)
    batches = Batches[str, int, int](gate.run, most=8, most_waiting=8)
    calls = behind_a_gate(gate, [("a", 1), ("a", 2), ("a", 3)], batches)
    errors = [each.exception() for each in calls]
    assert all(isinstance(error, StoreUnavailableError) for error in errors)
    assert len({id(error) for error in errors}) == 3, "each thread raises an exception of its own"
    assert len(gate.batches) == 2


def test_lanes_run_beside_each_other() -> None:
    gate = Gate()
    batches = Batches[str, int, int](gate.run, most=8, most_waiting=8, lanes=2)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(batches, "a", number) for number in (1, 2)]
        wait_until(lambda: len(gate.batches) == 2)
        gate.opened.set()
    assert [each.result() for each in both] == [1, 4]


def test_a_batch_that_waits_for_more_runs_as_soon_as_it_is_full() -> None:
    gate = Gate()
    gate.opened.set()
    # Would it wait its time out, the test would take a minute.
    batches = Batches[str, int, int](gate.run, most=2, most_waiting=8, wait_s=60.0)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(batches, "a", number) for number in (1, 2)]
        assert sorted(each.result(timeout=30) for each in both) == [1, 4]
    assert len(gate.batches) == 1


def test_many_threads_lose_no_call_and_mix_up_no_answer() -> None:
    def run(key: int, given: Sequence[int]) -> list[int]:
        return [key * 1_000 + each for each in given]

    batches = Batches[int, int, int](run, most=7, most_waiting=10_000)
    asked = [(number % 3, number) for number in range(2_000)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda each: batches(*each), asked))
    assert answers == [key * 1_000 + number for key, number in asked]
    counts = batches.counts
    assert (counts.calls, counts.refused, counts.waiting) == (2_000, 0, 0)


TEXTS = ("red dress", "blue jeans", "a hat", "striped shirt", "green boots", "watch")


@pytest.fixture(scope="module")
def mini() -> Encoder:
    """The bundled model."""
    return load_encoder("mini", device="cpu")


def pictures() -> list[Image.Image]:
    rng = np.random.default_rng(3)
    return [Image.fromarray(rng.integers(0, 255, (90, 70, 3), np.uint8)) for _ in range(6)]


def together(encode: Callable[[int], Embeddings], count: int) -> Embeddings:
    """What as many threads get that all ask at the same moment, in order."""
    ready = threading.Barrier(count)

    def ask(number: int) -> Embeddings:
        ready.wait(30)
        return encode(number)

    with ThreadPoolExecutor(count) as pool:
        return np.concatenate(list(pool.map(ask, range(count))))


@pytest.mark.model
def test_texts_in_a_batch_get_the_embeddings_that_they_get_alone(mini: Encoder) -> None:
    batching = BatchingEncoder(mini, wait_s=0.005)
    found = together(lambda number: batching.encode_texts([TEXTS[number]]), len(TEXTS))
    alone = np.concatenate([mini.encode_texts([text]) for text in TEXTS])
    assert np.allclose(found, alone, atol=1e-5)
    assert batching.text_counts.calls == len(TEXTS)


@pytest.mark.model
def test_pictures_in_a_batch_get_the_embeddings_that_they_get_alone(mini: Encoder) -> None:
    batching = BatchingEncoder(mini, wait_s=0.005)
    given = pictures()
    found = together(lambda number: batching.encode_images([given[number]]), len(given))
    alone = np.concatenate([mini.encode_images([each]) for each in given])
    assert np.allclose(found, alone, atol=1e-5)


@pytest.mark.model
def test_what_one_call_asks_for_stays_in_order(mini: Encoder) -> None:
    batching = BatchingEncoder(mini)
    assert np.allclose(batching.encode_texts(TEXTS), mini.encode_texts(TEXTS), atol=1e-5)
    many = [f"{text} {number}" for text in TEXTS for number in range(10)]
    assert np.allclose(batching.encode_texts(many), mini.encode_texts(many), atol=1e-5)
    assert batching.encode_texts([]).shape == (0, mini.dim)


@pytest.mark.model
def test_pictures_of_two_sizes_do_not_disturb_each_other(mini: Encoder) -> None:
    batching = BatchingEncoder(mini, wait_s=0.005)
    whole = mini.preprocess(pictures()[:1])

    def encode(number: int) -> Embeddings:
        pixels = whole if number % 2 else whole[:, :, :-1]
        try:
            return batching.encode_pixels(pixels)
        except InvalidInputError:
            return np.zeros((1, mini.dim), np.float32)

    found = together(encode, 4)
    alone = mini.encode_pixels(whole)[0]
    assert np.allclose(found[1::2], alone, atol=1e-5)
    assert not found[::2].any(), "pixels of another size are refused, and they alone"


@pytest.mark.model
def test_a_text_that_comes_again_is_not_embedded_again(mini: Encoder) -> None:
    known = KnownTexts(most=2)
    batching = BatchingEncoder(mini, known=known)
    first = batching.encode_texts(["red dress"])
    again = batching.encode_texts(["red dress"])
    assert (first == again).all()
    assert (known.hits, known.misses, batching.text_counts.calls) == (1, 1, 1)


def embed(known: KnownTexts, mini: Encoder, *texts: str) -> Embeddings:
    return known.embed(mini.identity, texts, mini.encode_texts)


@pytest.mark.model
def test_the_memory_of_texts_is_bounded_and_lets_the_longest_unused_go(mini: Encoder) -> None:
    known = KnownTexts(most=2)
    embed(known, mini, "a")
    embed(known, mini, "b")
    embed(known, mini, "a")
    embed(known, mini, "c")
    assert len(known) == 2
    before = known.hits
    embed(known, mini, "a", "c")
    assert known.hits == before + 2
    embed(known, mini, "b")
    assert known.hits == before + 2


@pytest.mark.model
def test_the_memory_keeps_order_and_repeated_texts(mini: Encoder) -> None:
    known = KnownTexts()
    embed(known, mini, "b")
    found = embed(known, mini, "a", "b", "a")
    assert np.allclose(found, mini.encode_texts(["a", "b", "a"]), atol=1e-5)
