"""Effort follows load: taken back early, given back late; new legs refused before deadlines are missed."""

from __future__ import annotations

from bridge.media.load_governor import LoadGovernor


def test_effort_is_taken_back_step_by_step_while_busy() -> None:
    governor = LoadGovernor(5)
    seen = [governor.complexity]
    for _ in range(20):
        if governor.observe(0.75):
            seen.append(governor.complexity)
    assert seen == [5, 3, 1, 0]
    assert not governor.full


def test_effort_comes_back_only_after_a_while_of_ease() -> None:
    governor = LoadGovernor(5)
    for _ in range(20):
        governor.observe(0.75)
    for _ in range(12):
        governor.observe(0.1)
    assert governor.complexity == 1
    for _ in range(60):
        governor.observe(0.1)
    assert governor.complexity == 5


def test_a_short_peak_changes_nothing() -> None:
    governor = LoadGovernor(5)
    governor.observe(0.2)
    assert not governor.observe(0.9)
    assert governor.complexity == 5
    assert not governor.full


def test_new_legs_are_refused_near_the_limit_and_admitted_again() -> None:
    governor = LoadGovernor(0)
    for _ in range(20):
        governor.observe(0.95)
    assert governor.full
    for _ in range(5):
        governor.observe(0.3)
    assert not governor.full
