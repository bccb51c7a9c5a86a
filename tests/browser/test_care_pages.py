"""The pages of `vitrine duplicates --html` and `vitrine report --html`, in a real browser."""

import subprocess
import sys
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser

from search.config import Settings
from tests.sample_collection import build, chosen_rows

pytestmark = [pytest.mark.browser, pytest.mark.model]

HOSTILE = (
    "</title><img src=x onerror=document.title='got'><script>document.title='got'</script>\"'&"
)
VITRINE = [sys.executable, "-c", "from api.cli.main import main; main()"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A collection with everything that the pages list, under titles that try to be markup."""
    folder = tmp_path_factory.mktemp("care")
    rows = [row | {"title": HOSTILE + row["title"]} for row in chosen_rows(100)]
    dress = next(row for row in rows if row["kind"] == "dress")
    watch = next(row for row in rows if row["kind"] == "watch")
    Image.open(watch["image"]).resize((90, 90)).save(folder / "tiny.png")
    Image.new("RGB", (900, 250), "teal").save(folder / "wide.png")
    Image.new("RGB", (300, 300), "teal").save(folder / "gone.png")
    for name, row in (("tiny", dress), ("wide", watch), ("gone", watch)):
        rows.append(row | {"id": name, "image": str(folder / f"{name}.png"), "product_id": name})
    rows.append(dress | {"id": "copy", "product_id": "copy"})
    rows.append(watch | {"id": "<b>kind</b>", "product_id": "k", "kind": "<script>x</script>"})
    made = build(folder, rows)
    (folder / "gone.png").unlink()
    return made


@pytest.mark.parametrize("command", ["duplicates", "report"])
def test_the_page_is_accessible_and_runs_nothing(
    browser: Browser, settings: Settings, tmp_path: Path, command: str
) -> None:
    path = tmp_path / f"{command}.html"
    options = ["--db", settings.db, "--html", str(path)]
    ran = subprocess.run([*VITRINE, command, *options], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360)):
        viewport = {"width": width, "height": 900}
        with browser.new_context(color_scheme=scheme, viewport=viewport) as context:  # type: ignore[arg-type]
            page = context.new_page()
            asked: list[str] = []
            page.on("request", lambda request, urls=asked: urls.append(request.url))
            page.goto(path.as_uri())
            assert page.title().startswith("vitrine: ")
            assert page.locator("script, [onerror]").count() == 0
            assert page.get_by_text("<img src=x onerror", exact=False).count() > 0
            assert page.locator("img").count() > 3
            assert not [url for url in asked if not url.startswith(("file:", "data:"))]
            result = Axe().run(page)
            assert result.violations_count == 0, result.generate_report()
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    if command == "report":
        text = path.read_text(encoding="utf-8")
        for heading in ("Tiny pictures: 1", "extreme shape: 1", "out of reach: 1"):
            assert heading in text
