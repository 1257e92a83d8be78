"""SIPp scenarios against a running bridge over UDP: one foreign implementation's view of each behaviour."""

from __future__ import annotations

import pytest

from tests.interop.sipp import SippRun, run_sipp
from tests.support.running_bridge import (
    DIGEST_NUMBER,
    NUMBER,
    PASSWORD,
    PIN_NUMBER,
    UNKNOWN_NUMBER,
    CarrierWorld,
    RunningBridge,
    wait_until,
)
from trunking.call_record import CallRecord
from trunking.termination import Termination

pytestmark = pytest.mark.usefixtures("sipp")

CALLS = (
    "basic",
    "cancel_too_late",
    "hold_resume",
    "info_digits",
    "offerless",
    "prack",
    "prack_unmatched",
    "refused_reinvite",
    "session_timer",
    "session_timer_too_small",
)
"""Scenarios of an answered call that the caller ends."""


def last_record(world: CarrierWorld, termination: Termination, called: str = NUMBER) -> CallRecord:
    """The newest record, when it is written, of a call that ended thus."""
    found: list[CallRecord] = []

    def is_there() -> bool:
        found[:] = [record for record in world.records() if record.called_number == called][:1]
        return bool(found) and found[0].termination is termination

    wait_until(is_there, 5, lambda: f"no record says {termination}: {found}")
    return found[0]


@pytest.mark.parametrize("scenario", CALLS)
def test_answered_call(bridge: RunningBridge, world: CarrierWorld, scenario: str) -> None:
    run_sipp(SippRun(scenario, "127.0.0.1", bridge.udp_port, NUMBER))
    record = last_record(world, Termination.CALLER_HUNG_UP)
    assert record.sip_status == 200
    assert record.codec == "PCMU"


def test_call_over_ipv6(bridge: RunningBridge, world: CarrierWorld) -> None:
    run_sipp(SippRun("basic", "::1", bridge.udp_port, NUMBER))
    assert last_record(world, Termination.CALLER_HUNG_UP).source.startswith("udp:::1:")


def test_options_ping(bridge: RunningBridge) -> None:
    run_sipp(SippRun("options", "127.0.0.1", bridge.udp_port, "ping", calls=5))


def test_cancelled_call(bridge: RunningBridge, world: CarrierWorld) -> None:
    run_sipp(SippRun("cancel", "127.0.0.1", bridge.udp_port, NUMBER))
    last_record(world, Termination.CANCELLED)


def test_number_of_nobody_is_refused(bridge: RunningBridge) -> None:
    run_sipp(SippRun("unroutable", "127.0.0.1", bridge.udp_port, UNKNOWN_NUMBER))


def test_request_of_no_dialog(bridge: RunningBridge) -> None:
    run_sipp(SippRun("unknown_dialog", "127.0.0.1", bridge.udp_port, NUMBER))


def test_digest(impatient_bridge: RunningBridge, world: CarrierWorld) -> None:
    run_sipp(
        SippRun(
            "digest",
            "127.0.0.1",
            impatient_bridge.udp_port,
            DIGEST_NUMBER,
            calls=5,
            username=world.digest_trunk.username,
            password=PASSWORD,
        )
    )


@pytest.mark.parametrize("username", ["", "nobody-has-this-name"], ids=["wrong password", "unknown user"])
def test_wrong_credentials(impatient_bridge: RunningBridge, world: CarrierWorld, username: str) -> None:
    run_sipp(
        SippRun(
            "digest_refused",
            "127.0.0.1",
            impatient_bridge.udp_port,
            DIGEST_NUMBER,
            username=username or world.digest_trunk.username,
            password="not the password",
        )
    )


def test_call_without_media_is_ended_by_us(impatient_bridge: RunningBridge, world: CarrierWorld) -> None:
    run_sipp(SippRun("hung_up_by_us", "127.0.0.1", impatient_bridge.udp_port, NUMBER, pause_ms=10_000))
    last_record(world, Termination.MEDIA_TIMEOUT)


def test_lost_ack(bridge: RunningBridge, world: CarrierWorld) -> None:
    outcome = run_sipp(SippRun("lost_ack", "127.0.0.1", bridge.udp_port, NUMBER))
    assert outcome.received("SIP/2.0 200", "1 INVITE") >= 2
    last_record(world, Termination.CALLER_HUNG_UP)


def test_lossy_network(bridge: RunningBridge) -> None:
    run = SippRun("basic", "127.0.0.1", bridge.udp_port, NUMBER, calls=60, rate=60, lost_percent=8)
    assert run_sipp(run).retransmissions > 0


def test_audio_and_a_digit(bridge: RunningBridge, world: CarrierWorld) -> None:
    run_sipp(SippRun("played_audio", "127.0.0.1", bridge.udp_port, NUMBER))
    record = last_record(world, Termination.CALLER_HUNG_UP)
    assert record.codec == "PCMA"
    assert record.quality["packets_received"] > 100
    assert record.dtmf_count == 1


@pytest.mark.xfail(reason="prompts are played after the answer; no early media yet", strict=True)
def test_prompt_as_early_media(bridge: RunningBridge) -> None:
    run_sipp(SippRun("early_media", "127.0.0.1", bridge.udp_port, PIN_NUMBER))


def test_we_refresh_the_session(bridge: RunningBridge, world: CarrierWorld) -> None:
    run = SippRun("session_refresh_by_us", "127.0.0.1", bridge.udp_port, NUMBER, timeout_seconds=70)
    run_sipp(run)
