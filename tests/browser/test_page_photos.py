"""Searching the page with pictures: picked, pasted, dropped, dragged, cropped, and with words."""

import re

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.searching import (
    Rows,
    asked,
    body_of,
    by_id,
    carried,
    heading,
    is_search,
    picked_photo,
    search,
    shown_ids,
    wait_for_results,
)

pytestmark = [pytest.mark.browser, pytest.mark.model]


def first_title(page: Page) -> str:
    return page.locator(".card .open").first.text_content() or ""


def test_picture_from_a_file(page: Page, rows: Rows) -> None:
    page.goto("/")
    picked_photo(page, rows[0]["image"])
    expect(heading(page)).to_have_text("Looks like your picture")
    assert first_title(page) == rows[0]["title"]


def test_a_photo_is_found_again_by_back_and_reload(page: Page, rows: Rows) -> None:
    page.goto("/")
    picked_photo(page, rows[0]["image"])
    search(page, "blue")
    expect(heading(page)).to_have_text("Looks like your picture and “blue”")
    page.reload()
    expect(heading(page)).to_have_text("Looks like your picture and “blue”")
    wait_for_results(page)
    page.go_back()
    expect(heading(page)).to_have_text("Looks like your picture")
    wait_for_results(page)
    assert first_title(page) == rows[0]["title"]


def test_picture_that_is_pasted(page: Page, rows: Rows) -> None:
    page.goto("/")
    page.evaluate(
        "(data) => dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))",
        carried(page, rows[1]["image"]),
    )
    wait_for_results(page)
    assert first_title(page) == rows[1]["title"]


def test_picture_that_is_dropped(page: Page, rows: Rows) -> None:
    page.goto("/")
    data = carried(page, rows[1]["image"])
    page.dispatch_event("body", "dragover", {"dataTransfer": data})
    expect(page.locator("#drop")).to_be_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": data})
    wait_for_results(page)
    expect(page.locator("#drop")).to_be_hidden()
    assert first_title(page) == rows[1]["title"]


def test_a_result_is_dragged_into_the_box(page: Page, rows: Rows) -> None:
    page.goto("/?q=red+floral+dress")
    wait_for_results(page)
    id = shown_ids(page)[2]
    page.locator(".card").nth(2).locator(".open").drag_to(page.locator("#search"))
    title = by_id(rows)[id]["title"]
    expect(heading(page)).to_have_text(f"Looks like {title} and “red floral dress”")
    assert asked(page) == {"q": ["red floral dress"], "like": [id]}


def test_a_part_of_the_photo_by_dragging(page: Page, two: str, rows: Rows) -> None:
    page.goto("/")
    picked_photo(page, two)
    crop = page.get_by_role("group", name="Part of the picture")
    crop.scroll_into_view_if_needed()
    box = crop.bounding_box()
    assert box
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 3, steps=4)
    with page.expect_request(is_search) as request:
        page.mouse.up()
    crop_sent = body_of(request.value)["crop"]
    assert crop_sent == pytest.approx([0.01, 0.02, 0.5, 0.98], abs=0.03)
    wait_for_results(page)
    assert first_title(page) == rows[0]["title"]
    page.get_by_role("button", name="Use the whole picture").click()
    expect(page.locator("#crop-frame")).to_be_hidden()
    assert "crop" not in asked(page)


def test_a_part_of_the_photo_by_keyboard(page: Page, two: str, rows: Rows) -> None:
    page.goto("/")
    picked_photo(page, two)
    page.get_by_text("Choose a part in numbers").click()
    page.get_by_label("Left, %").fill("50")
    page.get_by_label("Left, %").press("Enter")
    expect(page.locator("#crop-frame")).to_be_visible()
    wait_for_results(page)
    assert asked(page)["crop"] == ["0.5,0,1,1"]
    assert first_title(page) == rows[1]["title"]
    crop = page.get_by_role("group", name="Part of the picture")
    crop.press("ArrowLeft")
    expect(page).to_have_url(re.compile("crop=0.48%2C0%2C0.98%2C1"))
    crop.press("Shift+ArrowUp")
    expect(page).to_have_url(re.compile("crop=0.48%2C0%2C0.98%2C0.98"))
    crop.press("Escape")
    expect(page.locator("#crop-frame")).to_be_hidden()


def test_a_part_of_an_item(page: Page, rows: Rows) -> None:
    id = rows[0]["id"]
    page.goto(f"/?like={id}")
    wait_for_results(page)
    crop = page.get_by_role("group", name="Part of the picture")
    with page.expect_request(is_search) as request:
        crop.press("Shift+ArrowUp")
    assert body_of(request.value)["item"] == id
    assert body_of(request.value)["crop"] == pytest.approx([0.1, 0.1, 0.9, 0.88])
    expect(heading(page)).to_have_text(f"Looks like a part of {rows[0]['title']}")
    wait_for_results(page)
    assert id not in shown_ids(page)
    page.locator(".card .open").first.click()
    expect(page.get_by_role("dialog").locator("#why")).to_contain_text("The part you chose")
    page.keyboard.press("Escape")
    with page.expect_request(is_search) as request:
        page.get_by_role("button", name="Use the whole picture").click()
    assert body_of(request.value)["items"] == [{"id": id}]
    assert asked(page) == {"like": [id]}


def test_a_slider_weighs_picture_and_words(page: Page, rows: Rows) -> None:
    page.goto("/")
    picked_photo(page, rows[0]["image"])
    expect(page.get_by_label("What counts more?")).to_be_hidden()
    search(page, "navy backpack for hiking")
    slider = page.get_by_label("What counts more?")
    expect(slider).to_be_visible()
    with page.expect_request(is_search) as request:
        slider.fill("0.9")
    image, text = body_of(request.value)["parts"]
    assert (image["weight"], text["weight"]) == (1.8, 0.2)
    wait_for_results(page)
    mostly_picture = shown_ids(page)
    with page.expect_request(is_search):
        slider.fill("0.1")
    wait_for_results(page)
    assert shown_ids(page) != mostly_picture
    assert asked(page)["share"] == ["0.1"]


def test_a_large_photo_is_made_smaller(
    page: Page, rows: Rows, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("large") / "large.bmp"
    with Image.open(rows[0]["image"]) as image:
        image.resize((2400, 2400)).save(path)
    assert path.stat().st_size > 10_000_000
    page.goto("/")
    picked_photo(page, path)
    assert first_title(page) == rows[0]["title"]


def test_a_photo_on_a_phone(browser: Browser, url: str, rows: Rows) -> None:
    with browser.new_context(
        base_url=url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    ) as context:
        page = context.new_page()
        page.goto("/")
        picked_photo(page, rows[0]["image"])
        like = page.get_by_role("link", name=re.compile("^More like this")).first
        expect(like).to_be_visible()
        like.tap()
        expect(heading(page)).to_contain_text(f"Looks like {rows[0]['title']}")


@pytest.fixture(scope="module")
def two(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A photo of two things: the first item on the left, the second on the right."""
    path = tmp_path_factory.mktemp("two") / "two.png"
    sides = [Image.open(row["image"]).convert("RGB").resize((300, 300)) for row in rows[:2]]
    both = Image.new("RGB", (600, 300), "white")
    for place, side in enumerate(sides):
        both.paste(side, (300 * place, 0))
    both.save(path)
    return str(path)
