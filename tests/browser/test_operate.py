"""The operator's page, in a real browser, on services with real jobs: with keys, and without."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from typer.testing import CliRunner

from api.cli.main import app
from api.security.keys import KeyFile
from api.security.scopes import Scope
from tests.sample_collection import build, chosen_rows, sample_rows, write_catalog
from tests.serving_process import serving
from tests.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.model]

AA = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
HOSTILE = "<img src=x onerror=document.title='got'>"


@dataclass(frozen=True)
class Service:
    """A service that runs, the folder of its catalogues, and the keys that it takes."""

    url: str
    folder: Path
    admin: str = ""
    reader: str = ""

    def ended(self, **body: Any) -> dict[str, Any]:
        """A job of these words, once it has ended."""
        headers = {"Authorization": f"Bearer {self.admin}"} if self.admin else {}
        with httpx2.Client(base_url=self.url, headers=headers, timeout=60) as client:
            begun = client.post("/v1/jobs", json=body)
            assert begun.status_code == 202, begun.text
            path = f"/v1/jobs/{begun.json()['id']}"
            wait_until(lambda: client.get(path).json()["state"] != "running", 180)
            job: dict[str, Any] = client.get(path).json()
            return job


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Service]:
    """A service that wants keys, whose live version was measured, is the second and has gaps."""
    folder = tmp_path_factory.mktemp("operated")
    rows = chosen_rows(30)
    settings = build(folder, rows)
    measure(folder, settings.db, rows)
    shutil.copy(rows[0]["image"], folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:700])
    shutil.copy(rows[2]["image"], folder / "whole.png")
    bad = [
        rows[0] | {"image": "/no/such.png"},
        rows[1] | {"id": HOSTILE, "image": "cut.jpg"},
        rows[2] | {"id": "", "image": "whole.png"},
    ]
    write_catalog([*rows[1:], *bad], folder / "gaps.csv")
    keys = KeyFile(folder / "keys.db")
    admin, reader = (keys.create(str(scope), scope)[0] for scope in (Scope.ADMIN, Scope.SEARCH))
    given = {"db": settings.db, "job_dir": str(settings.job_dir), "job_sources": str(folder)}
    with serving(folder, **given) as running:
        made = Service(running.url, folder, admin, reader)
        assert made.ended(kind="index", source=str(folder / "gaps.csv"))["state"] == "done"
        again = {"kind": "reindex", "source": str(folder / "catalog.csv")}
        assert made.ended(**again, options={"sample": 5})["state"] == "done"
        yield made
        assert "Traceback" not in (folder / "service.log").read_text(encoding="utf-8")


def measure(folder: Path, db: str, rows: list[dict[str, str]]) -> None:
    """`vitrine eval --save` with a few queries by colour and kind, before a service starts."""
    asked = sorted({(row["colour"], row["kind"]) for row in rows})[:12]
    answers = {
        f"q{number}": {row["id"]: 1 for row in rows if (row["colour"], row["kind"]) == pair}
        for number, pair in enumerate(asked)
    }
    lines = [{"id": f"q{n}", "text": " ".join(pair)} for n, pair in enumerate(asked)]
    (folder / "q.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "r.json").write_text(json.dumps(answers))
    files = ["--queries", str(folder / "q.jsonl"), "--qrels", str(folder / "r.json")]
    done = CliRunner().invoke(app, ["eval", "--db", db, *files, "--save"])
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Service]:
    """A service without keys, collection and jobs."""
    folder = tmp_path_factory.mktemp("empty")
    write_catalog(chosen_rows(20), folder / "small.csv")
    write_catalog(sample_rows(), folder / "large.csv")
    with serving(folder, job_sources=str(folder), batch_size="8") as running:
        yield Service(running.url, folder)


@contextmanager
def opened(
    browser: Browser, service: Service, key: str | None = None, **context: Any
) -> Iterator[Page]:
    """A page in a context of its own, signed in with the key; errors of its scripts fail."""
    context = {"viewport": {"width": 1280, "height": 900}} | context
    with browser.new_context(base_url=service.url, **context) as made:
        if key is not None:
            sign_in(made, key)
        page = made.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        # What the service refuses is an error of the console too, and is not the page's.
        page.on("console", lambda m: problems.append(m.text) if is_problem(m) else None)
        page.on("request", lambda r: problems.append(r.url) if service.url not in r.url else None)
        yield page
        assert not [each for each in problems if not each.startswith("data:")]


def is_problem(message: Any) -> bool:
    return bool(message.type == "error" and "Failed to load resource" not in message.text)


def sign_in(context: BrowserContext, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    assert context.request.post("/v1/session", headers=headers).status == 201


def jobs(page: Page) -> Locator:
    return page.locator("#jobs-list > .job")


def overview(page: Page) -> None:
    page.goto("/operate")
    expect(page.get_by_role("heading", name="Reindex of catalog.csv")).to_be_visible()
    expect(page.get_by_text("nDCG@10").first).to_be_visible()
    expect(page.locator(".bone")).to_have_count(0)


def details(page: Page) -> None:
    page.get_by_role("button", name=re.compile("Details: Index of gaps.csv")).click()
    expect(page.get_by_text("3 of 3 rows.")).to_be_visible()


def checks(page: Page) -> None:
    page.get_by_role("button", name=re.compile("Details: Reindex")).click()
    expect(page.get_by_role("region", name="Checks of the new version")).to_be_visible()


def confirm(page: Page) -> None:
    page.get_by_role("button", name="Go back to it: version 1 of products").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def form(page: Page) -> None:
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Start a job").click()
    page.get_by_role("textbox", name="Catalogue").fill("/etc/passwd")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#start-error")).to_contain_text("VITRINE_JOB_SOURCES")


def loading(page: Page) -> None:
    page.route("**/v1/versions", lambda route: None)
    page.route("**/v1/jobs?*", lambda route: None)
    page.goto("/operate")
    expect(page.locator(".bone").first).to_be_visible()


def failed(page: Page) -> None:
    page.unroute("**/v1/versions")
    page.unroute("**/v1/jobs?*")
    page.route("**/v1/versions", lambda route: route.abort())
    page.route("**/v1/jobs?*", lambda route: route.abort())
    page.goto("/operate")
    expect(page.get_by_role("alert").filter(has_text="does not answer")).to_have_count(3)
    expect(page.locator(".bone:visible")).to_have_count(0)


STATES = (overview, details, checks, confirm, form, loading, failed)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the screenshots are kept: they are part of the test's output."""
    return tmp_path_factory.mktemp("operate", numbered=True)


