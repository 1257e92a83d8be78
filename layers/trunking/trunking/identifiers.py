"""New ids, usernames and passwords. Reads the system's entropy; imports nothing of ours."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID, uuid4

_USERNAME_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_PASSWORD_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"  # noqa: S105


def new_id() -> str:
    """The id of a trunk, rule or application."""
    return str(uuid4())


def new_username() -> str:
    """A SIP username: 12 characters of 32 that are hard to confuse, 60 bits."""
    return "".join(secrets.choice(_USERNAME_ALPHABET) for _ in range(12))


def new_password() -> str:
    """A SIP password: 24 of 56 characters, 139 bits; none needs quoting in SIP, JSON or a shell."""
    return "".join(secrets.choice(_PASSWORD_ALPHABET) for _ in range(24))


def new_call_record_id(received_at: datetime) -> str:
    """The id of a SIP call's record: a UUID version 7 (RFC 9562), so that ids sort by time."""
    milliseconds = int(received_at.timestamp() * 1000) & ((1 << 48) - 1)
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(UUID(int=value))
