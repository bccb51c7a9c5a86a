"""How soon the search page is there: first byte, first paint, first picture.

Measured by the browser itself (Navigation, Resource and Paint Timing, W3C), in Debian's Chromium,
against a service that runs already:

    vitrine serve --db .vitrine/demo.db
    python -m benchmarks.page http://127.0.0.1:8000
"""

import argparse
import shutil
import statistics
from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

VIEWS = {"start": "/", "results": "/?q=red+floral+dress"}
COLUMNS = {
    "first_byte": "first byte, ms",
    "first_paint": "first paint, ms",
    "first_picture": "first picture, ms",
    "largest_paint": "largest paint, ms",
    "requests": "requests until then",
    "kilobytes": "kB until then",
}

TIMINGS = """async () => {
  const largest = await new Promise((resolve) => {
    new PerformanceObserver((list) => resolve(list.getEntries().at(-1).startTime))
      .observe({ type: "largest-contentful-paint", buffered: true });
  });
  const [page] = performance.getEntriesByType("navigation");
  const all = performance.getEntriesByType("resource");
  const pictures = all.filter((each) => each.name.includes("/image?"));
  const first = Math.min(...pictures.map((each) => each.responseEnd));
  const before = all.filter((each) => each.responseEnd <= first);
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return {
    first_byte: page.responseStart,
    first_paint: paint.startTime,
    first_picture: first,
    largest_paint: largest,
    requests: before.length + 1,
    kilobytes: [page, ...before].reduce((sum, each) => sum + each.transferSize, 0) / 1000,
  };
}"""
"""All in milliseconds since the navigation began; a picture counts when its last byte is there."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a Markdown table: a row for each view, at the first visit and the next."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("url", help="address of a running service")
    parser.add_argument("--runs", type=int, default=15, help="visits of each sort (default: 15)")
    options = parser.parse_args(arguments)
    print(f"| view | visit | {' | '.join(COLUMNS.values())} |")  # noqa: T201
    print(f"|---|---|{'---|' * len(COLUMNS)}")  # noqa: T201
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for view, address in VIEWS.items():
            visits = [_visits(browser, options.url, address) for _ in range(options.runs)]
            for place, visit in enumerate(("first", "next")):
                print(_row(view, visit, [both[place] for both in visits]))  # noqa: T201
        browser.close()


def _visits(browser: Browser, url: str, address: str) -> tuple[dict[str, float], dict[str, float]]:
    """What the first visit took, with nothing kept, and the next in the same browser."""
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 900})
    with context:
        page = context.new_page()
        first = _visit(page, address)
        page.goto("about:blank")
        return first, _visit(page, address)


def _visit(page: Page, address: str) -> dict[str, float]:
    page.goto(address, wait_until="networkidle")
    timings: dict[str, float] = page.evaluate(TIMINGS)
    return timings


def _row(view: str, visit: str, measured: list[dict[str, Any]]) -> str:
    """Medians over the runs."""
    medians = [statistics.median(each[name] for each in measured) for name in COLUMNS]
    return f"| {view} | {visit} | {' | '.join(f'{value:.0f}' for value in medians)} |"


if __name__ == "__main__":
    main()
