"""The details of an item on the page, why it is there, and the query as programs ask it."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.searching import (
    Rows,
    asked,
    by_id,
    heading,
    picked_photo,
    shown_ids,
    wait_for_results,
)
from tests.required import is_required

pytestmark = [pytest.mark.browser, pytest.mark.model]


def test_details_open_and_close_by_address(page: Page, rows: Rows) -> None:
    page.goto("/?q=red+floral+dress")
    wait_for_results(page)
    id = shown_ids(page)[0]
    page.locator(".card .open").first.click()
    dialog = page.get_by_role("dialog", name=by_id(rows)[id]["title"])
    expect(dialog).to_be_visible()
    assert asked(page)["item"] == [id]
    expect(dialog.locator("dl")).to_contain_text(by_id(rows)[id]["colour"])
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert asked(page) == {"q": ["red floral dress"]}
    page.go_forward()
    expect(dialog).to_be_visible()
    dialog.get_by_role("link", name="More like this").click()
    expect(dialog).to_be_hidden()
    expect(heading(page)).to_contain_text("Looks like")
    assert asked(page) == {"like": [id]}


def test_why_it_is_here(page: Page, rows: Rows) -> None:
    page.goto(f"/?like={rows[0]['id']}&q=striped+shirt+from+the+sea")
    wait_for_results(page)
    page.locator(".card").first.hover()
    page.get_by_role("link", name=re.compile("^Why is this here")).first.click()
    why = page.get_by_role("dialog").locator("#why")
    expect(why).to_contain_text(f"Looks like {rows[0]['title']}")
    expect(why).to_contain_text("Words: “striped shirt from the sea”")
    values = [
        float(text.replace("\u2212", "-")) for text in why.locator(".why-value").all_text_contents()
    ]
    said = re.search(r"Together (\S+):", why.text_content() or "")
    assert len(values) == 2 and said
    assert sum(values) == pytest.approx(float(said[1].replace("\u2212", "-")), abs=0.002)


def test_a_heat_map_for_a_word(page: Page) -> None:
    page.goto("/?q=red+floral+dress")
    wait_for_results(page)
    page.locator(".card .open").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="floral", exact=True).click()
    heat = page.get_by_role("img", name="Where “floral” is in the picture")
    expect(heat).to_be_visible()
    assert heat.evaluate("image => image.naturalWidth") > 0
    dialog.get_by_label("Another word to find").fill("sleeve")
    dialog.get_by_role("button", name="Find").click()
    expect(page.get_by_role("img", name="Where “sleeve” is in the picture")).to_be_visible()
    dialog.get_by_role("button", name="Picture", exact=True).click()
    expect(page.locator("#details-heat")).to_be_hidden()


def test_details_of_what_is_not_on_the_first_page(page: Page, rows: Rows) -> None:
    far = next(row for row in rows if row["kind"] == "watch")
    page.goto(f"/?q=red+floral+dress&item={far['id']}")
    dialog = page.get_by_role("dialog", name=far["title"])
    expect(dialog).to_be_visible()
    expect(dialog.locator("#why")).to_contain_text("Words: “red floral dress”")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    assert asked(page) == {"q": ["red floral dress"]}


def test_details_of_nothing(browser: Browser, url: str) -> None:
    with browser.new_context(base_url=url) as context:
        page = context.new_page()
        page.goto("/?item=no-such-item")
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("no-such-item")


def test_copied_python_finds_what_the_page_shows(page: Page, url: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/?q=it's+a+“red”+dress&r.price=..150&f.colour=red")
    wait_for_results(page)
    page.get_by_text("Copy", exact=True).click()
    page.get_by_role("button", name="As Python").click()
    expect(page.get_by_text("The query for Python is copied.")).to_be_visible()
    program = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    found = [line.split()[1] for line in done.stdout.splitlines()]
    assert found and found == shown_ids(page)[: len(found)]


def test_copied_programs_show_a_key_where_one_is_wanted(browser: Browser, url: str) -> None:
    with browser.new_context(base_url=url) as context:
        page = context.new_page()
        said = {"needs_key": True, "scope": "search", "name": "shop", "keeps_feedback": False}
        page.route("**/v1/session", lambda route: route.fulfill(json=said))
        page.goto("/?q=red+dress")
        wait_for_results(page)
        page.get_by_text("Copy", exact=True).click()
        shown = page.get_by_label("What was copied")
        page.get_by_role("button", name="As curl").click()
        expect(shown).to_contain_text('-H "Authorization: Bearer $VITRINE_API_KEY"')
        page.get_by_role("button", name="As Python").click()
        expect(shown).to_contain_text('"Bearer " + os.environ["VITRINE_API_KEY"]')
        compile(shown.text_content() or "", "copied", "exec")


@pytest.mark.skipif(
    shutil.which("curl") is None and not is_required("VITRINE_TEST_BROWSER"),
    reason="curl is not installed",
)
@pytest.mark.parametrize("with_photo", [False, True])
def test_copied_curl_finds_what_the_page_shows(
    page: Page, rows: Rows, with_photo: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("curl")
    page.goto("/?q=it's+$HOME+`red`&r.price=..150")
    wait_for_results(page)
    if with_photo:
        (folder / "photo.jpg").write_bytes(open(rows[0]["image"], "rb").read())  # noqa: PTH123, SIM115
        picked_photo(page, rows[0]["image"])
    page.get_by_text("Copy", exact=True).click()
    page.get_by_role("button", name="As curl").click()
    expect(page.get_by_label("What was copied")).to_contain_text("curl http")
    command = page.get_by_label("What was copied").text_content() or ""
    done = subprocess.run(
        ["bash", "-c", command.replace("curl ", "curl -sS ", 1)], cwd=folder,
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    found = [hit["id"] for hit in json.loads(done.stdout)["hits"]]
    assert found and found == shown_ids(page)[: len(found)]
