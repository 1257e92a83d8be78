"""Limits per bridge, source and trunk, and what each says when it is reached."""

from __future__ import annotations

from bridge.calls.admission import Admission, AdmissionLimits
from bridge.calls.token_bucket import TokenBucket
from tests.support.call_world import CallWorld, trunk
from trunking.termination import Termination


def admission(**limits: float) -> Admission:
    """Ready, with these limits."""
    made = Admission(AdmissionLimits(**limits))  # type: ignore[arg-type]
    made.set_ready()
    return made


def test_bucket_holds_its_burst_and_regains_its_rate() -> None:
    bucket = TokenBucket(2.0, 3.0, 0.0)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.seconds_until_token(0.0) == 0.5
    assert bucket.take(0.5)
    assert not bucket.take(0.5)
    bucket.put_back(0.5)
    assert bucket.take(0.5)
    assert bucket.full(100.0)
    assert bucket.level(100.0) == 3.0


def test_bridge_is_full_at_its_limit_and_empties() -> None:
    full = admission(calls=2)
    one = trunk()
    assert full.take("a", one, 0.0) is None
    assert full.take("b", one, 0.0) is None
    refusal = full.take("c", one, 0.0)
    assert refusal is not None
    assert refusal.termination is Termination.BRIDGE_FULL
    assert full.check_bridge() is not None
    assert not full.accepting
    assert full.serving
    full.give_back("a", one.id)
    assert full.take("c", one, 0.0) is None
    assert full.calls == 2


def test_source_limits_spare_other_sources() -> None:
    limited = admission(calls_per_source=1, calls_per_second_per_source=1.0)
    one = trunk()
    assert limited.take("a", one, 0.0) is None
    refusal = limited.take("a", one, 0.0)
    assert refusal is not None
    assert refusal.termination is Termination.SOURCE_LIMIT
    assert limited.take("b", one, 0.0) is None
    limited.give_back("a", one.id)
    assert limited.take("a", one, 0.0) is None  # the burst is twice the rate
    limited.give_back("a", one.id)
    assert limited.take("a", one, 0.0) is not None
    assert limited.take("a", one, 1.0) is None


def test_ipv6_network_shares_its_limit_and_gives_back() -> None:
    limited = admission(calls_per_source=1)
    one = trunk()
    assert limited.take("2001:db8::1", one, 0.0) is None
    assert limited.take("2001:db8::2", one, 0.0) is not None
    limited.give_back("2001:db8::1", one.id)
    assert limited.take("2001:db8::2", one, 0.0) is None


def test_trunk_limits_are_per_trunk_and_a_refusal_costs_the_source_nothing() -> None:
    limited = admission(calls_per_second_per_source=10.0)
    slow = trunk(max_calls_per_second=1.0)
    busy = trunk(id="trunk-2", max_concurrent_calls=1)
    assert limited.take("a", slow, 0.0) is None
    for _ in range(50):
        refusal = limited.take("a", slow, 0.0)
        assert refusal is not None
        assert refusal.termination is Termination.TRUNK_LIMIT
    assert limited.take("a", busy, 0.0) is None
    refusal = limited.take("b", busy, 0.0)
    assert refusal is not None
    assert refusal.expected == "fewer than 1 calls on the trunk"
    assert limited.take("a", slow, 1.0) is None


def test_changed_trunk_limit_counts_at_once() -> None:
    limited = admission()
    assert limited.take("a", trunk(max_calls_per_second=1.0), 0.0) is None
    assert limited.take("a", trunk(max_calls_per_second=1.0), 0.0) is not None
    assert limited.take("a", trunk(max_calls_per_second=5.0), 0.0) is None
    assert limited.take("a", trunk(), 0.0) is None


async def test_trunk_limit_is_busy_and_recorded() -> None:
    world = CallWorld(trunk=trunk(max_concurrent_calls=1))
    await world.invite()
    call = await world.invite()
    assert world.signalling.of(call) == [("reject", 486, None)]
    record = world.record_of(call)
    assert record.termination is Termination.TRUNK_LIMIT
    assert record.ladder[-1].detail["received"] == "1"


async def test_full_bridge_answers_before_any_work() -> None:
    world = CallWorld(limits=AdmissionLimits(calls=1))
    await world.invite()
    call = await world.invite(username=None)
    assert world.signalling.of(call) == [("reject", 503, 10)]
    assert world.reports.counts["bridge_full"] == 1
    assert len(world.platform.requests) == 1
