"""The page as people use it, in a real browser, on the real service with the real model."""

import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.searching import (
    Rows,
    asked,
    body_of,
    by_id,
    heading,
    is_search,
    search,
    shown_ids,
    wait_for_results,
)
from tests.sample_collection import ODD_IDS, is_red_floral_dress

pytestmark = [pytest.mark.browser, pytest.mark.model]

FIRST_ROW = 4
"""Results that are seen without scrolling; every one of them has to be right."""


def test_red_floral_dresses(page: Page, rows: Rows) -> None:
    right = {row["id"] for row in rows if is_red_floral_dress(row)}
    page.goto("/")
    expect(page.get_by_text("Find it by how it looks.")).to_be_visible()
    search(page, "red floral dress")
    wait_for_results(page)
    shown = shown_ids(page)
    assert len(right) >= FIRST_ROW
    assert set(shown[:FIRST_ROW]) <= right
    assert asked(page) == {"q": ["red floral dress"]}
    first = page.locator(".card").first
    row = by_id(rows)[shown[0]]
    expect(first.get_by_role("heading")).to_have_text(row["title"])
    expect(first.locator(".price")).to_contain_text(row["price"].split(".")[0])
    expect(first.locator(".picture img")).to_have_js_property("complete", True)
    assert first.locator(".picture img").evaluate("image => image.naturalWidth") > 0


def test_hover_and_focus_say_how_well_it_fits(page: Page) -> None:
    page.goto("/?q=red+floral+dress")
    wait_for_results(page)
    first, second = page.locator(".card").nth(0), page.locator(".card").nth(1)
    expect(first.locator(".fit")).to_have_css("opacity", "0")
    first.hover()
    expect(first.locator(".fit")).to_have_css("opacity", "1")
    expect(first.locator(".fit")).to_have_text(re.compile(r"\d+\s?% match"))
    second.locator(".open").focus()
    expect(second.locator(".fit")).to_have_css("opacity", "1")


