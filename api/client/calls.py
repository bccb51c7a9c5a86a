"""Every method of the clients, described once: what is sent, and what the answer is read as."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack
from urllib.parse import quote

from pydantic import BaseModel

from api.client.sending import BUSY, Call, model
from api.jobs.schemas import (
    FailuresOut,
    JobBody,
    JobOptions,
    JobOut,
    JobsOut,
    RollbackBody,
    RolledBackOut,
)
from api.requests import PartBody, SearchBody
from api.requests_items import BatchBody, BatchItemBody, ItemBody
from api.requests_more import (
    BatchSearchBody,
    ClassifyBody,
    EmbedBody,
    FacetsBody,
    FeedbackBody,
    FeedbackKind,
)
from api.requests_similar import LikedItem, SimilarBody
from api.schemas import CollectionsOut, ItemOut, PageOut, ReadyOut
from api.schemas_items import BatchOut
from api.schemas_more import (
    ClassifiedOut,
    EmbeddingsOut,
    FacetsOut,
    FeedbackOut,
    PagesOut,
    SuggestionsOut,
)
from api.schemas_versions import AllVersionsOut, EvaluationsOut
from search.types import By, FacetsOver, Mode

Picture = bytes | Path
"""An image file: its bytes, or where it is on this machine."""

Filter = Mapping[str, Any] | str
"""Its JSON form, or the short text form: `colour=red price<50`."""

_NO_REPEAT = frozenset({429})
"""For what a service may have begun before it said 503."""


class Arranged(TypedDict, total=False):
    """How hits are arranged and counted: as `POST /v1/search` says, with its defaults."""

    limit: int
    offset: int
    by: By
    sort: list[str]
    boosts: list[str]
    diversity: float
    collapse_duplicates: bool
    relevant: int
    facets: list[str]
    facets_over: FacetsOver
    facets_ignore_own: bool
    total: bool
    without: list[str]
    literal: bool
    relevance: bool
    min_relevance: float | None
    mode: Mode
    rerank: str | None
    rerank_depth: int
    explain: bool


class Asked(TypedDict, total=False):
    """What is looked for, beside a text: one of these, or `parts`."""

    image: Picture | None
    image_url: str | None
    item: str | None
    crop: list[float] | None
    parts: Sequence[PartBody] | None
    filter: Filter | None


class Searched(Asked, Arranged, total=False):
    """All of it."""


class Related(TypedDict, total=False):
    """What hits should be, beside like the items."""

    but: str | None
    less: list[str]
    more: list[str]
    same: list[str]
    other: list[str]
    own_products: bool
    filter: Filter | None


class Liked(Related, Arranged, total=False):
    """All of it."""


def search(text: str | None = None, **asked: Unpack[Searched]) -> Call[PageOut]:
    """Rank the collection against a text, a picture, an item, or several parts."""
    return _post("/v1/search", search_body(text, **asked), PageOut)


def search_body(text: str | None = None, **asked: Unpack[Searched]) -> SearchBody:
    """The body of such a search, for `batch_search`."""
    return SearchBody.model_validate(_query(text, asked))


def batch_search(queries: Sequence[SearchBody]) -> Call[PagesOut]:
    """Up to 32 searches at once: a page or an error each, in their order."""
    return _post("/v1/batch-search", BatchSearchBody(queries=list(queries)), PagesOut)


def facets(
    fields: Sequence[str], text: str | None = None, **asked: Unpack[Searched]
) -> Call[FacetsOut]:
    """Count the values of fields, of what a search finds or, without one, of all items."""
    body = FacetsBody.model_validate(_query(text, asked) | {"facets": list(fields)})
    return _post("/v1/facets", body, FacetsOut)


def suggest(typed: str, limit: int = 8) -> Call[SuggestionsOut]:
    """What somebody who has typed this may want to type."""
    params: dict[str, str | int] = {"q": typed, "limit": limit}
    return Call("GET", "/v1/suggest", model(SuggestionsOut), params=params)


def similar(
    items: str | Sequence[str] | Mapping[str, float], **asked: Unpack[Liked]
) -> Call[PageOut]:
    """What looks like an item, or like several together, which may have weights."""
    weights = {items: 1.0} if isinstance(items, str) else items
    if not isinstance(weights, Mapping):
        weights = dict.fromkeys(weights, 1.0)
    liked = [LikedItem(id=id, weight=weight) for id, weight in weights.items()]
    body = SimilarBody.model_validate({**asked, "items": liked})
    return _post("/v1/similar", body, PageOut)


def item(id: str) -> Call[ItemOut]:
    """One item."""
    return Call("GET", _item(id), model(ItemOut))


def image(id: str, size: int = 400) -> Call[bytes]:
    """An item's picture, `size` pixels along its longer side, as a JPEG.

    Of an image that is on a web server: the file there, as it is.
    """
    path = f"{_item(id)}/image"
    return Call("GET", path, lambda said: said.content, params={"size": size}, follows=True)


def heat_map(id: str, text: str, size: int = 400) -> Call[bytes]:
    """An item's picture with the places coloured where a text is found, as a JPEG."""
    params: dict[str, str | int] = {"text": text, "size": size}
    return Call("GET", f"{_item(id)}/heatmap", lambda said: said.content, params=params)


