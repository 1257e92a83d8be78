"""The engine on real loopback sockets: phones over UDP and SRTP, DTMF, strangers, ports given back."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
from pylibsrtp import Policy, Session

from bridge.adapters.media_engine import TickMediaEngine
from bridge.adapters.media_settings import MediaSettings
from bridge.calls.media_engine import (
    Codec,
    DtmfReceived,
    LegConnected,
    LegFailed,
    MediaError,
    MediaEvent,
    PhoneLegParameters,
    RtpAddress,
    SrtpKeys,
)
from bridge.media import g711
from bridge.media.g711 import Samples
from bridge.media.rtp import build_rtp, parse_rtp
from bridge.media.telephone_event import TelephoneEventSender
from tests.unit.media.virtual_phones import tone, tone_level

PCMU = Codec("PCMU", 0, 8000)


class SocketPhone:
    """A phone with a real socket that sends a tone in real time."""

    def __init__(self, hertz: float, protection: tuple[Session, Session] | None = None) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.speech = tone(hertz, 10)
        self.protection = protection
        self.heard: list[Samples] = []
        self.sequence_number = 1
        self.frame = 0
        self.digits = TelephoneEventSender(8000)

    @property
    def port(self) -> int:
        port: int = self.socket.getsockname()[1]
        return port

    def exchange(self, address: RtpAddress) -> None:
        """Send one packet, read what came."""
        begin = 160 * self.frame
        payload = g711.encode("PCMU", self.speech[begin % 70000 :][:160])
        packets = [build_rtp(0, False, self.sequence_number, begin, 7, payload)]
        if self.digits.active:
            packets = [
                build_rtp(101, event.marker, self.sequence_number + number, event.timestamp, 7, event.payload)
                for number, event in enumerate(self.digits.step(begin))
            ]
        for packet in packets:
            data = packet if self.protection is None else self.protection[1].protect(packet)
            self.socket.sendto(data, (address.host, address.port))
        self.sequence_number += len(packets)
        self.frame += 1
        while True:
            try:
                data = self.socket.recv(2048)
            except BlockingIOError:
                return
            if self.protection is not None:
                data = self.protection[0].unprotect(data)
            parsed = parse_rtp(data)
            assert parsed is not None
            if parsed.payload_type == 0:
                self.heard.append(g711.decode("PCMU", parsed.payload))

    def hearing(self) -> Samples:
        return np.concatenate(self.heard)[-3200:] if self.heard else np.zeros(0, np.int16)

    def hears(self, hertz: float, level: float = 4000.0) -> bool:
        """Whether a tone fills what was heard last."""
        return len(self.heard) >= 20 and tone_level(self.hearing(), hertz) > level


@pytest.fixture
async def engine() -> AsyncIterator[TickMediaEngine]:
    running = TickMediaEngine(MediaSettings())
    await running.start()
    yield running
    await running.close()


async def talk(seconds: float, *calls: tuple[SocketPhone, RtpAddress]) -> None:
    """Let phones exchange audio in real time."""
    begin = time.monotonic()
    for frame in range(int(seconds * 50)):
        for phone, address in calls:
            phone.exchange(address)
        await asyncio.sleep(max(0.0, begin + 0.02 * (frame + 1) - time.monotonic()))


async def talk_until(
    condition: Callable[[], bool], *calls: tuple[SocketPhone, RtpAddress], within: float = 20.0
) -> None:
    """Let phones talk until something has come about: a busy machine takes its time."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        await talk(0.2, *calls)


async def connect(engine: TickMediaEngine, leg_id: str, phone: SocketPhone, **extra: object) -> RtpAddress:
    address = await engine.open_phone_leg(leg_id, "room")
    assert address.port % 2 == 0
    parameters = PhoneLegParameters(PCMU, "127.0.0.1", phone.port, 101, **extra)  # type: ignore[arg-type]
    await engine.configure_phone_leg(leg_id, parameters)
    await engine.join_room(leg_id, leg_id.title())
    return address


