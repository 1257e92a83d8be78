"""`make demo`: a phone program and a real Chromium talk through a stack, and what each heard is measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.demo.call_report import MAX_SETUP_SECONDS
from local.demo.chromium import find_chromium
from local.demo.demonstration_call import place_call
from local.demo.report import describe
from local.demo.timeline import Timeline
from local.ready_file import LocalStack

pytestmark = pytest.mark.asyncio(loop_scope="module")

without_chromium = pytest.mark.skipif(
    find_chromium() is None, reason="Chromium is not installed: apt-get install chromium"
)


@pytest.mark.parametrize(
    "use_browser", [pytest.param(True, marks=without_chromium), False], ids=["chromium", "aiortc"]
)
async def test_phone_and_call_understand_each_other(
    stack: LocalStack, tmp_path: Path, use_browser: bool
) -> None:
    said: list[str] = []
    report = await place_call(stack, tmp_path, said.append, use_browser=use_browser)
    assert report.audible_both_ways, describe(report)
    assert report.seconds_to_answer < MAX_SETUP_SECONDS
    for direction in (report.phone_to_browser, report.browser_to_phone):
        # The target is 120 ms on an idle machine; this one may run other tests beside.
        assert direction.delay is not None
        assert direction.delay < 0.25
    assert any(stack.number in line for line in said)
    assert ("Both understood each other" in describe(report)) is not bool(report.shortcomings)
    assert Timeline.load(tmp_path / "browser-heard.wav").seconds > 5
