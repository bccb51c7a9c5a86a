"""A reranker behind an address: pictures and a text over HTTP, scores back.

The request is that of the multimodal rerankers that are served today (Jina, Cohere, vLLM):

    POST URL
    {"query": "red dress",
     "documents": [{"image": "data:image/jpeg;base64,...", "text": "its title"}, ...]}

and so is the answer, or the list that text-embeddings-inference gives:

    {"results": [{"index": 0, "relevance_score": 0.93}, ...]}
    [{"index": 0, "score": 0.93}, ...]

A document without a readable picture has only a text. What is missing from the answer keeps the
place that the first ranking gave it.
"""

import base64
import io
import json
from typing import Any

import httpx2
import numpy as np
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from search.errors import ImageError, ModelUnavailableError
from search.images import DECODING, ImageLimits, decode_image
from search.reranking.base import Images, Scores, Shortlist

WEIGHT = 1.0
SIDE_PX = 336
"""Pictures are sent this large along their longer side: what such models look at."""

ATTEMPTS = 2
MOST_BYTES = 10_000_000
"""Largest answer that is read."""


LARGEST = 1e30
"""No score of any model is so large; it leaves out what is not finite, too."""


class _Unready(Exception):
    """The server does not answer now, or says that it is overloaded: worth another attempt."""


class Endpoint:
    """Asks a server for scores. See `Reranker`; safe to use from several threads."""

    def __init__(
        self,
        url: str,
        images: Images,
        limits: ImageLimits,
        *,
        timeout_s: float = 10.0,
        weight: float = WEIGHT,
    ) -> None:
        self.weight = weight
        self._url = url
        self._images = images
        self._limits = limits
        self._client = httpx2.Client(timeout=timeout_s, follow_redirects=False)

    def scores(self, shortlist: Shortlist) -> Scores:
        """What the server says of each candidate; NaN for those that it leaves out.

        Raises:
            InvalidQueryError: the query has no text.
            ModelUnavailableError: the server does not answer in time, or with something else.
        """
        query = " ".join(shortlist.texts())
        items = shortlist.items()
        images = iter(self._images([item for item in items if item is not None]))
        documents = [
            {} if item is None else self._document(item.title, next(images)) for item in items
        ]
        answer = self._asked({"query": query, "documents": documents})
        return _scores_in(answer, len(documents))

    def _document(self, title: str, data: bytes | None) -> dict[str, str]:
        document = {"text": title} if title else {}
        picture = self._small(data) if data is not None else None
        return document | ({"image": picture} if picture else {})

    def _small(self, data: bytes) -> str | None:
        """The picture as a small JPEG in a data URI; None if it cannot be read."""
        try:
            with DECODING:
                image = decode_image(data, self._limits, at_least=(SIDE_PX, SIDE_PX))
                image.thumbnail((SIDE_PX, SIDE_PX))
        except ImageError:
            return None
        image.info.clear()
        out = io.BytesIO()
        image.save(out, "JPEG", quality=90)
        return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")

    def _asked(self, body: object) -> object:
        attempts = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=0.1, max=1.0),
            retry=retry_if_exception_type(_Unready),
            reraise=True,
        )
        try:
            return attempts(self._once, body)
        except _Unready as error:
            raise ModelUnavailableError(
                f"The reranker's server {error}.",
                hint="Check that it runs, and VITRINE_RERANK_TIMEOUT_S.",
            ) from None

    def _once(self, body: object) -> object:
        try:
            with self._client.stream("POST", self._url, json=body) as response:
                _check(response.status_code)
                data = b""
                for chunk in response.iter_bytes():
                    data += chunk
                    if len(data) > MOST_BYTES:
                        raise _nonsense(f"answers with more than {MOST_BYTES:,} bytes")
                return json.loads(data)
        except httpx2.TimeoutException:
            raise _Unready("did not answer in time") from None
        except httpx2.TransportError:
            raise _Unready("cannot be reached") from None
        except (ValueError, httpx2.HTTPError):
            raise _nonsense("answers with something that is no JSON") from None


def _check(status: int) -> None:
    if status in (429, 502, 503, 504):
        raise _Unready(f"is not ready (status {status})")
    if status != 200:
        raise _nonsense(f"refuses what it was asked (status {status})")


def _scores_in(answer: object, count: int) -> Scores:
    """The scores of an answer in either shape, `(count,) float32`."""
    results = answer.get("results") if isinstance(answer, dict) else answer
    if not isinstance(results, list):
        raise _nonsense("answers without a list of results")
    scores = np.full(count, np.nan, dtype=np.float32)
    for result in results:
        place, score = _placed(result)
        if not 0 <= place < count:
            raise _nonsense(f"scores a document {place} of {count}")
        scores[place] = score
    if count and not np.isfinite(scores).any():
        raise _nonsense("gives no score")
    return scores


def _placed(result: object) -> tuple[int, float]:
    told: dict[str, Any] = result if isinstance(result, dict) else {}
    place, score = told.get("index"), told.get("relevance_score", told.get("score"))
    # Compared before it is a float: an integer of JSON may be too large for one.
    if isinstance(place, int) and isinstance(score, int | float) and -LARGEST < score < LARGEST:
        return place, float(score)
    raise _nonsense("answers with a result that has no index or score")


def _nonsense(what: str) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"The reranker's server {what}.", hint="docs/reranking.md says what it has to answer."
    )
