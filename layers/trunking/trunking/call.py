"""The name of a call, the room that participants join. Pure values; imports nothing of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass

CALL_TYPE_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,100}")
CALL_ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class CallIdentity:
    """A call of one application: a WebRTC room, named `call_type:call_id`."""

    application_id: str
    """The tenant that the call belongs to."""
    call_type: str
    """The call's type, such as `default`."""
    call_id: str
    """The call's id, such as `hospital-fixed-line`."""

    @property
    def cid(self) -> str:
        """The call's name within its application: `call_type:call_id`."""
        return f"{self.call_type}:{self.call_id}"
