"""Whatever the API's own document allows, and what it does not, gets an answer that it describes.

Requests are made from docs/openapi.json by schemathesis, and sent to a real service with a real
store and model. FUZZ_EXAMPLES says how many of each operation.
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from api.cli.serve import listen
from tests.sample_collection import build, chosen_rows
from tests.waiting import wait_until

pytestmark = [pytest.mark.model, pytest.mark.slow]

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "12"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"
document = schemathesis.openapi.from_path(DOCUMENT)
KNOWN_IDS = [row["id"] for row in chosen_rows()[:9]]


@document.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> Any:
    """Of every other request about an item, an item that there is: else all would be 404."""
    if path_parameters and isinstance(id := path_parameters.get("id"), str) and len(id) % 2:
        known = KNOWN_IDS[len(id) % len(KNOWN_IDS)]
        return path_parameters | {"id": known}
    return path_parameters


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server with a collection of its own: requests write and delete."""
    made = build(tmp_path_factory.mktemp("fuzzed"), chosen_rows(40))
    app = create_app(made.model_copy(update={"rate_limit": 1_000_000}))
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_until(lambda: server.started, 30)
        slot = app.state.engine
        wait_until(lambda: slot._engine is not None, 60)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()


@document.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_document_describes(case: Any, address: str) -> None:
    case.call_and_validate(base_url=address, checks=CHECKS, timeout=60)
