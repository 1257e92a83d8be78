"""What holds for all tests: where everything should be installed, a skip is a failure."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from tests.support.allowed_skips import ALLOWED_SKIP_REASONS

STRICT_SKIPS = os.environ.get("TRUNKLINE_STRICT_SKIPS") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip that is not on the list into a failure that shows its reason."""
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole module that is skipped while it is collected."""
    report = yield
    refuse_skip(report)
    return report


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Mark a skipped report as failed when skips are strict and its reason is not allowed."""
    if not STRICT_SKIPS or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not reason.startswith(ALLOWED_SKIP_REASONS or ("\0",)):
        report.outcome = "failed"
        report.longrepr = f"skipped although this run allows no such skip: {reason}"
