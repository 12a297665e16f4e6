"""Writes the pictures of docs/ from the page itself: ``make screenshots``; needs Chromium.

The tokens are made up (``tests/browser/showing.py``), the page and its server are the real ones.
PNGs are kept small by a palette of 64 colours: screens of text need no more.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tests.browser.showing import TRAPPED, showing

__all__ = ["main"]

DOCS: Final = Path(__file__).parents[1] / "docs"
DESKTOP: Final = {"viewport": {"width": 1040, "height": 720}}
PHONE: Final = {"viewport": {"width": 360, "height": 740}}
DARK: Final = {"color_scheme": "dark"}
COLOURS: Final = 64

PICTURES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "page.png": (f"#/t/ethereum/{TRAPPED}", DESKTOP),
    "page-live.png": ("#/", DESKTOP),
    "page-phone.png": ("#/", PHONE | DARK),
    "page-health.png": ("#/health", DESKTOP | DARK),
}


def main() -> int:
    """Write them all; the exit code."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("screenshots: Chromium is not installed", file=sys.stderr)
        return 1
    with showing() as shown, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (view, options) in PICTURES.items():
            size = _write(browser, f"{shown.url}/{view}", options, DOCS / name)
            print(f"{DOCS / name}: {size / 1000:.0f} kB")
        browser.close()
    return 0


def _write(browser: Browser, url: str, options: dict[str, Any], path: Path) -> int:
    context = browser.new_context(**options)
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("main h2")
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    context.close()
    return path.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
