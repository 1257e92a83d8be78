"""Finds the largest number of calls that passes a trial, in few trials. Pure but for the trial itself."""

from __future__ import annotations

from collections.abc import Callable


def largest_passing(trial: Callable[[int], bool], start: int, *, precision: float = 0.05) -> int:
    """The largest count that passed, within `precision` of one that failed; 0 when not one passes.

    Walks up or down from `start` by a quarter until both kinds of count are known, then halves between them.
    """
    passing, failing = 0, None
    count = max(start, 1)
    while failing is None or passing == 0:
        if trial(count):
            passing = max(passing, count)
            if failing is not None:
                break
            count = max(round(count * 1.25), count + 1)
        else:
            failing = count
            if count == 1:
                return 0
            if passing:
                break
            count = max(round(count * 0.75), 1) if count > 1 else 1
            if count == failing:
                count -= 1
    while failing - passing > max(round(passing * precision), 1):
        middle = (passing + failing) // 2
        if trial(middle):
            passing = middle
        else:
            failing = middle
    return passing
