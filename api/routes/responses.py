"""What routes answer, and how they document it: refusals have one shape for every status."""

from typing import Any

from fastapi import Response
from pydantic import BaseModel

from api.schemas import ErrorResponse, thumbnail_url


def answered(answer: BaseModel) -> Response:
    """The answer as JSON, for routes that are asked all day; they name its `response_model`.

    It is written here, in the thread that found it. FastAPI would have another thread look it over
    once more, and write it in the event loop, where all other requests wait meanwhile.
    """
    return Response(answer.model_dump_json(), media_type="application/json")


def _refusal(description: str) -> dict[str, Any]:
    return {"model": ErrorResponse, "description": description}


ERRORS: dict[int | str, dict[str, Any]] = {
    400: _refusal("The query, filter or image cannot be used; the message says why."),
    401: _refusal("The service wants a key, and this is none, or no longer."),
    403: _refusal("The key is not for this, or another page had the browser send it."),
    404: _refusal("There is no such item or collection."),
    409: _refusal("The collection was made with another model."),
    413: _refusal("The image or the request is too large."),
    422: _refusal("The request does not fit this document."),
    429: _refusal("Too many requests; `Retry-After` says when to come again."),
    500: _refusal("An unexpected error; the service's log has it under the request id."),
    501: _refusal("This Milvus cannot do it."),
    502: _refusal("Milvus answered with an error."),
    503: _refusal("The model, the collection or Milvus is not available now."),
}


def example(value: Any) -> dict[str, Any]:
    """How a route documents an answer of JSON by an example."""
    return {"content": {"application/json": {"example": value}}}


AN_ITEM: dict[str, Any] = {
    "id": "v0086",
    "title": "Juniper Lane Signature V-neck Floral Dress, Red",
    "product_id": "p188",
    "fields": {
        "brand": "Juniper Lane",
        "kind": "dress",
        "colour": "red",
        "price": 110.95,
        "in_stock": True,
        "added_on": "2024-02-27",
        "tags": ["summer", "holiday"],
    },
    "extra": {},
    "thumbnail_url": thumbnail_url("v0086"),
}
ITEM_EXAMPLE = example(AN_ITEM)

A_PAGE: dict[str, Any] = {
    "hits": [
        AN_ITEM
        | {
            "score": 0.475836,
            "region": None,
            "relevance": None,
            "boost": 0.0,
            "fused": None,
            "rerank": None,
            "lift": 0.0,
            "contributions": [],
            "variants": [],
            "variant_count": 0,
        }
    ],
    "limit": 1,
    "offset": 0,
    "total": None,
    "total_is_exact": True,
    "facets": [],
    "relevance": None,
    "collection": "products__v1",
    "model": "mini",
    "warnings": [],
    "took_ms": {"resolve": 0.074, "encode": 5.071, "store": 1.5, "total": 6.96},
}
PAGE_EXAMPLE = example(A_PAGE)

A_REFUSAL: dict[str, Any] = {
    "error": {
        "code": "unknown_field",
        "message": "There is no field 'color'. Known fields: colour, kind, price.",
        "details": {"field": "color"},
        "request_id": "5d0c1a2be0f94b6fa1c6c0e0a8b1f3d2",
    }
}
