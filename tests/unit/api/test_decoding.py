"""However many ask for pictures at once, few are decoded at once: each may take 300 MB."""

import base64
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

import api.images
import search.answering
from search.images import load_image

pytestmark = pytest.mark.model

AT_ONCE = 2


class Counting:
    """Decodes as ever, and knows how many did so at the same time at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            threading.Event().wait(0.05)  # Large images take longer than that.
            return load_image(*args, **kwargs)
        finally:
            with self._lock:
                self._now -= 1


def test_few_images_are_decoded_at_once(
    client: TestClient,
    rows: list[dict[str, str]],
    an_image: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counting = Counting()
    monkeypatch.setattr(api.images, "load_image", counting)
    monkeypatch.setattr(search.answering, "load_image", counting)
    encoded = base64.b64encode(an_image).decode()
    picture = f"/v1/items/{quote(rows[0]['id'], safe='')}/image?size=64"
    ways: list[Callable[[], Any]] = [
        lambda: client.get(picture),
        lambda: client.post("/v1/search", json={"image": encoded}),
        lambda: client.post("/v1/search/image", files={"file": ("x", an_image)}),
    ]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda way: way(), ways * 4))
    assert {answer.status_code for answer in answers} == {200}
    assert counting.most == AT_ONCE
