"""Text queries without pause from several threads, and everything that was answered."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from search.engine import SearchEngine
from search.types import Page, Query, TextPart
from tests.waiting import wait_until

TEXTS = ("red floral dress", "blue striped shirt", "black leather bag", "white sneakers")
LIMIT = 5

Answers = Mapping[str, list[tuple[str, float]]]
"""What one version answers: ids and scores by text."""


@dataclass
class Asked:
    """Pages by collection and text, and the errors that came instead."""

    pages: list[tuple[str, Page]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    @property
    def by_collection(self) -> Counter[str]:
        return Counter(page.collection for _, page in list(self.pages))


def answers_of(engine: SearchEngine) -> Answers:
    """What an engine answers to each text, for comparison."""
    return {text: ranking(engine.search(query_of(text))) for text in TEXTS}


def query_of(text: str) -> Query:
    return Query((TextPart(text),), limit=LIMIT)


def ranking(page: Page) -> list[tuple[str, float]]:
    return [(hit.id, hit.score) for hit in page.hits]


@contextmanager
def asking(search: Callable[[Query], Page], threads: int = 2) -> Iterator[Asked]:
    """Ask from several threads until the block ends; it begins once each has an answer."""
    asked, stop = Asked(), threading.Event()

    def ask(offset: int) -> None:
        number = offset
        while not stop.is_set():
            text = TEXTS[number % len(TEXTS)]
            number += 1
            try:
                asked.pages.append((text, search(query_of(text))))
            except Exception as error:
                asked.errors.append(error)

    running = [threading.Thread(target=ask, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    try:
        wait_until(lambda: len(asked.pages) + len(asked.errors) >= 4 * threads, 60)
        yield asked
    finally:
        stop.set()
        for thread in running:
            thread.join(60)


def check(asked: Asked, expected: Mapping[str, tuple[str, Answers]]) -> None:
    """No error, no empty page, and each page what its version alone answers, model and all.

    `expected` has the model's name and the answers by collection.
    """
    assert not asked.errors, asked.errors[:3]
    assert asked.pages
    for text, page in asked.pages:
        model, answers = expected[page.collection]
        assert page.model == model
        assert len(page.hits) == LIMIT
        wanted = answers[text]
        for (id, score), (wanted_id, wanted_score) in zip(ranking(page), wanted, strict=True):
            assert abs(score - wanted_score) < 1e-4, (page.collection, text, page.hits)
            tied = [other for other, value in wanted if abs(value - wanted_score) < 1e-4]
            assert id == wanted_id or id in tied
