"""The page as people meet it: in a real Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tests.browser.showing import TOKEN, TRAPPED, Showing, alert_on, showing
from tests.npm import TOOLS, require_npm

AXE = TOOLS / "node_modules" / "axe-core" / "axe.min.js"
VIEWS = ("#/", "#/find/otter", f"#/t/ethereum/{TRAPPED}", "#/models", "#/health")
MOST_BYTES = 200_000
"""What a first visit may transfer."""
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def shown() -> Iterator[Showing]:
    """The page, served."""
    with showing() as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        yield from _launched(playwright, found)


def _launched(playwright: Playwright, path: str) -> Iterator[Browser]:
    launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
    try:
        yield launched
    finally:
        launched.close()


@pytest.fixture
def page(browser: Browser, shown: Showing) -> Iterator[Page]:
    """A tab of a visitor who was never here; whatever goes wrong in it fails the test."""
    yield from _tab(browser, shown)


def _tab(browser: Browser, shown: Showing, **options: Any) -> Iterator[Page]:
    context = browser.new_context(base_url=shown.url, **options)
    tab = context.new_page()
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    tab.on(
        "request",
        lambda asked: None if asked.url.startswith(shown.url) else wrong.append(asked.url),
    )
    yield tab
    context.close()
    assert not wrong, wrong


@pytest.fixture(scope="session")
def axe() -> str:
    """Deque's accessibility rules, installed by npm once."""
    require_npm()
    return AXE.read_text(encoding="utf-8")


def opened(page: Page, view: str = "#/") -> Page:
    """The page at one of its views, when there is something to see."""
    page.goto(f"/{view}")
    page.wait_for_selector("main h2")
    return page


def test_a_new_alert_appears_by_itself(page: Page, shown: Showing) -> None:
    """On top of both lists, without a reload, and its link leads to the token."""
    opened(page)
    expect(page.locator("#state")).to_have_text("live")
    shown.tell(alert_on(1, "Cobalt Radish"))
    first = page.get_by_role("list", name="Alerts").get_by_role("link").first
    expect(first).to_contain_text("Cobalt Radish")
    expect(page.get_by_role("list", name="Tokens").get_by_role("link").first).to_contain_text(
        "Cobalt Radish"
    )
    first.click()
    expect(page.get_by_role("heading", name="Cobalt Radish")).to_be_visible()


def test_search_finds_by_words(page: Page) -> None:
    """Typed and sent with the keyboard alone; what strangers wrote is text."""
    opened(page)
    page.get_by_role("searchbox", name="Find a token").fill("free pordri")
    page.keyboard.press("Enter")
    found = page.get_by_role("list", name="Tokens").get_by_role("link")
    expect(found).to_have_count(1)
    expect(found).to_contain_text("<b>Free</b> pordri")
    assert page.locator("main b").count() == 0


def test_a_token_says_everything_that_is_known(page: Page) -> None:
    """Verdict, traps, evidence, chart, alerts, dossier, and every check with its source."""
    opened(page, f"#/t/ethereum/{TRAPPED}")
    for title in (
        "Traps",
        "What carried it",
        "So far",
        "What was told",
        "The dossier",
        "What was found",
    ):
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.get_by_text("it can be bought, and not be sold")).to_be_visible()
    expect(page.get_by_role("img", name="Risk, liquidity and price")).to_be_visible()
    page.get_by_text("deployer: 0 of 1 known").click()
    expect(page.get_by_text("unknown: no node here serves ots_")).to_be_visible()


def test_a_token_follows_what_is_heard_of_it(page: Page, shown: Showing) -> None:
    """Its page changes with the news, and keeps what is written into it."""
    new = alert_on(2, "Olive Cartographer")
    shown.tell(new)
    opened(page, f"#/t/ethereum/{new.pool}")
    page.get_by_role("textbox", name="Why").fill("they pulled")
    shown.tell(alert_on(2, "Olive Cartographer II"))
    expect(page.get_by_role("heading", name="Olive Cartographer II")).to_be_visible()
    expect(page.get_by_role("textbox", name="Why")).to_have_value("they pulled")


def test_feedback_needs_the_token_and_is_written(page: Page, shown: Showing) -> None:
    """Refused with a wrong token, asked for again, taken with the right one."""
    opened(page, f"#/t/ethereum/{TRAPPED}")
    page.get_by_label("Your name").fill("alice")
    page.get_by_label("Token (page.token)").fill(TOKEN)
    page.get_by_role("button", name="It rugged").click()
    expect(page.get_by_text("Noted: rug")).to_be_visible()
    assert [(said.what, said.pool, said.who) for said in shown.labels] == [
        ("rug", TRAPPED, "api:alice")
    ]


def test_models_and_health_are_shown(page: Page) -> None:
    """Versions with their AUC; sources, stages, and a process that does not answer."""
    opened(page, "#/models")
    expect(page.get_by_role("cell", name="champion")).to_be_visible()
    expect(page.get_by_role("img", name="AUC of each version")).to_be_visible()
    opened(page, "#/health")
    expect(page.get_by_role("cell", name="evm-ethereum")).to_be_visible()
    expect(page.get_by_role("row", name="127.0.0.1:9")).to_contain_text("no")


def test_it_is_dark_where_people_want_it_dark(browser: Browser, shown: Showing) -> None:
    """Dark paper and light ink by the system's setting; light without."""
    for scheme, is_dark in (("dark", True), ("light", False)):
        for tab in _tab(browser, shown, color_scheme=scheme):
            paper = opened(tab).evaluate("getComputedStyle(document.body).backgroundColor")
            shade = max(int(part) for part in paper[4:-1].split(","))
            assert (shade < 64) is is_dark


@pytest.mark.parametrize("view", VIEWS)
def test_it_fits_a_phone(browser: Browser, shown: Showing, view: str) -> None:
    """Nothing is wider than a small phone; tables scroll within themselves."""
    for tab in _tab(browser, shown, viewport=PHONE):
        opened(tab, view)
        assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_no_serious_fault(
    browser: Browser, shown: Showing, axe: str, view: str, scheme: str
) -> None:
    """Names, roles, contrast, order: nothing that axe calls serious or critical."""
    for tab in _tab(browser, shown, color_scheme=scheme):
        opened(tab, view)
        tab.evaluate(axe)
        found = tab.evaluate("axe.run()")
        grave = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
        assert not grave, [(each["id"], each["nodes"][0]["html"]) for each in grave]
        assert found["passes"], "axe has looked at something"


def test_a_first_visit_is_small(page: Page) -> None:
    """Everything that the live view transfers, scripts, data and all."""
    opened(page)
    size = "performance.getEntries().reduce((sum, each) => sum + (each.transferSize ?? 0), 0)"
    assert 5_000 < page.evaluate(size) <= MOST_BYTES


def test_the_keyboard_reaches_everything(page: Page) -> None:
    """The first stop skips to the content; then the views, the search and the tokens follow."""
    opened(page)
    stops = []
    for _ in range(8):
        page.keyboard.press("Tab")
        stops.append(
            page.evaluate("document.activeElement.textContent || document.activeElement.id")
        )
    assert stops[:6] == [
        "Skip to the content",
        "HEFT rug monitor",
        "Live",
        "Models",
        "Health",
        "API",
    ]
    assert stops[6] == "search"
    assert "%" in stops[7]
