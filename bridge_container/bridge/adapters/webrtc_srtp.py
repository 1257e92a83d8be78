"""SRTP and SRTCP of one WebRTC peer (RFC 3711, RFC 5764): plain packets to protected ones and back.

It tells RTP from RTCP by RFC 5761, counts what it refuses and never raises on what a peer sent. It knows no
addresses and no codecs. Imports pylibsrtp, and the protection profiles from aiortc.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiortc.rtcdtlstransport import (
    SRTP_AEAD_AES_128_GCM,
    SRTP_AEAD_AES_256_GCM,
    SRTP_AES128_CM_SHA1_80,
    SRTPProtectionProfile,
)
from pylibsrtp import Error, Policy, Session

MAXIMUM_SOURCES = 16
"""Synchronisation sources that a peer may use; libsrtp keeps state for each."""
MAXIMUM_PACKET = 1340
"""Longest plain packet in bytes that fits libsrtp's buffer with its trailer."""
_SHORTEST_RTP = 12


PROFILES = (SRTP_AEAD_AES_128_GCM, SRTP_AEAD_AES_256_GCM, SRTP_AES128_CM_SHA1_80)
"""In order of preference: GCM is cheaper per packet; the last one every WebRTC peer has (RFC 8827)."""


def is_rtcp(packet: bytes) -> bool:
    """RFC 5761 section 4: the second byte tells RTCP from RTP on a shared port."""
    return 192 <= packet[1] <= 223


class SrtpSessions:
    """One peer's two directions."""

    def __init__(self, profile: SRTPProtectionProfile, *, receive_key: bytes, send_key: bytes) -> None:
        """Each key is the master key followed by its salt."""
        self._receiving = Session(_policy(profile, receive_key, Policy.SSRC_ANY_INBOUND))
        self._sending = Session(_policy(profile, send_key, Policy.SSRC_ANY_OUTBOUND))
        self._sources: set[bytes] = set()
        self.discarded = 0
        """Packets that were malformed, forged, replayed or of too many sources."""

    def unprotect(self, packets: Iterable[bytes]) -> list[bytes]:
        """The plain packets of those that are authentic and new, in order."""
        plain: list[bytes] = []
        for packet in packets:
            try:
                if len(packet) < _SHORTEST_RTP:
                    self.discarded += 1
                elif is_rtcp(packet):
                    plain.append(self._receiving.unprotect_rtcp(packet))
                elif packet[8:12] in self._sources:
                    plain.append(self._receiving.unprotect(packet))
                elif len(self._sources) < MAXIMUM_SOURCES:
                    plain.append(self._receiving.unprotect(packet))
                    self._sources.add(packet[8:12])
                else:
                    self.discarded += 1
            except (Error, ValueError):
                self.discarded += 1
        return plain

    def protect(self, packet: bytes) -> bytes:
        """The packet protected. The same RTP packet may be given again, to answer a NACK (RFC 4585)."""
        if is_rtcp(packet):
            return bytes(self._sending.protect_rtcp(packet))
        return bytes(self._sending.protect(packet))


def sessions_from_keying_material(
    profile: SRTPProtectionProfile, material: bytes, *, server: bool
) -> SrtpSessions:
    """Sessions of the DTLS server or client from what DTLS exported (RFC 5764 section 4.2)."""
    client_key, server_key = (profile.get_key_and_salt(material, index) for index in (0, 1))
    if server:
        return SrtpSessions(profile, receive_key=client_key, send_key=server_key)
    return SrtpSessions(profile, receive_key=server_key, send_key=client_key)


def _policy(profile: SRTPProtectionProfile, key: bytes, source: int) -> Policy:
    policy = Policy(key=key, ssrc_type=source, srtp_profile=profile.libsrtp_profile)
    policy.allow_repeat_tx = True
    policy.window_size = 1024
    return policy