def look(width: int, scheme: str) -> dict[str, Any]:
    return {
        "viewport": {"width": width, "height": 900}, "color_scheme": scheme,
        "reduced_motion": "reduce", "has_touch": width < 500, "is_mobile": width < 500,
    }  # fmt: skip


def check(page: Page, picture: Path) -> None:
    page.screenshot(path=picture, full_page=True)
    result = Axe().run(page, options=AA)
    assert result.violations_count == 0, f"{picture.stem}: {result.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, picture.stem


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_each_state_is_accessible_and_fits(
    browser: Browser, shop: Service, pictures: Path, width: int, scheme: str
) -> None:
    with opened(browser, shop, shop.admin, **look(width, scheme)) as page:
        for state in STATES:
            state(page)
            check(page, pictures / f"{state.__name__}-{width}-{scheme}.png")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_whose_key_is_for_less_is_told_so(
    browser: Browser, shop: Service, pictures: Path, width: int, scheme: str
) -> None:
    with opened(browser, shop, shop.reader, **look(width, scheme)) as page:
        page.goto("/operate")
        expect(page.get_by_role("heading", name="takes a key of scope admin")).to_be_visible()
        expect(page.locator("#page")).to_be_hidden()
        check(page, pictures / f"refused-{width}-{scheme}.png")
        page.get_by_role("button", name="Use another key").click()
        page.get_by_label("Key", exact=True).fill(shop.admin)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Collections")).to_be_visible()


def test_a_key_is_asked_for_and_let_go_of(browser: Browser, shop: Service) -> None:
    with opened(browser, shop) as page:
        page.goto("/operate")
        page.get_by_label("Key", exact=True).fill(shop.admin)
        page.keyboard.press("Enter")
        expect(page.locator("#who-name")).to_have_text("admin")
        expect(jobs(page).first).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Key", exact=True)).to_be_visible()


@pytest.mark.parametrize(("scope", "is_led_there"), [("admin", True), ("reader", False)])
def test_the_search_page_leads_there_whoever_may_go(
    browser: Browser, shop: Service, scope: str, is_led_there: bool
) -> None:
    with opened(browser, shop, getattr(shop, scope)) as page:
        page.goto("/")
        expect(page.locator("#served")).to_contain_text("items")
        link = page.get_by_role("link", name="Operate")
        expect(link).to_be_visible(visible=is_led_there)
        if is_led_there:
            link.click()
            expect(page).to_have_title("Operate · vitrine")
            page.get_by_role("link", name="Search", exact=True).click()
            expect(page.get_by_role("search")).to_be_visible()


