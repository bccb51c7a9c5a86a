"""What the page tells of chosen results, where the service has a query log."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.browser.searching import heading, shown_ids, wait_for_results
from tests.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.model]


def is_feedback(request: Request) -> bool:
    return request.url.endswith("/v1/feedback")


def lines(log: Path, event: str, **said: Any) -> list[dict[str, Any]]:
    """What the log has of that event, and of what is said."""
    found = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [line for line in found if line["event"] == event and said.items() <= line.items()]


def test_what_is_chosen_is_told_once_with_its_search_and_rank(page: Page, query_log: Path) -> None:
    sent: list[str] = []
    page.on("request", lambda each: sent.append(each.url) if is_feedback(each) else None)
    page.goto("/?q=green+shirt+with+dots")
    wait_for_results(page)
    id = shown_ids(page)[2]
    for _ in range(2):
        page.locator(".card .open").nth(2).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
    wait_until(lambda: bool(lines(query_log, "feedback", item=id, rank=3)))
    [told] = lines(query_log, "feedback", item=id, rank=3)
    [search] = lines(query_log, "search", request_id=told["request_id"])
    assert (told["kind"], told["query"]) == ("click", None)
    assert search["parts"] == [{"text": "green shirt with dots", "weight": 1.0}]
    assert search["results"][2]["id"] == id
    assert len(sent) == 1


def test_what_is_chosen_to_search_with_is_told_too(page: Page, query_log: Path) -> None:
    page.goto("/?q=brown+bag")
    wait_for_results(page)
    page.locator(".card").nth(1).hover()
    with page.expect_request(is_feedback) as liked:
        page.get_by_role("link", name=re.compile("^More like this")).nth(1).click()
    wait_for_results(page)
    with page.expect_request(is_feedback) as dragged:
        page.locator(".card").nth(0).locator(".open").drag_to(page.locator("#search"))
    ranks = [each.value.post_data_json["rank"] for each in (liked, dragged)]
    assert ranks == [2, 1]


def test_asking_why_is_no_choice_and_without_a_log_nothing_is_told(
    browser: Browser, url: str
) -> None:
    with browser.new_context(base_url=url) as context:
        page = context.new_page()
        told: list[str] = []
        page.on("request", lambda each: told.append(each.url) if is_feedback(each) else None)
        page.goto("/?q=brown+bag")
        wait_for_results(page)
        page.locator(".card").first.hover()
        page.get_by_role("link", name=re.compile("^Why is this here")).first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        said = {"needs_key": False, "scope": "admin", "name": None, "keeps_feedback": False}
        page.route("**/v1/session", lambda route: route.fulfill(json=said))
        page.goto("/?q=brown+bag")
        wait_for_results(page)
        page.get_by_role("link", name=re.compile("^More like this")).first.click()
        expect(heading(page)).to_contain_text("Looks like")
        wait_for_results(page)
        assert not told
