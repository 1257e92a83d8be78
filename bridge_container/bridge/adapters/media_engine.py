"""The media engine in one process: implements the `MediaEngine` port on sockets, a tick and the pure core.

It runs in the signalling process, or inside a worker process behind `media_worker_pool`. All of its methods
return at once, but for answering a browser's offer.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bridge.adapters.media_settings import EngineLoad, MediaSettings
from bridge.adapters.media_tick import MediaTick
from bridge.adapters.packet_transport import PacketTransport
from bridge.adapters.rtp_ports import RtpPorts, SocketPair, raise_descriptor_limit
from bridge.adapters.rtp_protection import SrtpProtection
from bridge.adapters.rtp_udp import UdpPoller, UdpTransport
from bridge.adapters.webrtc_port import WebRtcPeer, WebRtcPeerFactory
from bridge.calls.media_engine import (
    DtmfReceived,
    LegConnected,
    LegFailed,
    LegStatistics,
    MediaError,
    MediaEvent,
    MediaFullError,
    PhoneLegParameters,
    RoomMember,
    RtpAddress,
    SrtpKeys,
)
from bridge.media.codec import AudioFormat
from bridge.media.leg_quality import BEGINNING, LegCounts, counted, measure
from bridge.media.load_governor import LoadGovernor
from bridge.media.media_core import CoreEvent, DigitHeard, FirstPacketCame, MediaCore
from bridge.media.media_leg import LegFormat, LegTimeouts, MediaLeg
from bridge.media.outgoing_stream import OutgoingStream
from bridge.media.report_exchange import ReportExchange

_OBSERVE_EACH = 1.0
"""Seconds between two looks at the load."""


@dataclass(slots=True)
class _CarriedLeg:
    leg: MediaLeg
    transport: PacketTransport
    keys: SrtpKeys | None = None
    protection: SrtpProtection | None = None
    sampled: LegCounts = BEGINNING
    """What the leg had counted when it was last sampled."""


class TickMediaEngine:
    """A `MediaEngine`. Create it anywhere, `start` it on the loop that it is to run on."""

    def __init__(self, settings: MediaSettings, webrtc_peers: WebRtcPeerFactory | None = None) -> None:
        self._settings = settings
        self._webrtc_peers = webrtc_peers
        self._ports = RtpPorts(
            settings.bind_host, settings.port_first, settings.port_last, settings.bind_host_ipv6
        )
        self._core = MediaCore(settings.max_speakers)
        self._poller = UdpPoller()
        self._tick = MediaTick(self._core, self._poller, webrtc_peers, self._translate)
        self._legs: dict[str, _CarriedLeg] = {}
        self._listener: Callable[[MediaEvent], None] = lambda event: None
        self._governor = LoadGovernor(settings.complexity, settings.load_limit)
        self._observer: asyncio.TimerHandle | None = None
        self._busy_before = 0.0

    async def start(self) -> None:
        """Begin to carry audio."""
        raise_descriptor_limit()
        self._tick.start()
        self._observer = asyncio.get_running_loop().call_later(_OBSERVE_EACH, self._observe)

    async def close(self) -> None:
        """Close all legs and sockets."""
        self._tick.stop()
        if self._observer is not None:
            self._observer.cancel()
        for leg_id in tuple(self._legs):
            await self.close_leg(leg_id)
        if self._webrtc_peers is not None:
            self._webrtc_peers.close()
        self._poller.close()

    def subscribe(self, listener: Callable[[MediaEvent], None]) -> None:
        """Register the one listener; it is called on the engine's loop."""
        self._listener = listener

    def load(self) -> EngineLoad:
        """How the engine is doing."""
        return EngineLoad(
            self._governor.busy,
            len(self._legs),
            len(self._core.rooms),
            self._governor.complexity,
            self._tick.late_ticks,
            self._tick.skipped_ticks,
            self._governor.full,
            self._webrtc_peers.refused() if self._webrtc_peers is not None else {},
        )

    def loads(self) -> Sequence[EngineLoad]:
        """The same, as of an engine with one worker."""
        return [self.load()]

    def _observe(self) -> None:
        busy = self._tick.busy_seconds
        changed = self._governor.observe((busy - self._busy_before) / _OBSERVE_EACH)
        self._busy_before = busy
        if changed and self._settings.adapt_complexity:
            self._core.set_complexity(self._governor.complexity)
        self._observer = asyncio.get_running_loop().call_later(_OBSERVE_EACH, self._observe)

    def _admit(self, leg_id: str) -> None:
        if leg_id in self._legs:
            raise MediaError(f"leg {leg_id} is open already")
        if self._governor.full:
            raise MediaFullError("the media worker is at its limit")

    # Phones

    async def open_phone_leg(self, leg_id: str, room: str, *, prefer_ipv6: bool = False) -> RtpAddress:
        """Reserve an RTP port pair."""
        self._admit(leg_id)
        return self.adopt_phone_leg(leg_id, room, self._ports.open(prefer_ipv6=prefer_ipv6))

    def adopt_phone_leg(self, leg_id: str, room: str, sockets: SocketPair) -> RtpAddress:
        """Take over a bound pair of RTP and RTCP sockets for a new phone leg."""
        self._admit(leg_id)
        transport = UdpTransport(sockets, self._poller)
        leg = self._new_leg(leg_id, "phone", secrets.randbits(32))
        self._add(leg, room, transport)
        return RtpAddress(self._settings.advertised_for(sockets[0].family), transport.port)

    async def configure_phone_leg(self, leg_id: str, parameters: PhoneLegParameters) -> None:
        """Set or change what was negotiated."""
        carried = self._carried(leg_id)
        transport = carried.transport
        if not isinstance(transport, UdpTransport):
            raise MediaError(f"leg {leg_id} is no phone")
        if parameters.srtp != carried.keys:
            carried.keys = parameters.srtp
            carried.protection = None if parameters.srtp is None else SrtpProtection(parameters.srtp)
        codec = parameters.codec
        audio = AudioFormat(codec.name, codec.payload_type, codec.clock_rate)
        try:
            carried.leg.configure(
                LegFormat(
                    audio,
                    parameters.dtmf_payload_type,
                    parameters.ptime,
                    send=parameters.send,
                    receive=parameters.receive,
                    detect_tones=self._settings.in_band_dtmf and parameters.dtmf_payload_type is None,
                    event_clock_rate=parameters.dtmf_clock_rate,
                ),
                self._tick.now,
            )
        except ValueError as error:
            raise MediaError(str(error)) from error
        payload_types = {codec.payload_type, 13}
        if parameters.dtmf_payload_type is not None:
            payload_types.add(parameters.dtmf_payload_type)
        transport.expect(_remote(parameters), payload_types, carried.protection)
        self._core.arrange(leg_id)

    async def move_leg(self, leg_id: str, room: str) -> None:
        """Let a leg that has not joined yet be for another room."""
        leg = self._carried(leg_id).leg
        if leg.present:
            raise MediaError(f"leg {leg_id} has joined its room already")
        self._core.move_leg(leg_id, room)

    async def join_room(self, leg_id: str, name: str) -> None:
        """Let the leg hear, and be heard in, its room."""
        leg = self._carried(leg_id).leg
        leg.name = name
        leg.present = True
        self._core.arrange(leg_id)

    async def send_dtmf(self, leg_id: str, digits: str) -> None:
        """Play digits to the phone as telephone-events."""
        events = self._carried(leg_id).leg.outgoing.events
        if events is None:
            raise MediaError("the peer did not offer telephone-event")
        try:
            events.enqueue(digits)
        except ValueError as error:
            raise MediaError(str(error)) from error

    async def play(self, leg_id: str, prompt: bytes) -> None:
        """Play 16-bit mono PCM at 8000 Hz to this leg alone."""
        self._carried(leg_id).leg.play(prompt)

    # Browsers

    async def open_webrtc_leg(self, leg_id: str, room: str, name: str, offer: str) -> str:
        """Answer an offer; the leg joins the room when it is connected."""
        if self._webrtc_peers is None:
            raise MediaError("this engine takes no WebRTC legs")
        self._admit(leg_id)
        peer: WebRtcPeer = self._webrtc_peers(
            connected=lambda: self._webrtc_connected(leg_id),
            ended=lambda why: self._webrtc_ended(leg_id, why),
        )
        try:
            answer = await peer.answer(offer)
        except MediaError:
            peer.close()
            raise
        leg = self._new_leg(leg_id, "webrtc", answer.ssrc, answer.cname)
        leg.name = name
        codec = answer.codec
        leg.configure(
            LegFormat(
                AudioFormat(codec.name, codec.payload_type, codec.clock_rate),
                answer.dtmf_payload_type,
                send=answer.send,
                receive=answer.receive,
                resend_lost=answer.nack,
                in_band_fec=answer.in_band_fec,
            ),
            self._tick.now,
        )
        self._add(leg, room, peer)
        return answer.sdp

    def _webrtc_connected(self, leg_id: str) -> None:
        carried = self._legs.get(leg_id)
        if carried is not None:
            carried.leg.present = True
            self._core.arrange(leg_id)
            self._listener(LegConnected(leg_id))

    def _webrtc_ended(self, leg_id: str, why: str) -> None:
        if leg_id in self._legs:
            self._listener(LegFailed(leg_id, why))

    # Everybody

    async def mute(self, leg_id: str, muted: bool) -> None:
        """Stop or resume what others hear of this leg."""
        self._carried(leg_id).leg.muted = muted
        self._core.arrange(leg_id)

    async def members(self, room: str) -> tuple[RoomMember, ...]:
        """Who is in the room now."""
        return tuple(
            RoomMember(leg.leg_id, leg.kind, leg.name, leg.level(), leg.muted)
            for leg in self._core.room_members(room)
        )

    async def statistics(self, leg_id: str) -> LegStatistics:
        """What the leg measured so far."""
        return _statistics(self._carried(leg_id), BEGINNING)

    async def sample(self, leg_ids: Sequence[str]) -> Mapping[str, LegStatistics]:
        """What legs measured since each was last sampled."""
        found: dict[str, LegStatistics] = {}
        for leg_id in leg_ids:
            carried = self._legs.get(leg_id)
            if carried is not None:
                found[leg_id] = _statistics(carried, carried.sampled)
                carried.sampled = counted(carried.leg)
        return found

    async def close_leg(self, leg_id: str) -> LegStatistics:
        """End the leg and free its port. Closing twice is no error."""
        carried = self._legs.pop(leg_id, None)
        if carried is None:
            return LegStatistics()
        self._tick.drop(leg_id)
        self._core.remove_leg(leg_id)
        reports = carried.leg.reports
        if reports is not None and carried.leg.format is not None:
            carried.transport.send([reports.farewell(carried.leg.outgoing)])
        carried.transport.close()
        return _statistics(carried, BEGINNING)

    def _new_leg(self, leg_id: str, kind: str, ssrc: int, cname: str = "") -> MediaLeg:
        # RFC 3550 section 5.1: sequence number and timestamp begin at random.
        outgoing = OutgoingStream(ssrc, secrets.randbits(15), secrets.randbits(31))
        timeouts = LegTimeouts(self._settings.initial_timeout, self._settings.running_timeout)
        reports = ReportExchange(cname or secrets.token_hex(8), time.time() - self._tick.now)
        leg = MediaLeg(leg_id, kind, outgoing, timeouts, reports)
        leg.set_complexity(self._governor.complexity)
        return leg

    def _add(self, leg: MediaLeg, room: str, transport: PacketTransport) -> None:
        self._legs[leg.leg_id] = _CarriedLeg(leg, transport)
        self._core.add_leg(leg, room)
        self._tick.carry(leg, transport)

    def _carried(self, leg_id: str) -> _CarriedLeg:
        carried = self._legs.get(leg_id)
        if carried is None:
            raise MediaError(f"there is no leg {leg_id}")
        return carried

    def _translate(self, event: CoreEvent) -> None:
        if isinstance(event, DigitHeard):
            self._listener(DtmfReceived(event.leg_id, event.digit, event.duration_ms))
        elif isinstance(event, FirstPacketCame):
            carried = self._legs.get(event.leg_id)
            if carried is not None and carried.leg.kind == "phone":
                self._listener(LegConnected(event.leg_id))
        else:
            self._listener(LegFailed(event.leg_id, "media_timeout"))


