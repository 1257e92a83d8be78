"""What a user id may be. Pure; imports nothing of ours."""

from __future__ import annotations

import re

USER_ID_PATTERN = re.compile(r"[A-Za-z0-9_@-]{1,255}")
"""Stream's form of user ids; templates render to it."""
