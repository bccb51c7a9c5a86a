"""How routes document their refusals: one shape for every status."""

from typing import Any

from api.schemas import ErrorResponse


def _refusal(description: str) -> dict[str, Any]:
    return {"model": ErrorResponse, "description": description}


ERRORS: dict[int | str, dict[str, Any]] = {
    400: _refusal("The query, filter or image cannot be used; the message says why."),
    404: _refusal("There is no such item or collection."),
    409: _refusal("The collection was made with another model."),
    413: _refusal("The image or the request is too large."),
    422: _refusal("The request does not fit this document."),
    500: _refusal("An unexpected error; the service's log has it under the request id."),
    501: _refusal("This Milvus cannot do it."),
    502: _refusal("Milvus answered with an error."),
    503: _refusal("The model, the collection or Milvus is not available now."),
}
