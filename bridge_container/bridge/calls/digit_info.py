"""Digits in INFO bodies: `application/dtmf-relay` and `application/dtmf`. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_DIGITS = frozenset("0123456789*#ABCD")
_DEFAULT_DURATION_MS = 250
_MAX_DURATION_MS = 60_000
_EVENT_CODES = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}


@dataclass(frozen=True, slots=True)
class InfoDigit:
    """One digit."""

    digit: str
    duration_ms: int


def parse_digit(content_type: str, body: bytes) -> InfoDigit | None:
    """The digit of an INFO body; None when there is none that we know."""
    text = body[:256].decode("ascii", "replace")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/dtmf":
        return _digit(text, None)
    if media_type != "application/dtmf-relay":
        return None
    values = {}
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if separator:
            values[name.strip().lower()] = value.strip()
    return _digit(values.get("signal", ""), values.get("duration"))


def _digit(signal: str, duration: str | None) -> InfoDigit | None:
    digit = signal.strip().upper()
    digit = _EVENT_CODES.get(digit, digit)
    if digit not in _DIGITS:
        return None
    if duration is not None and duration.isascii() and duration.isdigit() and len(duration) < 6:
        return InfoDigit(digit, min(int(duration), _MAX_DURATION_MS))
    return InfoDigit(digit, _DEFAULT_DURATION_MS)
