"""Call control with every port faked and a clock that is turned by hand."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.calls.admission import Admission, AdmissionLimits
from bridge.calls.call_control import CallControl
from bridge.calls.call_platform import CallParticipant, CallPlatformError, JoinRequest, ParticipantEnded
from bridge.calls.call_ports import CallPorts
from bridge.calls.call_settings import CallSettings
from bridge.calls.media_engine import (
    DtmfReceived,
    LegStatistics,
    MediaError,
    MediaEvent,
    MediaFullError,
    PhoneLegParameters,
    RoomMember,
    RtpAddress,
)
from bridge.calls.media_negotiation import MediaNegotiation
from bridge.calls.reception import CallDecisions
from bridge.calls.routing_table import ApplicationContent, RoutingTable
from bridge.calls.source_guard import GuardLimits, SourceGuard
from bridge.sip.digest import DigestAuthenticator, digest_response
from bridge.sip.events import InviteReceived
from bridge.sip.flow import Flow, Transport
from bridge.sip.message import SipRequest
from bridge.sip.negotiated_media import MediaCapabilities
from bridge.sip.parser import parse_datagram
from tests.support.event_schemas import check_subject
from trunking.call import CallIdentity
from trunking.call_record import CallRecord
from trunking.routing_rule import CallerConfig, DirectRouting, RoutingRule
from trunking.termination import Termination
from trunking.trunk import Trunk, TrunkCredentials

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)
TRUNK = Trunk(
    id="trunk-1",
    application_id="app",
    name="Carrier",
    numbers=("+15551230001", "+15551230002"),
    username="alice",
    allowed_ips=(),
    created_at=MIDNIGHT,
    updated_at=MIDNIGHT,
    country="US",
)
RULE = RoutingRule(
    id="rule-1",
    application_id="app",
    name="All",
    trunk_ids=("trunk-1",),
    caller=CallerConfig("phone-{{caller_number}}"),
    created_at=MIDNIGHT,
    updated_at=MIDNIGHT,
    direct_routing=DirectRouting("default", "lobby"),
)
CREDENTIALS = TrunkCredentials("trunk-1", "alice", "secret-password")


class HandClock:
    """Stands still unless told; also the timers' scheduler."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle, Callable[[], None]]] = []
        self._order = itertools.count()

    def monotonic(self) -> float:
        return self.now

    def utc(self) -> datetime:
        return MIDNIGHT + timedelta(seconds=self.now - 1000.0)

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
        loop = asyncio.get_running_loop()
        handle = asyncio.TimerHandle(self.now + delay, callback, args, loop)
        self._timers.append((self.now + delay, next(self._order), handle, lambda: callback(*args)))
        return handle

    async def advance(self, seconds: float) -> None:
        """Turn the clock, running what is due in its order."""
        until = self.now + seconds
        while True:
            due = sorted(entry for entry in self._timers if entry[0] <= until and not entry[2].cancelled())
            if not due:
                break
            first = due[0]
            self._timers.remove(first)
            self.now = max(self.now, first[0])
            first[3]()
            await settle()
        self.now = until
        await settle()


class RecordingSignalling:
    """Remembers each decision as a tuple."""

    def __init__(self) -> None:
        self.decisions: list[tuple[Any, ...]] = []

    def of(self, call: str) -> list[tuple[Any, ...]]:
        """What was decided about one dialog, without its name."""
        return [(what, *rest) for what, name, *rest in self.decisions if name == call]

    def challenge(self, call: str, challenges: Sequence[str]) -> None:
        self.decisions.append(("challenge", call, tuple(challenges)))

    def drop(self, call: str) -> None:
        self.decisions.append(("drop", call))

    def ring(self, call: str, sdp: bytes | None = None) -> None:
        self.decisions.append(("ring", call) if sdp is None else ("ring_with_media", call, sdp))

    def answer(self, call: str, sdp: bytes) -> None:
        self.decisions.append(("answer", call, sdp))

    def reject(self, call: str, status: int, *, reason: str = "", retry_after: int | None = None) -> None:
        self.decisions.append(("reject", call, status, retry_after))

    def hang_up(self, call: str, reason: str = "") -> None:
        self.decisions.append(("hang_up", call, reason))

    def accept_reinvite(self, call: str, sdp: bytes | None) -> None:
        self.decisions.append(("accept_reinvite", call, sdp))

    def reject_reinvite(self, call: str, status: int) -> None:
        self.decisions.append(("reject_reinvite", call, status))

    def transfer(self, call: str, refer_to: str) -> None:
        self.decisions.append(("transfer", call, refer_to))