def test_by_keyboard_alone(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("/")
    page.keyboard.type("blue shirt")
    page.keyboard.press("Enter")
    wait_for_results(page)
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className").endswith("like"):
            break
    else:
        pytest.fail("no result can be reached with the tab key")
    page.keyboard.press("Enter")
    expect(heading(page)).to_contain_text("Looks like")
    wait_for_results(page)


def test_more_like_this_and_back_to_where_one_was(page: Page, rows: Rows) -> None:
    page.goto("/?q=red+floral+dress")
    wait_for_results(page)
    before = shown_ids(page)
    card = page.locator(".card").nth(5)
    card.scroll_into_view_if_needed()
    was_at = page.evaluate("scrollY")
    assert was_at > 0
    card.hover()
    card.get_by_role("link", name=re.compile("^More like this")).click()
    title = by_id(rows)[before[5]]["title"]
    expect(heading(page)).to_have_text(f"Looks like {title}")
    wait_for_results(page)
    assert before[5] not in shown_ids(page)
    assert asked(page) == {"like": [before[5]]}
    page.go_back()
    expect(heading(page)).to_have_text("“red floral dress”")
    wait_for_results(page)
    assert shown_ids(page) == before
    assert abs(page.evaluate("scrollY") - was_at) < 10


def test_every_view_is_a_link(page: Page) -> None:
    page.goto("/?q=dress&not=floral&f.colour=red&f.colour=blue&r.price=20..150&sort=price")
    wait_for_results(page)
    shown = shown_ids(page)
    expect(page.get_by_role("checkbox", name=re.compile("^red"))).to_be_checked()
    expect(page.get_by_role("button", name="Remove: not floral")).to_be_visible()
    expect(page.get_by_label("Sort")).to_have_value("price")
    page.reload()
    wait_for_results(page)
    assert shown_ids(page) == shown


def test_item_and_words_together(page: Page, rows: Rows) -> None:
    page.goto(f"/?like={rows[0]['id']}")
    wait_for_results(page)
    alone = shown_ids(page)
    search(page, "blue")
    expect(heading(page)).to_contain_text("and “blue”")
    wait_for_results(page)
    assert shown_ids(page) != alone
    page.get_by_role("button", name="Remove the picture from the query").click()
    expect(heading(page)).to_have_text("“blue”")


def test_honest_where_there_is_nothing_like_it(page: Page) -> None:
    page.goto("/?q=red+floral+dress")
    wait_for_results(page)
    expect(page.get_by_text("Nothing here looks like that.")).to_be_hidden()
    search(page, "hammer and nails")
    expect(page.get_by_text("Nothing here looks like that.")).to_be_visible()
    wait_for_results(page)


def test_what_was_read_out_of_the_words_is_said(page: Page) -> None:
    page.goto("/")
    search(page, "dress, not floral")
    notes = page.get_by_role("list", name="Notes on the query")
    expect(notes).to_contain_text("Read as 'dress' without 'floral'")


def test_scrolling_goes_on_without_repeating(page: Page) -> None:
    page.goto("/?q=dress")
    wait_for_results(page)
    before = shown_ids(page)
    page.locator(".card").last.scroll_into_view_if_needed()
    expect(page.locator(".card").nth(len(before))).to_be_visible()
    after = shown_ids(page)
    assert after[: len(before)] == before
    assert len(set(after)) == len(after)


def test_a_button_shows_more_where_scrolling_does_not(browser: Browser, url: str) -> None:
    with browser.new_context(base_url=url) as context:
        page = context.new_page()
        page.add_init_script("window.IntersectionObserver = class { observe() {} }")
        page.goto("/?q=dress")
        wait_for_results(page)
        before = shown_ids(page)
        page.get_by_role("button", name="Show more").click()
        expect(page.locator(".card").nth(len(before))).to_be_visible()
        expect(page.locator(".card .open").nth(len(before))).to_be_focused()
        assert shown_ids(page)[: len(before)] == before


def test_variants_are_swatches(page: Page, rows: Rows) -> None:
    page.goto("/?q=sneakers")
    wait_for_results(page)
    card = page.locator(".card", has=page.get_by_role("group", name="Variants")).first
    before = card.get_attribute("data-id")
    other = card.locator(".swatch").nth(1)
    expect(other).to_have_attribute("aria-pressed", "false")
    other.click()
    expect(other).to_have_attribute("aria-pressed", "true")
    shown = card.get_attribute("data-id")
    assert shown and before and shown != before
    products = {id: row["product_id"] for id, row in by_id(rows).items()}
    assert products[shown] == products[before]
    expect(card.get_by_role("heading")).to_have_text(by_id(rows)[shown]["title"])


def test_suggestions_by_keyboard(browser: Browser, url: str) -> None:
    """Answered here: what the service suggests is its own tests' business."""
    with browser.new_context(base_url=url) as context:
        page = context.new_page()
        texts = [{"text": "red dress", "count": 3}, {"text": "red <b>shoes</b>", "count": 1}]
        page.route("**/v1/suggest?*", lambda route: route.fulfill(json={"suggestions": texts}))
        page.goto("/")
        box = page.get_by_role("combobox", name="What are you looking for?")
        box.press_sequentially("red")
        expect(page.get_by_role("option")).to_have_text(["red dress", "red <b>shoes</b>"])
        box.press("Escape")
        expect(page.get_by_role("option")).to_have_count(0)
        box.press_sequentially(" ")
        box.press_sequentially("d")
        expect(page.get_by_role("option").first).to_be_visible()
        box.press("ArrowDown")
        box.press("Enter")
        expect(heading(page)).to_have_text("“red dress”")
        assert asked(page) == {"q": ["red dress"]}


def test_searches_where_there_are_no_suggestions(browser: Browser, url: str) -> None:
    with browser.new_context(base_url=url) as context:
        page = context.new_page()
        missing = {"error": {"code": "not_found", "message": "There is nothing.", "details": {}}}
        page.route("**/v1/suggest?*", lambda route: route.fulfill(status=404, json=missing))
        page.goto("/")
        box = page.get_by_role("combobox", name="What are you looking for?")
        with page.expect_response("**/v1/suggest?*"):
            box.press_sequentially("red dr")
        box.press("Enter")
        wait_for_results(page)
        expect(page.get_by_role("alert").first).to_be_hidden()


def test_compares_words_with_titles(page: Page) -> None:
    page.goto("/?q=northpeak")
    wait_for_results(page)
    with page.expect_request(is_search) as request:
        page.get_by_label("Find words in").select_option("text")
    assert body_of(request.value)["mode"] == "text"
    wait_for_results(page)
    assert asked(page)["mode"] == ["text"]
    for title in page.locator(".card .open").all_text_contents():
        assert "northpeak" in title.lower()


def test_waits_while_the_service_is_busy(browser: Browser, url: str) -> None:
    with browser.new_context(base_url=url) as context:
        page = context.new_page()
        refused: list[str] = []

        def busy_once(route: Route) -> None:
            if refused or not is_search(route.request):
                route.continue_()
                return
            refused.append(route.request.url)
            error = {"code": "too_many_requests", "message": "Too much.", "details": {}}
            route.fulfill(status=429, headers={"Retry-After": "1"}, json={"error": error})

        page.route("**/v1/search", busy_once)
        page.goto("/?q=red+dress")
        expect(page.get_by_role("status").first).to_contain_text("busy: trying again in 1 s")
        wait_for_results(page)
        assert refused


def test_text_that_is_too_long_for_the_model(page: Page) -> None:
    page.goto("/")
    search(page, "red dress " * 60)
    expect(page.get_by_role("list", name="Notes on the query")).to_contain_text("tokens")


def test_titles_and_ids_are_text_never_markup(page: Page) -> None:
    page.goto(f"/?like={ODD_IDS[5].replace('<', '%3C').replace('=', '%3D')}")
    wait_for_results(page)
    assert page.locator("img[onerror]").count() == 0


def test_errors_in_words(browser: Browser, url: str) -> None:
    """The browser itself reports the refusals in its console, so this page watches for none."""
    with browser.new_context(base_url=url) as context:
        page = context.new_page()
        page.goto("/?q=red&filter=color%3Dred")
        expect(page.locator("#error")).to_contain_text("color")
        expect(page.get_by_role("textbox", name="Filter")).to_have_attribute("aria-invalid", "true")
        page.goto("/?like=no-such-item")
        expect(page.locator("#error")).to_contain_text("no-such-item")
        expect(page.get_by_role("button", name="Try again")).to_be_hidden()
        page.goto("/?photo=0123456789abcdef")
        expect(page.locator("#error")).to_contain_text("Pick it again")
        page.get_by_label("Search by a picture").set_input_files(
            {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"}
        )
        expect(page.locator("#error")).to_contain_text("image")
        page.get_by_label("Search by a picture").set_input_files(
            {"name": "a.gif", "mimeType": "image/gif", "buffer": b"no picture"}
        )
        expect(page.locator("#error")).to_contain_text("a.gif")
        context.set_offline(True)
        search(page, "red")
        expect(page.locator("#error")).to_contain_text("does not answer")
        expect(page.get_by_role("button", name="Try again")).to_be_visible()
        context.set_offline(False)
        page.get_by_role("button", name="Remove the picture from the query").click()
        wait_for_results(page)


def test_documentation_works_without_a_network(page: Page) -> None:
    page.goto("/docs")
    expect(page.get_by_text("Search by text, image, item, or weighted parts")).to_be_visible()
    page.locator("#operations-health-healthz_healthz_get").get_by_role("button").first.click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table")).to_contain_text('"status": "ok"')
