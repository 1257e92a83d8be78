"""Python's garbage where deadlines are kept: collected at times of our choosing, never inside a burst.

Calls, messages and frames are freed by reference counts; cycles come from legs and tasks that end. Young ones
are looked for each second, all of them each minute. What exists before the first call, such as the routing
table of 100,000 trunks, is never looked at again: Python's own schedule would walk all of it now and then.
"""

from __future__ import annotations

import gc

_FULL_EACH = 60


class GarbageSchedule:
    """Build it when what is to stay is there, then call `collect` about once a second. One for a process."""

    def __init__(self) -> None:
        self._calls = 0
        gc.collect()
        gc.freeze()
        gc.disable()

    def collect(self) -> None:
        """Collect young garbage, and now and then all of it."""
        self._calls += 1
        gc.collect(2 if self._calls % _FULL_EACH == 0 else 1)
