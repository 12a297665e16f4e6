"""The page of messages is what the code sends."""

from __future__ import annotations

from tools.alert_pages import PAGE, page


def test_the_page_shows_what_people_read() -> None:
    """docs/alerts.md is made by the real code; make alert-pages writes it."""
    assert PAGE.read_text(encoding="utf-8") == page(), "run make alert-pages"
