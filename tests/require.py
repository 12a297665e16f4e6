"""A pytest plugin: with ``HEFT_REQUIRE=all`` a skipped test is a failed test.

Continuous integration sets it, so that a missing data set, broker or extra cannot quietly turn a
test off. Loaded by ``tests/conftest.py``.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that skipped itself; an expected failure stays one."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that skipped itself as a whole."""
    report = yield
    _fail_if_skipped(report)
    return report


def _fail_if_skipped(report: Any) -> None:
    if report.skipped and os.environ.get("HEFT_REQUIRE") == "all":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"HEFT_REQUIRE=all allows no skip, but: {reason}"