def test_rows_that_were_left_out_with_reasons_and_pictures(browser: Browser, shop: Service) -> None:
    with opened(browser, shop, shop.admin) as page:
        overview(page)
        details(page)
        nameless, gone, cut = page.locator(".failed-row").all()
        expect(gone).to_contain_text("does not exist")
        # The item was indexed before: its picture is that of then, and is really shown.
        picture = gone.get_by_role("img")
        wait_until(lambda: picture.evaluate("image => image.naturalWidth") > 0)
        expect(cut).to_contain_text(HOSTILE)
        expect(cut).to_contain_text("truncated")
        expect(cut.locator(".picture")).to_have_text("no picture")
        # What is wrong with this row is not its image, which is shown although it became no item.
        own = nameless.get_by_role("img", name=re.compile("Row .*, as the catalogue has it"))
        wait_until(lambda: own.evaluate("image => image.naturalWidth") > 0)
        assert page.title() != "got"
        # Details are a link, and "back" closes them.
        link = page.url
        page.go_back()
        expect(page.locator(".failed-row")).to_have_count(0)
        page.goto(link)
        expect(page.locator(".failed-row")).to_have_count(3)


def test_what_was_measured_and_of_what(browser: Browser, shop: Service) -> None:
    with opened(browser, shop, shop.admin) as page:
        overview(page)
        quality = page.get_by_role("region", name="How good the answers are")
        expect(quality).to_contain_text("12 queries of q.jsonl")
        expect(quality).to_contain_text("products__v1 · mini")
        # It was the version before that was measured, and the page does not hide it.
        expect(quality).to_contain_text("products__v2 is live, and was not measured.")
        expect(quality.get_by_role("region", name="Side by side")).to_contain_text("passed")


def test_back_to_an_earlier_version_after_a_question_and_forth_again(
    browser: Browser, shop: Service
) -> None:
    with opened(browser, shop, shop.admin) as page:
        overview(page)
        back = page.get_by_role("button", name="Go back to it: version 1 of products")
        back.click()
        dialog = page.get_by_role("dialog", name="Go back to version 1 of products?")
        expect(dialog).to_contain_text("Live now is version 2: 37 items, model mini.")
        expect(dialog.get_by_role("button", name="Keep version 2")).to_be_focused()
        page.keyboard.press("Escape")
        expect(back).to_be_focused()
        expect(page.locator("#collections-said")).to_be_empty()
        back.press("Enter")
        dialog.get_by_role("button", name="Go back to version 1").click()
        said = page.locator("#collections-said")
        expect(said).to_have_text("Version 1 of products is live now: 37 items, model mini.")
        expect(said).to_be_focused()
        expect(page.locator("#answering")).to_have_text("products__v1 answers")
        expect(page.locator("#quality")).not_to_contain_text("was not measured")
        page.get_by_role("button", name="Make it live: version 2 of products").click()
        page.get_by_role("button", name="Make version 2 live").click()
        expect(said).to_contain_text("Version 2 of products is live now")
        expect(page.locator("#answering")).to_have_text("products__v2 answers")


def test_from_nothing_to_a_collection_and_a_job_that_is_cancelled_and_goes_on(
    browser: Browser, empty: Service, pictures: Path
) -> None:
    with opened(browser, empty, reduced_motion="reduce") as page:
        page.goto("/operate")
        expect(page.get_by_text("There is no collection yet.")).to_be_visible()
        expect(page.get_by_text("No job has run yet.")).to_be_visible()
        expect(page.get_by_text("Nothing was measured yet.")).to_be_visible()
        check(page, pictures / "empty-1280-light.png")
        page.set_viewport_size({"width": 390, "height": 900})
        page.emulate_media(color_scheme="dark")
        check(page, pictures / "empty-390-dark.png")

        index(page, empty.folder / "small.csv")
        expect(page.locator("#jobs-said")).to_contain_text(
            "Index of small.csv: done.", timeout=90e3
        )
        expect(page.locator(".version.live")).to_contain_text("27 items")
        expect(page.locator("#answering")).to_have_text("products__v1 answers", timeout=60e3)

        index(page, empty.folder / "large.csv")
        job = jobs(page).first
        expect(job.locator(".line")).to_contain_text("of 400 rows", timeout=60e3)
        expect(job.get_by_role("progressbar")).to_be_visible()
        expect(job.get_by_role("list", name="Rows by stage")).to_contain_text("Embedded")
        check(page, pictures / "running-390-dark.png")
        stop(page, job)
        expect(job.locator(".tag")).to_have_text("Cancelled", timeout=60e3)
        job.get_by_role("button", name="Resume").click()
        expect(job.locator(".tag")).to_have_text("Running")
        stop(page, job)
        expect(job.locator(".tag")).to_have_text("Cancelled", timeout=60e3)


def index(page: Page, source: Path) -> None:
    """Have the form start a job, by keyboard alone."""
    page.get_by_role("button", name="Start a job").press("Enter")
    expect(page.get_by_role("textbox", name="Catalogue")).to_be_focused()
    page.keyboard.type(str(source))
    page.keyboard.press("Enter")
    expect(jobs(page).first.locator(".tag")).to_have_text("Running")


def stop(page: Page, job: Locator) -> None:
    job.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_contain_text("nothing is embedded twice")
    page.get_by_role("button", name="Cancel the job").click()