class FakeMedia:
    """Legs as dictionary entries; implements `MediaEngine`."""

    def __init__(self) -> None:
        self.rooms: dict[str, str] = {}
        self.parameters: dict[str, list[PhoneLegParameters]] = {}
        self.joined: list[str] = []
        self.closed: list[str] = []
        self.played: list[bytes] = []
        self.figures = LegStatistics(packets_received=50, packets_sent=50, mos=4.2)
        self.sampled: list[tuple[str, ...]] = []
        self.full = False
        self.ipv6 = False
        self.listener: Callable[[MediaEvent], None] | None = None
        self._ports = itertools.count(30_000, 2)

    def subscribe(self, listener: Callable[[MediaEvent], None]) -> None:
        self.listener = listener

    async def open_phone_leg(self, leg_id: str, room: str, *, prefer_ipv6: bool = False) -> RtpAddress:
        if self.full:
            raise MediaFullError("no free port")
        self.rooms[leg_id] = room
        host = "2001:db8::1" if prefer_ipv6 and self.ipv6 else "198.51.100.1"
        return RtpAddress(host, next(self._ports))

    async def configure_phone_leg(self, leg_id: str, parameters: PhoneLegParameters) -> None:
        self.parameters.setdefault(leg_id, []).append(parameters)

    async def move_leg(self, leg_id: str, room: str) -> None:
        self.rooms[leg_id] = room

    async def join_room(self, leg_id: str, name: str) -> None:
        self.joined.append(leg_id)

    async def open_webrtc_leg(self, leg_id: str, room: str, name: str, offer: str) -> str:
        raise MediaError("no browsers here")

    async def mute(self, leg_id: str, muted: bool) -> None:
        """Nothing to mute."""

    async def send_dtmf(self, leg_id: str, digits: str) -> None:
        """Nobody listens."""

    async def play(self, leg_id: str, prompt: bytes) -> None:
        self.played.append(prompt)

    async def members(self, room: str) -> tuple[RoomMember, ...]:
        return ()

    async def statistics(self, leg_id: str) -> LegStatistics:
        return self.figures

    async def sample(self, leg_ids: Sequence[str]) -> Mapping[str, LegStatistics]:
        self.sampled.append(tuple(leg_ids))
        return {leg_id: self.figures for leg_id in leg_ids if leg_id in self.rooms}

    async def close_leg(self, leg_id: str) -> LegStatistics:
        self.closed.append(leg_id)
        return self.figures


class FakeParticipant:
    """A phone in a faked call."""

    def __init__(self) -> None:
        self.digits = ""
        self.left = 0

    async def send_dtmf(self, digit: str, duration_ms: int) -> None:
        self.digits += digit

    async def leave(self) -> None:
        self.left += 1


class FakePlatform:
    """Lets everybody in, unless told."""

    name = "fake"

    def __init__(self, media: FakeMedia) -> None:
        self._media = media
        self.requests: list[JoinRequest] = []
        self.participants: list[FakeParticipant] = []
        self.ended: list[Callable[[ParticipantEnded], None]] = []
        self.refusal: CallPlatformError | None = None
        self.door = asyncio.Event()
        self.door.set()

    def room(self, call: CallIdentity, sip_call_id: str) -> str:
        return f"{call.application_id}/{call.cid}"

    async def join(self, request: JoinRequest, ended: Callable[[ParticipantEnded], None]) -> CallParticipant:
        self.requests.append(request)
        await self.door.wait()
        if self.refusal is not None:
            raise self.refusal
        await self._media.join_room(request.leg_id, request.user.name)
        self.ended.append(ended)
        participant = FakeParticipant()
        self.participants.append(participant)
        return participant

    async def close(self) -> None:
        """Nothing is held."""


