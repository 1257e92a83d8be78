"""Digits in INFO bodies."""

from __future__ import annotations

import pytest

from bridge.calls.digit_info import InfoDigit, parse_digit


@pytest.mark.parametrize(
    ("content_type", "body", "digit"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", InfoDigit("5", 160)),
        ("application/dtmf-relay; x=y", b"Signal= *\nDuration = 80", InfoDigit("*", 80)),
        ("Application/DTMF-Relay", b"Signal=11\r\n", InfoDigit("#", 250)),
        ("application/dtmf-relay", b"Signal=d\r\nDuration=-5\r\n", InfoDigit("D", 250)),
        ("application/dtmf-relay", b"Signal=5\r\nDuration=99999\r\n", InfoDigit("5", 60_000)),
        ("application/dtmf", b"7\r\n", InfoDigit("7", 250)),
        ("application/dtmf-relay", b"Signal=!\r\n", None),
        ("application/dtmf-relay", b"\xff\xfe", None),
        ("text/plain", b"5", None),
        ("application/dtmf", b"", None),
    ],
)
def test_info_bodies(content_type: str, body: bytes, digit: InfoDigit | None) -> None:
    assert parse_digit(content_type, body) == digit
