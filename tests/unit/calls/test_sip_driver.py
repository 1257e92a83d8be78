"""The driver between sockets, endpoint and call control: order, timers, and what a fault may touch."""

from __future__ import annotations

import asyncio
import os

import pytest

from bridge.adapters.sip_driver import SipDriver
from bridge.sip.endpoint import EndpointSettings, SipEndpoint, Transmission
from bridge.sip.events import InviteReceived, SipEvent
from bridge.sip.flow import Flow, Transport
from tests.support.sip_listener import options
from tests.support.waiting import until

FLOW = Flow(Transport.UDP, "127.0.0.1", 5060, "203.0.113.5", 5060)


def invite(name: str) -> bytes:
    """An INVITE of its own dialog."""
    return (
        f"INVITE sip:+15551230001@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bK{name}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:a@carrier.example>;tag={name}\r\nTo: <sip:b@127.0.0.1>\r\nCall-ID: {name}\r\n"
        f"CSeq: 1 INVITE\r\nContact: <sip:a@203.0.113.5>\r\nContent-Length: 0\r\n\r\n"
    ).encode()


class Wire:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, transmission: Transmission) -> None:
        self.sent.append(transmission.data.partition(b"\r\n")[0])


class Driven:
    """A driver with a wire and a call control that the test writes."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.events: list[SipEvent] = []
        self.unread = 0
        self.deaf = False
        endpoint = SipEndpoint(EndpointSettings({Transport.UDP: ("127.0.0.1", 5060)}), os.urandom)
        self.driver = SipDriver(
            endpoint, asyncio.get_running_loop(), lambda source, now: not self.deaf, self._not_read
        )
        self.driver.carry(FLOW, self.wire)
        self.driver.connect(self.events.append)

    def _not_read(self) -> None:
        self.unread += 1


async def test_undecided_invite_gets_100_and_a_decided_one_does_not() -> None:
    driven = Driven()
    driven.driver.datagram(invite("one"), FLOW)
    driven.driver.pump()
    assert driven.wire.sent == [b"SIP/2.0 100 Trying"]
    driven.wire.sent.clear()
    driven.driver.connect(lambda event: driven.driver.reject(call_of(event), 503, retry_after=5))
    driven.driver.datagram(invite("two"), FLOW)
    driven.driver.pump()
    assert driven.wire.sent == [b"SIP/2.0 503 Service Unavailable"]
    driven.driver.stop()


async def test_decisions_of_one_turn_leave_together() -> None:
    driven = Driven()
    driven.driver.datagram(invite("one"), FLOW)
    driven.driver.pump()
    call = call_of(driven.events[0])
    driven.driver.ring(call)
    driven.driver.reject(call, 486)
    assert len(driven.wire.sent) == 1
    await asyncio.sleep(0)
    assert driven.wire.sent[1:] == [b"SIP/2.0 180 Ringing", b"SIP/2.0 486 Busy Here"]
    driven.driver.stop()


async def test_timers_of_the_endpoint_run() -> None:
    driven = Driven()
    driven.driver.datagram(invite("one"), FLOW)
    driven.driver.pump()
    driven.driver.reject(call_of(driven.events[0]), 486)
    # Timer G repeats the final response after 500 ms without an ACK (RFC 3261 section 17.2.1).
    await until(lambda: driven.wire.sent.count(b"SIP/2.0 486 Busy Here") == 2)
    driven.driver.stop()


async def test_one_events_fault_is_not_the_others() -> None:
    driven = Driven()

    def handle(event: SipEvent) -> None:
        if not driven.events:
            driven.events.append(event)
            raise ZeroDivisionError
        driven.events.append(event)

    driven.driver.connect(handle)
    endpoint_input = driven.driver._endpoint.receive_datagram
    now = asyncio.get_running_loop().time()
    endpoint_input(invite("one"), FLOW, now)
    endpoint_input(invite("two"), FLOW, now)
    with pytest.raises(ZeroDivisionError):
        driven.driver.pump()
    await asyncio.sleep(0)
    assert len(driven.events) == 2
    driven.driver.stop()


async def test_shunned_sources_are_not_read() -> None:
    driven = Driven()
    driven.deaf = True
    driven.driver.datagram(options(5060, "x", "UDP"), FLOW)
    driven.driver.pump()
    assert (driven.wire.sent, driven.unread) == ([], 1)
    driven.driver.stop()


def call_of(event: SipEvent) -> str:
    """The dialog of an INVITE."""
    assert isinstance(event, InviteReceived)
    return event.call
