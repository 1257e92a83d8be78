"""SIPp scenarios against a running bridge over UDP: one foreign implementation's view of each behaviour."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.interop.sipp import SippOutcome, SippRun, run_sipp
from tests.interop.tls_relay import tls_relay
from tests.support.running_bridge import (
    DIGEST_NUMBER,
    NUMBER,
    PASSWORD,
    PIN_NUMBER,
    ROOM_NUMBER,
    UNKNOWN_NUMBER,
    CarrierWorld,
    RunningBridge,
    wait_until,
)
from trunking.call_record import CallRecord
from trunking.termination import Termination

pytestmark = pytest.mark.usefixtures("sipp", "refreshed_session")

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


@pytest.fixture(scope="module")
def refreshed_session(bridge: RunningBridge, sipp: None) -> Iterator[Future[SippOutcome]]:
    """The one scenario that takes 45 seconds, the shortest session there is, runs beside all others."""
    run = SippRun("session_refresh_by_us", "127.0.0.1", bridge.udp_port, ROOM_NUMBER, timeout_seconds=110)
    with ThreadPoolExecutor(1) as threads:
        yield threads.submit(run_sipp, run)


def last_record(world: CarrierWorld, termination: Termination, called: str = NUMBER) -> CallRecord:
    """The newest record, when it is written, of a call that ended thus."""
    found: list[CallRecord] = []

    def is_there() -> bool:
        found[:] = [record for record in world.records() if record.called_number == called][:1]
        return bool(found) and found[0].termination is termination

    wait_until(is_there, 30, lambda: f"no record says {termination}: {found}")
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


@pytest.mark.parametrize("transport", ["t1", "tn"], ids=["one connection", "a connection each"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_calls_over_tcp(bridge: RunningBridge, world: CarrierWorld, host: str, transport: str) -> None:
    run_sipp(SippRun("basic", host, bridge.sip["tcp"][1], NUMBER, transport=transport, calls=5))
    assert last_record(world, Termination.CALLER_HUNG_UP).source.startswith(f"tcp:{host}:")


@pytest.mark.parametrize("scenario", ["hold_resume", "lost_ack", "prack", "session_timer"])
def test_scenario_over_tcp(bridge: RunningBridge, scenario: str) -> None:
    run_sipp(SippRun(scenario, "127.0.0.1", bridge.sip["tcp"][1], NUMBER, transport="t1"))


def test_calls_over_tls(bridge: RunningBridge, world: CarrierWorld, certificate: Path) -> None:
    """Debian builds SIPp without TLS: a relay of ours wraps its TCP connection, byte for byte."""
    with tls_relay(bridge.sip["tls"], certificate) as port:
        run_sipp(SippRun("basic_tls", "127.0.0.1", port, NUMBER, transport="t1", calls=5))
    assert last_record(world, Termination.CALLER_HUNG_UP).source.startswith("tls:127.0.0.1:")


def test_options_ping(bridge: RunningBridge) -> None:
    run_sipp(SippRun("options", "127.0.0.1", bridge.udp_port, "ping", calls=5))


def test_cancelled_call(bridge: RunningBridge, world: CarrierWorld) -> None:
    run_sipp(SippRun("cancel", "127.0.0.1", bridge.udp_port, NUMBER))
    assert last_record(world, Termination.CANCELLED).answered_at is None


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


def test_pin_over_early_media(impatient_bridge: RunningBridge, world: CarrierWorld) -> None:
    run_sipp(SippRun("early_media", "127.0.0.1", impatient_bridge.udp_port, PIN_NUMBER))
    record = last_record(world, Termination.CALLER_HUNG_UP, PIN_NUMBER)
    steps = [step.what for step in record.ladder]
    assert steps.index("early_media") < steps.index("digits_accepted") < steps.index("answered")


def test_we_refresh_the_session(refreshed_session: Future[SippOutcome]) -> None:
    assert refreshed_session.result(140).successful == 1
