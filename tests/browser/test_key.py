"""The form that asks for a key, in a real browser, where the service wants one."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from api.security.keys import KeyFile
from api.security.scopes import Scope
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

ASK = (
    "import('/web/key.js').then((key) => { key.unlocked().then(() => (document.title = 'open')); })"
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyFile:
    return KeyFile(tmp_path_factory.mktemp("keys") / "keys.db")


@pytest.fixture(scope="module")
def address(keys: KeyFile) -> Iterator[str]:
    """Address of a service that wants a key, and has no collection."""
    keys.create("first", Scope.SEARCH)
    log = keys.path.parent / "serve.log"
    vitrine = [sys.executable, "-c", "from api.cli.main import main; main()", "serve"]
    options = ["--db", str(keys.path.parent / "x.db"), "--port", "0", "--log-format", "json"]
    with log.open("wb") as output:
        process = subprocess.Popen([*vitrine, *options], stdout=output, stderr=output)
    try:
        wait_until(lambda: '"event": "listening"' in log.read_text(encoding="utf-8"), 60)
        found = re.search(r'"url": "(http://[^"]+)"', log.read_text(encoding="utf-8"))
        assert found
        yield found[1]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with browser.new_context(base_url=address) as context:
        opened = context.new_page()
        problems: list[str] = []
        opened.on("pageerror", lambda error: problems.append(str(error)))
        # The documentation asks for nothing that takes a key.
        opened.goto("/docs")
        yield opened
        assert not problems


def test_a_key_is_asked_for_and_kept_nowhere(page: Page, keys: KeyFile) -> None:
    token, _ = keys.create("shop", Scope.SEARCH)
    page.evaluate(ASK)
    field = page.get_by_label("Key", exact=True)
    expect(field).to_be_focused()
    field.fill("vk_wrong")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("no key of this service")
    page.keyboard.press("Escape")
    expect(field).to_be_visible()
    assert page.title() != "open"
    field.fill(token)
    page.get_by_role("button", name="Continue").click()
    expect(field).to_have_count(0)
    expect(page).to_have_title("open")
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert token not in stored + page.content() + page.evaluate("document.cookie")
    assert page.evaluate("fetch('/v1/collections').then((answer) => answer.status)") != 401


def test_who_is_signed_in_is_not_asked_again(page: Page, keys: KeyFile) -> None:
    token, _ = keys.create("shop", Scope.SEARCH)
    headers = {"Authorization": f"Bearer {token}"}
    assert page.request.post("/v1/session", headers=headers).status == 201
    page.evaluate(ASK)
    expect(page).to_have_title("open")
    expect(page.locator("dialog")).to_have_count(0)


def test_a_session_that_ended_is_renewed_under_way(page: Page, keys: KeyFile) -> None:
    token, _ = keys.create("shop", Scope.SEARCH)
    page.evaluate(
        "import('/web/key.js').then((key) => { key.fetchUnlocked('/v1/collections')"
        ".then((answer) => (document.title = `heard ${answer.status}`)); })"
    )
    page.get_by_label("Key", exact=True).fill(token)
    page.keyboard.press("Enter")
    expect(page).to_have_title(re.compile("heard [^4]|heard 404"))


def test_who_signs_out_is_asked_for_a_key_again(page: Page, keys: KeyFile) -> None:
    token, _ = keys.create("shop", Scope.SEARCH)
    headers = {"Authorization": f"Bearer {token}"}
    assert page.request.post("/v1/session", headers=headers).status == 201
    page.goto("/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Key", exact=True)).to_be_focused()
    assert not page.context.cookies()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_form_is_accessible(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.evaluate(ASK)
    expect(page.get_by_label("Key", exact=True)).to_be_visible()
    expect(page.locator("dialog.key")).to_have_css("padding-top", "24px")
    found = Axe().run(page, context=".key").response["violations"]
    assert not [(each["id"], each["help"]) for each in found]
