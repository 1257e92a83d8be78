"""Deadlines: order over both kinds, cancelling, timers that start timers, memory after a flood of cancelled
ones."""

from __future__ import annotations

import random

from bridge.sip.timers import TIMEOUT, Timer, Timers


def test_everything_runs_in_the_order_of_its_deadline() -> None:
    timers, ran = Timers(), list[float]()
    chance = random.Random(1)
    for step in range(300):
        now = step / 10
        if chance.random() < 0.5:
            timers.start_timeout(now, lambda _, deadline=now + TIMEOUT: ran.append(deadline))  # type: ignore[misc]
        else:
            deadline = now + chance.uniform(0, 60)
            timers.start(deadline, lambda _, deadline=deadline: ran.append(deadline))  # type: ignore[misc]
    while (due := timers.next_deadline()) is not None:
        timers.run(due)
    assert len(ran) == 300
    assert ran == sorted(ran)


def test_nothing_runs_early_or_after_it_was_cancelled() -> None:
    timers, ran = Timers(), list[str]()
    first = timers.start(1.0, lambda _: ran.append("first"))
    timeout = timers.start_timeout(0.0, lambda _: ran.append("timeout"))
    timers.start(2.0, lambda _: ran.append("second"))
    timers.run(0.999)
    assert ran == []
    first.cancel()
    first.cancel()
    timeout.cancel()
    assert timers.next_deadline() == 2.0
    timers.run(100.0)
    assert ran == ["second"]
    assert timers.next_deadline() is None


def test_a_callback_may_start_what_is_due_at_once() -> None:
    timers, ran = Timers(), list[float]()

    def again(now: float) -> None:
        ran.append(now)
        if len(ran) < 3:
            timers.start(now, again)

    timers.start(1.0, again)
    timers.run(5.0)
    assert ran == [5.0, 5.0, 5.0]


def test_a_callback_may_cancel_another_that_is_due() -> None:
    timers, ran = Timers(), list[str]()
    other: list[Timer] = []
    timers.start(1.0, lambda _: other[0].cancel())
    other.append(timers.start(1.0, lambda _: ran.append("other")))
    timers.run(2.0)
    assert ran == []


def test_cancelled_timers_do_not_pile_up() -> None:
    timers = Timers()
    timers.start(10_000.0, lambda _: None)
    for number in range(100_000):
        timers.start(20_000.0 + number, lambda _: None).cancel()
    assert len(timers) < 200


def test_a_clock_that_steps_back_breaks_nothing() -> None:
    timers, ran = Timers(), list[str]()
    timers.start_timeout(10.0, lambda _: ran.append("a"))
    timers.start_timeout(5.0, lambda _: ran.append("b"))
    timers.run(10.0 + TIMEOUT)
    assert ran == ["a", "b"]
