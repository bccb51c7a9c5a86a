"""The page as people use it, in a real browser, on the real service with the real model."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.sample_collection import ODD_IDS, is_red_floral_dress

pytestmark = [pytest.mark.browser, pytest.mark.model]
Rows = list[dict[str, str]]

FIRST_ROW = 4
"""Results that are seen without scrolling; every one of them has to be right."""


def search(page: Page, text: str) -> None:
    page.get_by_role("searchbox", name="What are you looking for?").fill(text)
    page.get_by_role("button", name="Search", exact=True).click()
    wait_for_results(page)


def wait_for_results(page: Page) -> None:
    expect(page.get_by_role("status")).to_contain_text("best matches")
    expect(page.locator("#grid:not([aria-busy])")).to_be_visible()


def shown_ids(page: Page) -> list[str]:
    ids: list[str] = page.locator(".card").evaluate_all("cards => cards.map(c => c.dataset.id)")
    return ids


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_red_floral_dresses(page: Page, rows: Rows) -> None:
    right = {row["id"] for row in rows if is_red_floral_dress(row)}
    page.goto("/")
    expect(page.get_by_text("Find it by how it looks.")).to_be_visible()
    search(page, "red floral dress")
    shown = shown_ids(page)
    assert len(right) >= FIRST_ROW
    assert set(shown[:FIRST_ROW]) <= right
    assert asked(page) == {"q": ["red floral dress"]}
    first = page.locator(".card").first
    by_id = {row["id"]: row for row in rows}
    expect(first.get_by_role("heading")).to_have_text(by_id[shown[0]]["title"])
    expect(first.locator(".price")).to_contain_text(by_id[shown[0]]["price"].split(".")[0])
    image = first.locator("img")
    image.scroll_into_view_if_needed()
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("image => image.naturalWidth") > 0


def test_by_keyboard_alone(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("/")
    page.keyboard.type("blue shirt")
    page.keyboard.press("Enter")
    wait_for_results(page)
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "like":
            break
    else:
        pytest.fail("no result can be reached with the tab key")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2)).to_contain_text("Looks like")
    wait_for_results(page)


def test_more_like_this_and_back(page: Page, rows: Rows) -> None:
    page.goto("/?q=red+floral+dress")
    wait_for_results(page)
    before = shown_ids(page)
    page.get_by_role("link", name=re.compile("^More like this")).first.click()
    title = next(row["title"] for row in rows if row["id"] == before[0])
    expect(page.get_by_role("heading", level=2)).to_have_text(f"Looks like {title}")
    wait_for_results(page)
    assert before[0] not in shown_ids(page)
    assert asked(page) == {"like": [before[0]]}
    page.go_back()
    expect(page.get_by_role("heading", level=2)).to_have_text("“red floral dress”")
    wait_for_results(page)
    assert shown_ids(page) == before


def test_item_and_words_together(page: Page, rows: Rows) -> None:
    page.goto(f"/?like={rows[0]['id']}")
    wait_for_results(page)
    alone = shown_ids(page)
    search(page, "blue")
    expect(page.get_by_role("heading", level=2)).to_contain_text("and “blue”")
    assert shown_ids(page) != alone
    page.get_by_role("button", name="Remove the picture from the query").click()
    expect(page.get_by_role("heading", level=2)).to_have_text("“blue”")


def test_picture_from_a_file(page: Page, rows: Rows) -> None:
    page.goto("/")
    page.get_by_label("Search by a picture").set_input_files(rows[0]["image"])
    wait_for_results(page)
    expect(page.get_by_role("heading", level=2)).to_have_text("Looks like your picture")
    first = page.locator(".card").first
    expect(first.get_by_role("heading")).to_have_text(rows[0]["title"])
    expect(first.locator(".score")).to_have_text(re.compile(r"score (1\.000|0\.99\d)"))


def test_picture_that_is_pasted(page: Page, rows: Rows) -> None:
    page.goto("/")
    page.evaluate(
        """async (bytes) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "photo", { type: "image/png" }));
          window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }""",
        list(Path(rows[1]["image"]).read_bytes()),
    )
    wait_for_results(page)
    expect(page.locator(".card").first.get_by_role("heading")).to_have_text(rows[1]["title"])


def test_picture_that_is_dropped(page: Page, rows: Rows) -> None:
    page.goto("/")
    data = page.evaluate_handle(
        """(bytes) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "photo", { type: "image/png" }));
          return data;
        }""",
        list(Path(rows[1]["image"]).read_bytes()),
    )
    page.dispatch_event("body", "dragover", {"dataTransfer": data})
    expect(page.locator("#drop")).to_be_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": data})
    wait_for_results(page)
    expect(page.locator("#drop")).to_be_hidden()
    expect(page.locator(".card").first.get_by_role("heading")).to_have_text(rows[1]["title"])


def test_filter(page: Page, rows: Rows) -> None:
    by_id = {row["id"]: row for row in rows}
    page.goto("/")
    page.get_by_label("Filter").fill("kind=dress price<50")
    search(page, "red")
    for id in shown_ids(page):
        assert by_id[id]["kind"] == "dress" and float(by_id[id]["price"]) < 50
    assert asked(page)["filter"] == ["kind=dress price<50"]


def test_nothing_passes_the_filter(page: Page) -> None:
    page.goto("/?q=red&filter=price<0")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()


def test_show_more_goes_on_without_repeating(page: Page) -> None:
    page.goto("/?q=dress")
    wait_for_results(page)
    before = shown_ids(page)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".card").nth(len(before))).to_be_visible()
    after = shown_ids(page)
    assert after[: len(before)] == before
    assert len(set(after)) == len(after)


def test_text_that_is_too_long_for_the_model(page: Page) -> None:
    page.goto("/")
    search(page, "red dress " * 60)
    expect(page.get_by_role("list", name="Notes on the query")).to_contain_text("tokens")


def test_titles_and_ids_are_text_never_markup(page: Page) -> None:
    page.goto(f"/?like={ODD_IDS[5].replace('<', '%3C').replace('=', '%3D')}")
    wait_for_results(page)
    assert page.locator("main img[onerror]").count() == 0


def test_errors_in_words(browser: Browser, url: str) -> None:
    """The browser itself reports the refusals in its console, so this page watches for none."""
    with browser.new_context(base_url=url) as context:
        page = context.new_page()
        page.goto("/?q=red&filter=color%3Dred")
        expect(page.get_by_role("alert")).to_contain_text("color")
        expect(page.get_by_label("Filter")).to_have_attribute("aria-invalid", "true")
        page.goto("/?like=no-such-item")
        expect(page.get_by_role("alert")).to_contain_text("no-such-item")
        page.goto("/")
        page.get_by_label("Search by a picture").set_input_files(
            {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"}
        )
        expect(page.get_by_role("alert")).to_contain_text("image")
        context.set_offline(True)
        page.get_by_role("button", name="Remove the picture from the query").click()
        page.get_by_role("searchbox").fill("red")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("does not answer")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_accessible_and_fits(
    browser: Browser, url: str, scheme: str, width: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pictures = tmp_path_factory.mktemp("screenshots", numbered=True)
    context = browser.new_context(
        base_url=url, viewport={"width": width, "height": 900}, color_scheme=scheme,
        reduced_motion="reduce",
    )  # fmt: skip
    with context:
        page = context.new_page()
        for name, path in (("start", "/"), ("results", "/?q=red+floral+dress&filter=price<900")):
            page.goto(path)
            page.wait_for_load_state("networkidle")
            result = Axe().run(page)
            assert result.violations_count == 0, result.generate_report()
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0
            page.screenshot(path=pictures / f"{name}-{scheme}-{width}.png")


def test_documentation_works_without_a_network(page: Page) -> None:
    page.goto("/docs")
    expect(page.get_by_text("Search by text, image, item, or weighted parts")).to_be_visible()
    page.locator("#operations-health-healthz_healthz_get").get_by_role("button").first.click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table")).to_contain_text('"status": "ok"')