@pytest.mark.parametrize("clock_rate", [8000, 48000])
async def test_a_digit_beside_opus_has_its_duration(engine: TickMediaEngine, clock_rate: int) -> None:
    events: list[MediaEvent] = []
    engine.subscribe(events.append)
    phone = SocketPhone(440)
    address = await engine.open_phone_leg("phone", "room")
    opus = Codec("opus", 111, 48000)
    parameters = PhoneLegParameters(opus, "127.0.0.1", phone.port, 101, dtmf_clock_rate=clock_rate)
    await engine.configure_phone_leg("phone", parameters)
    phone.digits = TelephoneEventSender(clock_rate)
    phone.digits.enqueue("6")
    await talk_until(lambda: DtmfReceived("phone", "6", 100) in events, (phone, address))


async def test_two_phones_over_udp(engine: TickMediaEngine) -> None:
    events: list[MediaEvent] = []
    engine.subscribe(events.append)
    alice, bob = SocketPhone(440), SocketPhone(850)
    addresses = [await connect(engine, "alice", alice), await connect(engine, "bob", bob)]
    both = (alice, addresses[0]), (bob, addresses[1])
    await talk_until(lambda: alice.hears(850) and bob.hears(440), *both)
    assert tone_level(alice.hearing(), 440) < 100
    bob.digits.enqueue("5#")
    await talk_until(lambda: sum(isinstance(event, DtmfReceived) for event in events) == 2, *both)
    assert [event for event in events if isinstance(event, LegConnected)] == [
        LegConnected("alice"),
        LegConnected("bob"),
    ]
    assert [event for event in events if isinstance(event, DtmfReceived)] == [
        DtmfReceived("bob", "5", 100),
        DtmfReceived("bob", "#", 100),
    ]
    members = await engine.members("room")
    assert {member.name for member in members} == {"Alice", "Bob"}
    assert all(member.level > 0.2 for member in members)
    figures = await engine.close_leg("bob")
    assert figures.packets_lost == 0
    assert figures.packets_received > 20
    assert figures.dtmf_count == 2
    assert await engine.close_leg("bob") == type(figures)()


