"""What the tests of the page do over and over, as people do it."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import JSHandle, Page, Request, expect

Rows = list[dict[str, str]]


def search(page: Page, text: str) -> None:
    """Type a query and send it."""
    page.get_by_role("combobox", name="What are you looking for?").fill(text)
    page.get_by_role("button", name="Search", exact=True).click()


def wait_for_results(page: Page) -> None:
    """Wait until results are shown, and none are on their way."""
    expect(page.locator(".card:not(.ghost)").first).to_be_visible()
    expect(page.locator("#grid:not([aria-busy])")).to_be_visible()


def shown_ids(page: Page) -> list[str]:
    """Ids of the results, in their order."""
    ids: list[str] = page.locator(".card").evaluate_all("cards => cards.map(c => c.dataset.id)")
    return ids


def asked(page: Page) -> dict[str, list[str]]:
    """What the address says."""
    return parse_qs(urlsplit(page.url).query)


def heading(page: Page) -> Any:
    """The heading of the results."""
    return page.locator("#heading")


def body_of(request: Request) -> dict[str, Any]:
    """What the service was asked."""
    assert request.post_data
    body: dict[str, Any] = json.loads(request.post_data)
    return body


def is_search(request: Request) -> bool:
    """Whether it asks for results of a query (and not for pictures to begin with)."""
    return request.method == "POST" and urlsplit(request.url).path in ("/v1/search", "/v1/similar")


def picked_photo(page: Page, path: str | Path) -> None:
    """Pick a file as the query."""
    page.get_by_label("Search by a picture").set_input_files(path)
    expect(page.get_by_role("region", name="The picture of the query")).to_be_visible()
    wait_for_results(page)


def carried(page: Page, path: str) -> JSHandle:
    """What the pointer or the clipboard carries: the file, as a picture."""
    return page.evaluate_handle(
        """(text) => {
          const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
          const data = new DataTransfer();
          data.items.add(new File([bytes], "photo", { type: "image/jpeg" }));
          return data;
        }""",
        base64.b64encode(Path(path).read_bytes()).decode(),
    )


def by_id(rows: Sequence[dict[str, str]]) -> dict[str, dict[str, str]]:
    """The catalogue's rows by id."""
    return {row["id"]: row for row in rows}