def put_item(
    id: str,
    *,
    title: str = "",
    product_id: str | None = None,
    fields: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    image: Picture | None = None,
    image_url: str | None = None,
) -> Call[ItemOut]:
    """Write an item, all of it; without an image it keeps its own. For large ones: `put_image`."""
    body = ItemBody(
        title=title,
        product_id=product_id,
        fields=dict(fields or {}),
        extra=dict(extra or {}),
        image=None if image is None else _encoded(image),
        image_url=image_url,
    )
    return Call("PUT", _item(id), model(ItemOut), json=_json(body))


def put_image(id: str, image: Picture) -> Call[ItemOut]:
    """Upload the picture of an item that is there, of any size that the service takes."""
    return Call("PUT", f"{_item(id)}/image", model(ItemOut), files={"file": _bytes(image)})


def write_items(upsert: Sequence[BatchItemBody] = (), delete: Sequence[str] = ()) -> Call[BatchOut]:
    """Write and delete up to 100 items, each by itself: look at the results."""
    return _post("/v1/items/batch", BatchBody(upsert=list(upsert), delete=list(delete)), BatchOut)


def delete_items(ids: Sequence[str]) -> Call[BatchOut]:
    """Delete up to 100 items; the results say which were not there."""
    return write_items(delete=ids)


def embed(texts: Sequence[str] = (), images: Sequence[Picture] = ()) -> Call[EmbeddingsOut]:
    """The embeddings of texts and images in the collection's space."""
    body = EmbedBody(texts=list(texts), images=[_encoded(each) for each in images])
    return _post("/v1/embed", body, EmbeddingsOut)


def classify(
    images: Sequence[Picture] = (),
    items: Sequence[str] = (),
    *,
    labels: Sequence[str] = (),
    attributes: Sequence[str] = (),
    prompts: Sequence[str] = (),
    several: bool = False,
    top: int = 3,
) -> Call[ClassifiedOut]:
    """Label pictures and items, with labels of your own or attributes that vitrine knows."""
    body = ClassifyBody(
        images=[_encoded(each) for each in images],
        items=list(items),
        labels=list(labels),
        attributes=list(attributes),
        prompts=list(prompts),
        several=several,
        top=top,
    )
    return _post("/v1/classify", body, ClassifiedOut)


def feedback(
    item: str,
    kind: FeedbackKind,
    *,
    query: str | None = None,
    request_id: str | None = None,
    rank: int | None = None,
) -> Call[FeedbackOut]:
    """Say what became of a hit of the search for a text, or of the one with that id."""
    body = FeedbackBody(item=item, kind=kind, query=query, request_id=request_id, rank=rank)
    return _post("/v1/feedback", body, FeedbackOut)


def collections() -> Call[CollectionsOut]:
    """All collections of the database, with models and fields."""
    return Call("GET", "/v1/collections", model(CollectionsOut))


