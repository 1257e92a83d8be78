"""Offer and answer of each call: what was said before, and what it means for the media leg. Imports sip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address

from bridge.calls.media_engine import Codec, PhoneLegParameters, RtpAddress, SrtpKeys
from bridge.sip.negotiated_media import LocalMedia, MediaCapabilities, NegotiatedMedia, Refusal
from bridge.sip.offer_answer import accept_answer, answer_offer, make_offer


class UnacceptableMediaError(Exception):
    """The peer's description cannot be taken; the session stays as it was."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.why)
        self.status = refusal.status
        self.expected = "a description of audio that can be taken"
        self.received = refusal.why


@dataclass(slots=True)
class _Session:
    local: LocalMedia
    settled: NegotiatedMedia | None = None
    offered: bytes | None = field(default=None, repr=False)

    def settle(self, media: NegotiatedMedia) -> None:
        """Take it, unless no packet could pass between the two addresses: raises `UnacceptableMediaError`."""
        ours, theirs = self.local.host, media.remote_host
        if _is_usable(theirs) and ip_version(ours) != ip_version(theirs):
            why = f"an IPv{ip_version(theirs)} address, to which there is no way from IPv{ip_version(ours)}"
            raise UnacceptableMediaError(Refusal(488, why))
        self.settled = media


class MediaNegotiation:
    """The media sessions of all calls, by media leg."""

    def __init__(self, capabilities: MediaCapabilities, entropy: Callable[[int], bytes]) -> None:
        self._capabilities = capabilities
        self._entropy = entropy
        self._sessions: dict[str, _Session] = {}

    def begin(self, leg_id: str, address: RtpAddress) -> None:
        """A leg is open at `address`."""
        self._sessions[leg_id] = _Session(LocalMedia(address.host, address.port, self._entropy))

    def answer(self, leg_id: str, offer: bytes) -> NegotiatedMedia:
        """Answer an offer; raises `UnacceptableMediaError`."""
        session = self._sessions[leg_id]
        negotiated = answer_offer(offer, self._capabilities, session.local, session.settled)
        if isinstance(negotiated, Refusal):
            raise UnacceptableMediaError(negotiated)
        session.settle(negotiated)
        return negotiated

    def offer(self, leg_id: str) -> bytes:
        """Our own offer, for an INVITE that came without one; the ACK brings the answer."""
        session = self._sessions[leg_id]
        session.offered = make_offer(self._capabilities, session.local, session.settled)
        return session.offered

    def take_answer(self, leg_id: str, answer: bytes) -> NegotiatedMedia:
        """The answer to our last offer; raises `UnacceptableMediaError`."""
        session = self._sessions[leg_id]
        if session.offered is None:
            raise UnacceptableMediaError(Refusal(400, "an answer to no offer"))
        negotiated = accept_answer(
            session.offered, answer, self._capabilities, session.local, session.settled
        )
        session.offered = None
        if isinstance(negotiated, Refusal):
            raise UnacceptableMediaError(negotiated)
        session.settle(negotiated)
        return negotiated

    def forget(self, leg_id: str) -> None:
        """The leg is closed."""
        self._sessions.pop(leg_id, None)


def leg_parameters(media: NegotiatedMedia) -> PhoneLegParameters:
    """What the media engine has to know of it."""
    crypto = media.crypto
    known = _is_usable(media.remote_host)
    return PhoneLegParameters(
        codec=Codec(media.codec, media.payload_type, media.clock_rate),
        remote_host=media.remote_host if known else "",
        remote_port=media.remote_port if known else 0,
        dtmf_payload_type=media.dtmf_payload_type,
        dtmf_clock_rate=None if media.dtmf_payload_type is None else media.dtmf_clock_rate,
        ptime=media.ptime,
        send=media.send,
        # A peer that holds us may play music: it does not belong into the call, and its absence is no fault.
        receive=media.receive and not media.held,
        srtp=None if crypto is None else SrtpKeys(crypto.suite, crypto.receive_key, crypto.send_key),
    )


def ip_version(host: str) -> int:
    """4 or 6; a host name counts as 4."""
    return 6 if ":" in host else 4


def names_ipv6(description: bytes) -> bool:
    """Whether IPv6 addresses are the only ones of a session description."""
    return b"c=IN IP6 " in description and b"c=IN IP4 " not in description


@lru_cache(maxsize=4096)
def _is_usable(host: str) -> bool:
    try:
        return not ip_address(host).is_unspecified
    except ValueError:
        return False
