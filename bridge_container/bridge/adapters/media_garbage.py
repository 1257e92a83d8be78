"""Python's garbage in a media worker: collected between ticks, at times of our choosing, never inside one.

Numbers and frames are freed by reference counts; cycles come from legs that open and close. Young ones are
looked for each second, all of them each minute. What exists before the first leg is never looked at again.
"""

from __future__ import annotations

import gc

_FULL_EACH = 60


class GarbageSchedule:
    """Call `collect` about once a second from the worker's loop."""

    def __init__(self) -> None:
        self._calls = 0
        gc.collect()
        gc.freeze()
        gc.disable()

    def collect(self) -> None:
        """Collect young garbage, and now and then all of it."""
        self._calls += 1
        gc.collect(2 if self._calls % _FULL_EACH == 0 else 1)
