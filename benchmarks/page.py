"""What a first visit to the page costs, in a real Chromium on loopback: time and bytes.

Budgets: first paint within a second, at most 200 kB transferred. A new visitor each time.
"""

from __future__ import annotations

import os
import shutil
import sys
from statistics import quantiles

from playwright.sync_api import Browser, sync_playwright

from benchmarks.machine import describe
from tests.browser.showing import TRAPPED, showing

VISITS = 20
VIEWS = {
    "live": "#/",
    "a token": f"#/t/ethereum/{TRAPPED}",
    "models": "#/models",
    "health": "#/health",
}
PAINT = 'performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null'
BYTES = "performance.getEntries().reduce((sum, each) => sum + (each.transferSize ?? 0), 0)"
REQUESTS = 'performance.getEntriesByType("resource").length + 1'


def main() -> int:
    """Print a line a view; the exit code."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("Chromium is not installed", file=sys.stderr)
        return 1
    print(describe())
    print(f"load {os.getloadavg()[0]:.1f}")
    with showing() as shown, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, view in VIEWS.items():
            visits = [_visit(browser, f"{shown.url}/{view}") for _ in range(VISITS)]
            paints = quantiles([paint for paint, _, _ in visits], n=20)
            print(
                f"{name:<9} first paint p50 {paints[9]:.0f} ms, p95 {paints[18]:.0f} ms; "
                f"{visits[0][1] / 1000:.0f} kB in {visits[0][2]:.0f} requests"
            )
        browser.close()
    return 0


def _visit(browser: Browser, url: str) -> tuple[float, float, float]:
    """First paint in ms, bytes, requests."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("main h2")
    page.wait_for_function(f"({PAINT}) !== null")
    told = tuple(float(page.evaluate(each)) for each in (PAINT, BYTES, REQUESTS))
    context.close()
    return told[0], told[1], told[2]


if __name__ == "__main__":
    sys.exit(main())
