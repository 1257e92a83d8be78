"""What the terminal says of a call."""

from __future__ import annotations

from typing import Any

import pytest

from local.call_announcements import announcement


def event(kind: str, **subject: Any) -> dict[str, Any]:
    """A call event as the bus delivers it."""
    numbers = {"caller_number": "+15557654321", "called_number": "+15551230001"}
    return {"detail-type": f"sip.call.{kind}", "detail": {"subject": {**numbers, **subject}}}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (event("answered", call_cid="default:a"), "+15557654321 -> +15551230001  answered, in default:a"),
        (event("ended", termination="caller_hung_up"), "+15557654321 -> +15551230001  ended: caller_hung_up"),
        (
            event("rejected", caller_number="", termination="unknown_number"),
            "anonymous -> +15551230001  refused: unknown_number",
        ),
        (event("dtmf"), None),
        ({}, None),
    ],
)
def test_each_event_has_its_line(said: dict[str, Any], expected: str | None) -> None:
    assert announcement(said) == expected


def test_a_stranger_cannot_move_the_cursor() -> None:
    line = announcement(event("rejected", called_number="\x1b[2J\r\n" + "9" * 1000, termination="x"))
    assert line is not None
    assert line.isprintable()
    assert len(line) < 200
