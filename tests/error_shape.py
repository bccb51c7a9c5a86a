"""The one shape of every refusal of the service."""

from typing import Any


def error_of(response: Any, status: int) -> dict[str, Any]:
    """The error of a response, after checking that it has the one shape."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "details", "request_id"}
    assert body["error"]["request_id"] == response.headers["x-request-id"]
    assert isinstance(body["error"]["details"], dict)
    assert body["error"]["message"]
    error: dict[str, Any] = body["error"]
    return error
