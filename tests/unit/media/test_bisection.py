"""The capacity benchmark's search finds the border, from either side, in few trials."""

from __future__ import annotations

import pytest

from benchmarks.capacity.bisection import largest_passing


@pytest.mark.parametrize("border", [0, 1, 2, 7, 40, 95, 100, 101, 260])
@pytest.mark.parametrize("start", [1, 50, 100])
def test_the_border_is_found_within_its_precision(border: int, start: int) -> None:
    tried: list[int] = []

    def trial(count: int) -> bool:
        tried.append(count)
        return count <= border

    found = largest_passing(trial, start)
    assert found <= border
    assert border - found <= max(0.05 * found, 1)
    assert len(tried) <= 40