def _remote(parameters: PhoneLegParameters) -> tuple[str, int] | None:
    """The signalled address; None when the first valid packet must tell it (RFC 4145 has no port 0 peer)."""
    if parameters.remote_port == 0:
        return None
    try:
        address = ipaddress.ip_address(parameters.remote_host)
    except ValueError:  # a host name: resolving it here would block; symmetric RTP finds the peer
        return None
    return None if address.is_unspecified else (str(address), parameters.remote_port)


def _statistics(carried: _CarriedLeg, since: LegCounts) -> LegStatistics:
    leg = carried.leg
    reception = leg.incoming.reception
    playout = leg.incoming.playout
    discarded = leg.incoming.discarded
    if isinstance(carried.transport, UdpTransport):
        discarded += carried.transport.discarded
    if playout is not None:
        discarded += playout.counts.late + playout.counts.invalid
    quality = measure(leg, since)
    return LegStatistics(
        packets_received=reception.received if reception is not None else 0,
        packets_sent=leg.outgoing.sent,
        packets_lost=reception.lost if reception is not None else 0,
        packets_discarded=discarded,
        loss_ratio=quality.loss,
        jitter_ms=quality.jitter_ms,
        round_trip_ms=quality.round_trip_ms,
        concealed_ratio=quality.concealed_ratio,
        mos=quality.mos,
        peer_loss_ratio=quality.peer_loss,
        peer_jitter_ms=quality.peer_jitter_ms,
        peer_mos=quality.peer_mos,
        dtmf_count=leg.dtmf_count,
    )
