"""Several searches of one request, each answered or refused by itself."""

import contextvars
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from api.asking import Asking
from api.requests import SearchBody
from search.errors import VitrineError
from search.types import Page

AT_ONCE = 8
"""Queries that are answered at the same time: their texts are embedded together."""


def search_all(bodies: Sequence[SearchBody], asking: Asking) -> list[Page | VitrineError]:
    """The page of each query, in order, or why it has none."""
    answer = partial(_answer, asking)
    with ThreadPoolExecutor(min(AT_ONCE, len(bodies)), "vitrine-search") as workers:
        # Each with a context of its own: what is logged has the request's id.
        coming = [workers.submit(contextvars.copy_context().run, answer, body) for body in bodies]
        return [each.result() for each in coming]


def _answer(asking: Asking, body: SearchBody) -> Page | VitrineError:
    try:
        return asking.engine.search(asking.query(body))
    except VitrineError as error:
        return error
