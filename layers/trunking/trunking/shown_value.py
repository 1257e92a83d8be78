"""How a received value is shown to whoever sent it: short, quoted, without control characters. Pure."""

from __future__ import annotations

MAX_SHOWN = 40


def shortened(value: object) -> str:
    """`value` for an error message; never to be used for what is secret."""
    if isinstance(value, str):
        rest = f"... ({len(value)} characters)" if len(value) > MAX_SHOWN else ""
        return ascii(value[:MAX_SHOWN]) + rest
    if isinstance(value, list | dict):
        return f"{'an array' if isinstance(value, list) else 'an object'} of {len(value)}"
    if value is None:
        return "null"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)[:MAX_SHOWN]