async def test_srtp_phone_with_a_plain_one(engine: TickMediaEngine) -> None:
    for suite, profile, length in (
        ("AES_CM_128_HMAC_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
        ("AES_CM_128_HMAC_SHA1_32", Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30),
        ("AEAD_AES_128_GCM", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
        ("AEAD_AES_256_GCM", Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
    ):
        keys = SrtpKeys(suite, os.urandom(length), os.urandom(length))
        sessions = (
            Session(Policy(key=keys.send_key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile)),
            Session(Policy(key=keys.receive_key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)),
        )
        secure, plain = SocketPhone(440, sessions), SocketPhone(850)
        addresses = [
            await connect(engine, "secure", secure, srtp=keys),
            await connect(engine, "plain", plain),
        ]
        both = (secure, addresses[0]), (plain, addresses[1])
        await talk_until(lambda s=secure, p=plain: s.hears(850) and p.hears(440), *both)  # type: ignore[misc]
        await engine.close_leg("secure")
        await engine.close_leg("plain")


async def test_a_stranger_can_neither_speak_nor_listen(engine: TickMediaEngine) -> None:
    alice, bob, stranger = SocketPhone(440), SocketPhone(850), SocketPhone(1490)
    addresses = [await connect(engine, "alice", alice), await connect(engine, "bob", bob)]
    await talk_until(lambda: alice.hears(850) and bob.hears(440), (alice, addresses[0]), (bob, addresses[1]))
    await talk(0.6, (alice, addresses[0]), (bob, addresses[1]), (stranger, addresses[0]))
    assert tone_level(bob.hearing(), 1490) < 50
    assert stranger.heard == []
    assert (await engine.statistics("alice")).packets_discarded >= 25


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python knows no IPv6")
async def test_a_phone_over_ipv6() -> None:
    engine = TickMediaEngine(MediaSettings(bind_host="::1", advertised_host="::1"))
    await engine.start()
    events: list[MediaEvent] = []
    engine.subscribe(events.append)
    address = await engine.open_phone_leg("alice", "room")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as phone:
        phone.bind(("::1", 0))
        phone.setblocking(False)
        await engine.configure_phone_leg("alice", PhoneLegParameters(PCMU, "::1", phone.getsockname()[1]))
        await engine.join_room("alice", "Alice")
        for number in range(20):
            phone.sendto(build_rtp(0, False, number, 160 * number, 7, b"\xff" * 160), ("::1", address.port))
            await asyncio.sleep(0.02)
        answered = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(phone, 2048), 20)
        assert parse_rtp(answered) is not None
    assert LegConnected("alice") in events
    assert (await engine.close_leg("alice")).packets_received >= 18
    await engine.close()


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python knows no IPv6")
async def test_both_ip_versions_side_by_side() -> None:
    first = free_range()
    settings = MediaSettings(bind_host_ipv6="::1", port_first=first, port_last=first + 3)
    engine = TickMediaEngine(settings)
    await engine.start()
    assert (await engine.open_phone_leg("four", "room")).host == "127.0.0.1"
    assert (await engine.open_phone_leg("six", "room", prefer_ipv6=True)).host == "::1"
    await engine.close()
    one_version = TickMediaEngine(MediaSettings())
    await one_version.start()
    assert (await one_version.open_phone_leg("six", "room", prefer_ipv6=True)).host == "127.0.0.1"
    await one_version.close()


async def test_ports_come_back_and_run_out() -> None:
    first = free_range()
    engine = TickMediaEngine(MediaSettings(port_first=first, port_last=first + 3))
    await engine.start()
    assert (await engine.open_phone_leg("one", "room")).port == first
    assert (await engine.open_phone_leg("two", "room")).port == first + 2
    with pytest.raises(MediaError, match="no free RTP port"):
        await engine.open_phone_leg("three", "room")
    await engine.close_leg("one")
    assert (await engine.open_phone_leg("three", "room")).port == first
    await engine.close()


def free_range() -> int:
    """The first of four ports in a row that are free now."""
    for first in range(20000, 30000, 4):
        probes = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(4)]
        try:
            for offset, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + offset))
        except OSError:
            continue
        else:
            return first
        finally:
            for probe in probes:
                probe.close()
    raise AssertionError("no four free ports in a row")


async def test_a_silent_phone_fails_with_media_timeout() -> None:
    engine = TickMediaEngine(MediaSettings(initial_timeout=0.5))
    failures: list[MediaEvent] = []
    failed = asyncio.Event()

    def listen(event: MediaEvent) -> None:
        failures.append(event)
        failed.set()

    engine.subscribe(listen)
    await engine.start()
    await connect(engine, "alice", SocketPhone(440))
    await asyncio.wait_for(failed.wait(), 30)
    assert failures == [LegFailed("alice", "media_timeout")]
    await engine.close()


async def test_unknown_legs_and_wrong_orders_are_media_errors(engine: TickMediaEngine) -> None:
    with pytest.raises(MediaError, match="no leg"):
        await engine.statistics("nobody")
    await engine.open_phone_leg("alice", "room")
    with pytest.raises(MediaError, match="open already"):
        await engine.open_phone_leg("alice", "room")
    with pytest.raises(MediaError, match="telephone-event"):
        await engine.send_dtmf("alice", "1")
    with pytest.raises(MediaError, match="no decoder"):
        await engine.configure_phone_leg(
            "alice", PhoneLegParameters(Codec("GSM", 3, 8000), "127.0.0.1", 5000)
        )
    await engine.move_leg("alice", "elsewhere")
    await engine.join_room("alice", "Alice")
    assert [member.name for member in await engine.members("elsewhere")] == ["Alice"]
    with pytest.raises(MediaError, match="joined"):
        await engine.move_leg("alice", "room")