def rollback(alias: str, to: int | None = None) -> Call[RolledBackOut]:
    """Point an alias at the version before the live one, or at version `to`."""
    path = f"{_collection(alias)}/rollback"
    return _post(path, RollbackBody(to=to), RolledBackOut, again_on=_NO_REPEAT)


def versions() -> Call[AllVersionsOut]:
    """The versions of each alias, newest first, and which one queries are answered from."""
    return Call("GET", "/v1/versions", model(AllVersionsOut))


def evaluations(alias: str) -> Call[EvaluationsOut]:
    """How good the answers of each version of an alias were, as they were measured last."""
    return Call("GET", f"{_collection(alias)}/evaluations", model(EvaluationsOut))


def ready() -> Call[ReadyOut]:
    """Which collection and model answer; UnavailableError or its like as long as none does."""
    return Call("GET", "/readyz", model(ReadyOut))


def start_job(
    kind: Literal["index", "reindex"],
    source: str | None = None,
    *,
    collection: str | None = None,
    options: JobOptions | None = None,
) -> Call[JobOut]:
    """Begin to index a catalogue that lies where the service can read it."""
    body = JobBody(kind=kind, source=source, collection=collection, options=options or JobOptions())
    return _post("/v1/jobs", body, JobOut, again_on=_NO_REPEAT)


def jobs(limit: int = 20, offset: int = 0) -> Call[JobsOut]:
    """Jobs, and runs of the command line, newest first."""
    params: dict[str, str | int] = {"limit": limit, "offset": offset}
    return Call("GET", "/v1/jobs", model(JobsOut), params=params)


def job(id: str) -> Call[JobOut]:
    """One job: how far it is, or what it did."""
    return Call("GET", _job(id), model(JobOut))


def job_failures(id: str, limit: int = 50, offset: int = 0) -> Call[FailuresOut]:
    """The rows that a job left out, with the reasons."""
    params: dict[str, str | int] = {"limit": limit, "offset": offset}
    return Call("GET", f"{_job(id)}/failures", model(FailuresOut), params=params)


def row_image(id: str, row: int, item: str | None = None, size: int = 400) -> Call[bytes]:
    """The own picture of a row that a job left out, as `image`; `item`: the failure's id."""
    params: dict[str, str | int] = {"size": size} | ({} if item is None else {"item": item})
    path = f"{_job(id)}/failures/{row}/image"
    return Call("GET", path, lambda said: said.content, params=params, follows=True)


def cancel_job(id: str) -> Call[JobOut]:
    """Have a job stop at its next batch; it can be resumed."""
    return Call("DELETE", _job(id), model(JobOut))


def resume_job(id: str) -> Call[JobOut]:
    """Go on with a job that failed, or was cancelled or interrupted."""
    return Call("POST", f"{_job(id)}/resume", model(JobOut), again_on=_NO_REPEAT)


def _post(
    path: str, body: BaseModel, read: type[Any], *, again_on: frozenset[int] = BUSY
) -> Call[Any]:
    return Call("POST", path, model(read), json=_json(body), again_on=again_on)


def _json(body: BaseModel) -> dict[str, Any]:
    # What is not said is the service's to choose: its defaults may be newer than this client's.
    return body.model_dump(mode="json", exclude_unset=True)


def _query(text: str | None, asked: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in asked.items() if value is not None}
    if "image" in said:
        said["image"] = _encoded(said["image"])
    return said if text is None else said | {"text": text}


def _encoded(picture: Picture) -> str:
    return base64.b64encode(_bytes(picture)).decode("ascii")


def _bytes(picture: Picture) -> bytes:
    return picture.read_bytes() if isinstance(picture, Path) else picture


def _item(id: str) -> str:
    return f"/v1/items/{quote(id, safe='')}"


def _collection(alias: str) -> str:
    return f"/v1/collections/{quote(alias, safe='')}"


def _job(id: str) -> str:
    return f"/v1/jobs/{quote(id, safe='')}"
