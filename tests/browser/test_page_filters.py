"""Narrowing on the page: counts, sliders, exclusions, order, filters that are written."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.searching import (
    Rows,
    asked,
    by_id,
    heading,
    search,
    shown_ids,
    wait_for_results,
)

pytestmark = [pytest.mark.browser, pytest.mark.model]


FIRST = 6
"""Results of which none may show what is excluded; a model errs further down."""


def wait_for_new(page: Page, before: list[str]) -> None:
    """Wait until other results are shown."""
    expect(page.locator("#grid:not([aria-busy])")).to_be_visible()
    page.wait_for_function(
        """before => [...document.querySelectorAll(".card")]
            .map((card) => card.dataset.id).join() !== before""",
        arg=",".join(before),
    )
    wait_for_results(page)


def test_values_with_counts(page: Page, rows: Rows) -> None:
    page.goto("/?q=something+nice")
    wait_for_results(page)
    before = shown_ids(page)
    red = page.get_by_role("checkbox", name=re.compile(r"^red \d+"))
    label = page.locator("label", has=red)
    products = {row["product_id"] for row in rows if row["colour"] == "red"}
    expect(label.locator(".count")).to_have_text(str(len(products)))
    red.check()
    wait_for_new(page, before)
    assert asked(page)["f.colour"] == ["red"]
    expect(page.get_by_role("status").first).to_contain_text(f"{len(products)} results")
    assert {by_id(rows)[id]["colour"] for id in shown_ids(page)} == {"red"}
    # The others can still be chosen.
    page.get_by_role("checkbox", name=re.compile(r"^blue \d+")).check()
    expect(page).to_have_url(re.compile("f.colour=red&f.colour=blue"))
    wait_for_results(page)
    assert {by_id(rows)[id]["colour"] for id in shown_ids(page)} <= {"red", "blue"}
    page.get_by_role("button", name="Clear all").click()
    expect(page).to_have_url(re.compile(r"\?q=something\+nice$"))
    wait_for_results(page)
    assert shown_ids(page) == before


def test_a_slider_for_the_price(page: Page, rows: Rows) -> None:
    page.goto("/?q=dress")
    wait_for_results(page)
    before = shown_ids(page)
    most = page.get_by_label("Price, most")
    most.focus()
    for _ in range(8):
        most.press("PageDown")
    wait_for_new(page, before)
    [limits] = asked(page)["r.price"]
    limit = float(limits.split("..")[1])
    prices = [float(by_id(rows)[id]["price"]) for id in shown_ids(page)]
    assert prices and max(prices) <= limit
    assert limit < max(float(row["price"]) for row in rows)
    page.get_by_role("button", name=re.compile("^Remove the filter Price up to")).click()
    wait_for_results(page)
    assert "r.price" not in asked(page)


def test_a_filter_that_is_written(page: Page, rows: Rows) -> None:
    page.goto("/?q=red")
    wait_for_results(page)
    page.get_by_text("Write a filter").click()
    page.get_by_role("textbox", name="Filter").fill("kind=dress or price<30")
    page.get_by_role("textbox", name="Filter").press("Enter")
    expect(
        page.get_by_role("button", name="Remove the filter kind=dress or price<30")
    ).to_be_visible()
    page.get_by_role("checkbox", name=re.compile(r"^blue \d+")).check()
    expect(page).to_have_url(re.compile("f.colour=blue"))
    wait_for_results(page)
    for id in shown_ids(page):
        row = by_id(rows)[id]
        assert row["colour"] == "blue" and (row["kind"] == "dress" or float(row["price"]) < 30)


def test_values_with_quotes_are_values(page: Page) -> None:
    page.goto('/?q=red&f.brand=O"Neill\\')
    expect(page.get_by_text("Nothing passes these filters.")).to_be_visible()
    page.get_by_role("button", name="Clear the filters").click()
    wait_for_results(page)


def test_not_chips(page: Page, rows: Rows) -> None:
    page.goto("/?q=dress")
    wait_for_results(page)
    before = shown_ids(page)
    assert "red" in {by_id(rows)[id]["colour"] for id in before[:FIRST]}
    page.get_by_role("button", name="Not …").click()
    page.keyboard.type("red")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove: not red")).to_be_visible()
    wait_for_new(page, before)
    assert asked(page)["not"] == ["red"]
    assert "red" not in {by_id(rows)[id]["colour"] for id in shown_ids(page)[:FIRST]}
    page.get_by_role("button", name="Remove: not red").click()
    wait_for_results(page)
    assert shown_ids(page) == before


def test_nothing_but_an_exclusion(page: Page, rows: Rows) -> None:
    page.goto("/?not=red")
    wait_for_results(page)
    expect(heading(page)).to_have_text("Not red")
    assert "red" not in {by_id(rows)[id]["colour"] for id in shown_ids(page)}


def test_order_by_price_and_date(page: Page, rows: Rows) -> None:
    page.goto("/?q=dress")
    wait_for_results(page)
    for option, field, is_falling in (
        ("Price: low to high", "price", False),
        ("Price: high to low", "price", True),
        ("Newest first", "added_on", True),
    ):
        page.get_by_label("Sort").select_option(label=option)
        expect(page).to_have_url(re.compile(f"sort=-?{field}"))
        wait_for_results(page)
        values = [by_id(rows)[id][field] for id in shown_ids(page)]
        numbers = [float(value) if field == "price" else value for value in values]
        assert numbers == sorted(numbers, reverse=is_falling)  # type: ignore[type-var]
        # Of what matches: the cheapest of all is no dress.
        assert {by_id(rows)[id]["kind"] for id in shown_ids(page)} <= {"dress", "skirt", "blouse"}


def test_nothing_is_near_enough_to_be_sorted(page: Page) -> None:
    page.goto("/?q=aeroplane+ticket&sort=price")
    expect(page.get_by_text("Nothing here is enough like that")).to_be_visible()
    page.get_by_role("button", name="Show the nearest").click()
    wait_for_results(page)


def test_filters_on_a_phone(browser: Browser, url: str, rows: Rows) -> None:
    with browser.new_context(
        base_url=url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    ) as context:
        page = context.new_page()
        page.goto("/")
        search(page, "dress")
        wait_for_results(page)
        expect(page.get_by_role("checkbox", name=re.compile("^red"))).to_be_hidden()
        page.get_by_role("button", name="Filters").tap()
        page.get_by_role("checkbox", name=re.compile(r"^red \d+")).check()
        show = page.get_by_role("button", name=re.compile(r"^Show \d+ results"))
        products = {row["product_id"] for row in rows if row["colour"] == "red"}
        expect(show).to_have_text(f"Show {len(products)} results")
        show.tap()
        expect(page.get_by_role("button", name="Filters · 1")).to_be_visible()
        assert {by_id(rows)[id]["colour"] for id in shown_ids(page)} == {"red"}