class Reports:
    """Records, events and counters in lists."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []
        self.events: list[tuple[str, str | None, int, Mapping[str, Any]]] = []
        self.counts: dict[str, int] = {}
        self.terminations: list[Termination] = []
        self.illegal_triggers: list[tuple[str, str]] = []

    def put(self, record: CallRecord) -> None:
        self.records.append(record)

    def emit(self, kind: str, application_id: str | None, version: int, subject: Mapping[str, Any]) -> None:
        check_subject(f"sip.call.{kind}", subject)
        self.events.append((kind, application_id, version, subject))

    def arrived(self) -> None:
        self._count("arrived")

    def challenged(self) -> None:
        self._count("challenged")

    def answered(self, seconds: float) -> None:
        self._count("answered")

    def ended(self, termination: Termination, *, answered: bool, seconds: float) -> None:
        self.terminations.append(termination)

    def measured(self, figures: LegStatistics) -> None:
        self._count("measured")

    def refused(self, why: str) -> None:
        self._count(why)

    def illegal(self, state: str, trigger: str) -> None:
        self.illegal_triggers.append((state, trigger))

    def active(self, calls: int) -> None:
        self.counts["active"] = calls

    def kinds(self) -> list[str]:
        """The kinds of the events, in order."""
        return [kind for kind, *_ in self.events]

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


@dataclass
class CallWorld:
    """Call control, its ports, and INVITEs that it can be given."""

    trunk: Trunk = TRUNK
    rules: Sequence[RoutingRule] = (RULE,)
    limits: AdmissionLimits = field(default_factory=AdmissionLimits)
    guard_limits: GuardLimits = field(default_factory=GuardLimits)
    settings: CallSettings = field(default_factory=lambda: CallSettings("bridge-1"))
    clock: HandClock = field(default_factory=HandClock)
    signalling: RecordingSignalling = field(default_factory=RecordingSignalling)
    media: FakeMedia = field(default_factory=FakeMedia)
    reports: Reports = field(default_factory=Reports)
    ready: bool = True

    def __post_init__(self) -> None:
        self.platform = FakePlatform(self.media)
        self.table = RoutingTable()
        self.table.replace_application(
            ApplicationContent("app", 1, (self.trunk,), self.rules, (CREDENTIALS,))
        )
        self.authenticator = DigestAuthenticator("trunkline", b"k" * 32)
        self.admission = Admission(self.limits)
        self.guard = SourceGuard(self.guard_limits)
        if self.ready:
            self.admission.set_ready()
        ports = CallPorts(
            self.signalling,
            self.media,
            self.platform,
            self.reports,
            self.reports,
            self.reports,
            self.clock,
            self.clock,
        )
        negotiation = MediaNegotiation(MediaCapabilities(), lambda count: b"\x01" * count)
        self.control = CallControl(
            ports,
            CallDecisions(self.table, self.authenticator, self.admission, self.guard, negotiation),
            self.settings,
        )
        self._handles = itertools.count(1)

    async def invite(
        self,
        called: str = "+15551230001",
        *,
        source: str = "203.0.113.5",
        username: str | None = "alice",
        password: str = "secret-password",
        offer: bytes | None = OFFER,
        headers: str = "",
        sender: str = '"Bob" <sip:+15557654321@carrier.example>;tag=1',
    ) -> str:
        """Let an INVITE come; with a username it has credentials for a fresh nonce. The dialog's name."""
        handle = f"dialog-{next(self._handles)}"
        uri = f"sip:{called}@trunkline.example"
        if username is not None:
            headers += self._authorization(uri, username, password)
        request = invite_request(uri, sender, handle, headers)
        flow = Flow(Transport.UDP, "198.51.100.1", 5060, source, 5060)
        self.control.sip_event(InviteReceived(handle, request, flow, offer))
        await settle()
        return handle

    async def digits(self, call: str, digits: str) -> None:
        """The caller presses keys."""
        leg_id = self.leg_of(call)
        for digit in digits:
            self.control.media_event(DtmfReceived(leg_id, digit, 100))
            await settle()

    def leg_of(self, call: str) -> str:
        """The media leg of a dialog."""
        return next(r.id for r in self.reports.records if r.sip_call_id == f"{call}@carrier.example")

    def record_of(self, call: str) -> CallRecord:
        """The last record of a dialog."""
        return [r for r in self.reports.records if r.sip_call_id == f"{call}@carrier.example"][-1]

    def _authorization(self, uri: str, username: str, password: str) -> str:
        challenge = self.authenticator.challenges(self.clock.now)[0]
        nonce = challenge.partition('nonce="')[2].partition('"')[0]
        response = digest_response(
            "SHA-512-256",
            username=username,
            realm="trunkline",
            password=password,
            method="INVITE",
            uri=uri,
            nonce=nonce,
            nonce_count="00000001",
            client_nonce="c",
            quality="auth",
        )
        return (
            f'Authorization: Digest username="{username}", realm="trunkline", nonce="{nonce}", uri="{uri}", '
            f'algorithm=SHA-512-256, qop=auth, nc=00000001, cnonce="c", response="{response}"\r\n'
        )


def invite_request(uri: str, sender: str, name: str, headers: str = "") -> SipRequest:
    """An INVITE as the parser gives it."""
    text = (
        f"INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bK{name}\r\nMax-Forwards: 70\r\n"
        f"From: {sender}\r\nTo: <{uri}>\r\nCall-ID: {name}@carrier.example\r\nCSeq: 1 INVITE\r\n"
        f"Contact: <sip:203.0.113.5>\r\n{headers}Content-Length: 0\r\n\r\n"
    )
    message = parse_datagram(text.encode())
    assert isinstance(message, SipRequest)
    return message


def trunk(**changes: Any) -> Trunk:
    """The trunk with changes."""
    return replace(TRUNK, **changes)


def rule(**changes: Any) -> RoutingRule:
    """The rule with changes."""
    return replace(RULE, **changes)


async def settle() -> None:
    """Let everything run that waits for nothing."""
    for _ in range(30):
        await asyncio.sleep(0)
