"""Scanner defence: what makes a source be shunned, and what never does."""

from __future__ import annotations

from bridge.calls.call_settings import CallSettings
from bridge.calls.source_guard import GuardLimits, SourceGuard
from bridge.calls.source_index import accountable_source
from bridge.sip.events import RequestRefused
from bridge.sip.flow import Flow, Transport
from tests.support.call_world import CallWorld


def test_answered_challenges_are_never_held_against_a_source() -> None:
    guard = SourceGuard(GuardLimits(unanswered_challenges=5))
    for _ in range(1000):
        guard.challenged("a", 0.0)
        guard.succeeded("a", 0.0)
    assert guard.listens_to("a", 0.0)


def test_unanswered_challenges_and_failures_shun_for_a_while() -> None:
    guard = SourceGuard(GuardLimits(unanswered_challenges=5, failures=3, shun_seconds=60))
    for _ in range(6):
        guard.challenged("a", 0.0)
    assert not guard.listens_to("a", 0.0)
    assert guard.listens_to("b", 0.0)
    assert guard.listens_to("a", 60.0)
    for _ in range(4):
        guard.failed("b", 0.0)
    assert not guard.listens_to("b", 59.9)
    assert guard.shunned == 2


def test_customer_with_a_wrong_password_does_not_cut_off_the_others_of_its_carrier() -> None:
    guard = SourceGuard(GuardLimits(failures=3))
    for _ in range(1000):
        guard.failed("carrier", 0.0)
        guard.succeeded("carrier", 0.0)
    assert guard.listens_to("carrier", 0.0)
    for _ in range(4):
        guard.failed("carrier", 0.0)
    assert not guard.listens_to("carrier", 0.0)


def test_slow_challenges_are_forgiven() -> None:
    guard = SourceGuard(GuardLimits(unanswered_challenges=5))
    for second in range(1000):
        guard.challenged("a", float(second))
    assert guard.listens_to("a", 1000.0)


def test_retransmissions_to_a_restarted_bridge_are_harmless() -> None:
    guard = SourceGuard(GuardLimits(failures=2))
    for why in ("unknown_dialog", "unknown_transaction", "merged", "session_interval", "extension") * 20:
        guard.refused("a", why, 0.0)
    assert guard.listens_to("a", 0.0)
    for _ in range(3):
        guard.refused("a", "malformed", 0.0)
    assert not guard.listens_to("a", 0.0)


def test_ipv6_peer_cannot_hide_in_its_own_network() -> None:
    guard = SourceGuard(GuardLimits(failures=3))
    for host in range(4):
        guard.failed(f"2001:db8:0:1::{host}", 0.0)
    assert not guard.listens_to("2001:db8:0:1::ffff", 0.0)
    assert guard.listens_to("2001:db8:0:2::1", 0.0)
    assert accountable_source("::ffff:192.0.2.1") == "192.0.2.1"


def test_quietest_source_is_forgotten_first() -> None:
    guard = SourceGuard(GuardLimits(sources=2, failures=1))
    for source in ("a", "a", "b", "c"):
        guard.failed(source, 0.0)
    assert guard.listens_to("a", 0.0)
    assert len(guard._sources) == 2


async def test_password_guesser_is_shunned_and_others_call_on() -> None:
    world = CallWorld(guard_limits=GuardLimits(failures=5, records=3))
    for attempt in range(7):
        await world.invite(password=f"guess-{attempt}", source="203.0.113.66")
    assert not world.guard.listens_to("203.0.113.66", world.clock.now)
    assert len(world.reports.records) == 3
    assert world.reports.counts["record_left_out"] == 4
    assert len(world.reports.terminations) == 7
    call = await world.invite(source="203.0.113.5")
    assert world.signalling.of(call)[-1][0] == "answer"
    assert world.guard.listens_to("203.0.113.5", world.clock.now)


async def test_refusals_of_the_endpoint_are_counted_by_their_word() -> None:
    world = CallWorld()
    flow = Flow(Transport.UDP, "198.51.100.1", 5060, "203.0.113.66", 5060)
    world.control.sip_event(RequestRefused(flow, "REGISTER", 405, "method", "REGISTER"))
    assert world.reports.counts["method"] == 1


async def test_unknown_callers_can_be_dropped() -> None:
    world = CallWorld(settings=CallSettings("bridge-1", drop_unknown_callers=True))
    unknown = await world.invite("+15559990000", username=None)
    assert world.signalling.of(unknown) == [("drop",)]
    wrong = await world.invite(password="x")
    assert world.signalling.of(wrong) == [("drop",)]
    known = await world.invite(username=None)
    assert world.signalling.of(known)[0][0] == "challenge"
    assert world.reports.counts["dropped_unknown_caller"] == 2
