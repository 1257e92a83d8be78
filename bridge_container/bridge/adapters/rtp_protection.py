"""SRTP for a phone leg whose keys came by SDES (RFC 3711, RFC 4568, RFC 7714), by pylibsrtp."""

from __future__ import annotations

from pylibsrtp import Error, Policy, Session

from bridge.calls.media_engine import MediaError, SrtpKeys
from bridge.media.rtp import is_rtcp

_PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


class SrtpProtection:
    """Both directions of one leg. Never prints its keys."""

    def __init__(self, keys: SrtpKeys) -> None:
        profile = _PROFILES.get(keys.suite)
        if profile is None:
            raise MediaError(f"unknown SRTP suite {keys.suite}")
        try:
            self._inbound = Session(
                Policy(key=keys.receive_key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile)
            )
            self._outbound = Session(
                Policy(key=keys.send_key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
            )
        except (Error, ValueError, TypeError) as error:
            raise MediaError(f"SRTP keys do not fit {keys.suite}") from error

    def unprotect(self, data: bytes) -> bytes | None:
        """The plain packet; None when it is not authentic or replayed. `data` has two bytes or more."""
        try:
            return self._inbound.unprotect_rtcp(data) if is_rtcp(data) else self._inbound.unprotect(data)
        except Error:
            return None

    def protect(self, data: bytes) -> bytes | None:
        """The protected packet; None when libsrtp refuses it (a repeated index)."""
        try:
            return self._outbound.protect_rtcp(data) if is_rtcp(data) else self._outbound.protect(data)
        except Error:
            return None
