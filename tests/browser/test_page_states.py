"""Each state of the page: accessible (axe, WCAG 2.2 AA), as wide as the screen, and on record."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.searching import Rows, picked_photo, search, wait_for_results

pytestmark = [pytest.mark.browser, pytest.mark.model]

AA = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

HANDLES = ".handles"
"""Two sliders on one line. axe takes the whole of each for what is clicked, and finds them one over
the other; only their round handles take the pointer, and those have the 24 pixels that it wants."""


def start(page: Page, rows: Rows) -> None:
    page.goto("/")
    expect(page.locator("#wall a").first).to_be_visible()


def results(page: Page, rows: Rows) -> None:
    page.goto("/?q=red+floral+dress&not=striped&f.colour=red&r.price=..150&sort=price")
    wait_for_results(page)


def nothing_like_it(page: Page, rows: Rows) -> None:
    page.goto("/?q=hammer+and+nails")
    expect(page.get_by_text("Nothing here looks like that.")).to_be_visible()
    wait_for_results(page)


def nothing_passes(page: Page, rows: Rows) -> None:
    page.goto("/?q=red&filter=price<0")
    expect(page.get_by_text("Nothing passes these filters.")).to_be_visible()


def photo(page: Page, rows: Rows) -> None:
    page.goto("/")
    picked_photo(page, rows[0]["image"])
    search(page, "for the beach, not striped")
    expect(page.get_by_label("What counts more?")).to_be_visible()
    page.get_by_role("group", name="Part of the picture").press("ArrowRight")
    expect(page.locator("#crop-frame")).to_be_visible()
    expect(page.get_by_role("list", name="Notes on the query")).to_be_visible()
    wait_for_results(page)


def details(page: Page, rows: Rows) -> None:
    page.goto(f"/?q=red+floral+dress&item={rows[0]['id']}")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("#why")).to_be_visible()
    dialog.get_by_role("button", name="floral", exact=True).click()
    expect(page.get_by_role("img", name="Where “floral” is in the picture")).to_be_visible()


def filters(page: Page, rows: Rows) -> None:
    page.goto("/?q=dress&f.colour=red")
    wait_for_results(page)
    if page.get_by_role("button", name=re.compile("^Filters")).is_visible():
        page.get_by_role("button", name=re.compile("^Filters")).click()
        expect(page.get_by_role("dialog", name="Filters")).to_be_visible()
    page.get_by_text("Write a filter").click()


def suggestions(page: Page, rows: Rows) -> None:
    some = {"suggestions": [{"text": "red dress", "count": 2}, {"text": "red shoes", "count": 1}]}
    page.route("**/v1/suggest?*", lambda route: route.fulfill(json=some))
    page.goto("/?q=red")
    wait_for_results(page)
    page.get_by_role("combobox", name="What are you looking for?").press_sequentially(" ")
    page.get_by_role("combobox", name="What are you looking for?").press("ArrowDown")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")


def error(page: Page, rows: Rows) -> None:
    page.goto("/?q=red&filter=color%3Dred")
    expect(page.locator("#error")).to_be_visible()


def copied(page: Page, rows: Rows) -> None:
    page.goto("/?q=red+dress&mode=hybrid")
    wait_for_results(page)
    page.get_by_text("Copy", exact=True).click()
    page.get_by_role("button", name="As Python").click()
    expect(page.get_by_label("What was copied")).to_contain_text("urllib")


def check(page: Page, context: dict[str, Any], options: dict[str, Any]) -> None:
    result = Axe().run(page, context=context, options=options)
    assert result.violations_count == 0, result.generate_report()


STATES: tuple[Callable[[Page, Rows], None], ...] = (
    start, results, nothing_like_it, nothing_passes, photo, details, filters, suggestions, error,
    copied,
)  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the screenshots are kept: they are part of the test's output."""
    return tmp_path_factory.mktemp("screenshots", numbered=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("state", STATES)
def test_accessible_and_fits(
    browser: Browser,
    url: str,
    rows: Rows,
    state: Callable[[Page, Rows], None],
    width: int,
    scheme: str,
    pictures: Path,
) -> None:
    context = browser.new_context(
        base_url=url, viewport={"width": width, "height": 900}, color_scheme=scheme,
        reduced_motion="reduce", has_touch=width < 500, is_mobile=width < 500,
    )  # fmt: skip
    with context:
        page = context.new_page()
        state(page, rows)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=pictures / f"{state.__name__}-{scheme}-{width}.png")
        check(page, {"exclude": [[HANDLES]]}, AA)
        if page.locator(f"{HANDLES}:visible").count():
            check(
                page, {"include": [[HANDLES]]}, AA | {"rules": {"target-size": {"enabled": False}}}
            )
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0
