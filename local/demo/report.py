"""The demonstration's findings in words."""

from __future__ import annotations

from local.demo.call_report import CallReport
from local.demo.comparison import Comparison


def describe(report: CallReport) -> str:
    """The report for a terminal."""
    ring = "-" if report.seconds_to_ring is None else f"{report.seconds_to_ring * 1000:.0f} ms"
    lines = [
        "",
        f"Call set-up: {report.seconds_to_answer * 1000:.0f} ms from INVITE to answer, ringing after {ring}",
        _direction(f"{report.listener} heard the phone", report.phone_to_browser),
        _direction(f"Phone heard the {report.listener.lower()}", report.browser_to_phone),
        "",
    ]
    if report.shortcomings:
        lines += [f"Misses: {shortcoming}" for shortcoming in report.shortcomings]
    else:
        lines.append("Both understood each other, within the targets for set-up and delay.")
    return "\n".join(lines)


def _direction(title: str, heard: Comparison) -> str:
    if heard.delay is None or heard.delay_spread is None:
        recorded = f"{heard.heard_seconds:.1f} s recorded, loudest at {heard.level_dbfs:.0f} dBFS"
        return f"{title}: not at all ({recorded})"
    return (
        f"{title}: {'clearly' if heard.understood else 'badly'}, likeness {heard.likeness:.2f} of 1, "
        f"{heard.level_dbfs:.0f} dBFS, {heard.delay * 1000:.0f} ms from mouth to ear "
        f"(varying by {heard.delay_spread * 1000:.0f} ms)"
    )
