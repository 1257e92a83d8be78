"""DTLS-SRTP of one WebRTC peer (RFC 5764, RFC 8827): datagrams in, datagrams out, SRTP sessions at the end.

OpenSSL runs in memory; this module holds no socket and no task. The peer is known by its certificate's
fingerprint from the session description (RFC 8122), not by any authority. Application data (data channels) is
not offered and is dropped. Certificates and digests are aiortc's; its RTCDtlsTransport, which needs a task
and a context for each peer, is not used. Imports pyOpenSSL, aiortc and `webrtc_srtp`.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from enum import Enum, auto

from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsFingerprint, certificate_digest
from cryptography import x509
from OpenSSL import SSL

from bridge.adapters.webrtc_srtp import PROFILES, SrtpSessions, sessions_from_keying_material

MAXIMUM_DATAGRAM = 1200
"""Bytes of UDP payload that pass every path in practice."""
_DTLS_1_2 = 0xFEFD
_RECORD_HEADER = 13
"""RFC 6347 section 4.1: type (1 byte), version (2), epoch and sequence number (8), length (2)."""
_EXPORTER_LABEL = b"EXTRACTOR-dtls_srtp"


class DtlsIdentity:
    """A self-signed certificate and the OpenSSL context that uses it; one serves all peers of a socket."""

    def __init__(self) -> None:
        certificate = RTCCertificate.generateCertificate()
        self.fingerprints = certificate.getFingerprints()
        self.context = certificate._create_ssl_context(list(PROFILES))
        # Records of DTLS 1.3 may lack a length, and a memory BIO keeps no datagram bounds: stay at 1.2, which
        # every WebRTC peer speaks (RFC 8827 section 6.5).
        self.context.set_min_proto_version(_DTLS_1_2)
        self.context.set_max_proto_version(_DTLS_1_2)
        self.context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION)
        self.context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        self.context.set_mode(SSL.MODE_RELEASE_BUFFERS)


class DtlsState(Enum):
    """Where a connection stands; FAILED and CLOSED are final."""

    HANDSHAKING = auto()
    CONNECTED = auto()
    FAILED = auto()
    CLOSED = auto()


class DtlsConnection:
    """One peer's handshake and what follows it."""

    def __init__(
        self, identity: DtlsIdentity, *, server: bool, fingerprints: Sequence[RTCDtlsFingerprint]
    ) -> None:
        """`server` waits for the peer's ClientHello; otherwise `start` sends ours."""
        self.state = DtlsState.HANDSHAKING
        self.failure = ""
        """Why the state is FAILED."""
        self.srtp: SrtpSessions | None = None
        self._server = server
        self._fingerprints = tuple(fingerprints)
        self._connection = SSL.Connection(identity.context)
        self._connection.set_ciphertext_mtu(MAXIMUM_DATAGRAM)
        if server:
            self._connection.set_accept_state()
        else:
            self._connection.set_connect_state()

    def start(self) -> None:
        """Send the ClientHello; nothing to do for a server."""
        if not self._server:
            self._handshake()

    def receive(self, datagram: bytes) -> None:
        """Handle one datagram of the peer; what is no whole record is ignored (RFC 6347 section 4.1.2.7)."""
        if self.state in (DtlsState.FAILED, DtlsState.CLOSED) or not _whole_records(datagram):
            return
        self._connection.bio_write(datagram)
        if self.state is DtlsState.HANDSHAKING:
            self._handshake()
        if self.state is DtlsState.CONNECTED:
            self._read()

    def handle_timeout(self) -> None:
        """Repeat the last flight when OpenSSL's timer for it has run out (RFC 6347 section 4.2.4)."""
        if self.state is not DtlsState.HANDSHAKING:
            return
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error as error:
            self._fail(f"handshake timed out: {_reason(error)}")

    def take_datagrams(self) -> list[bytes]:
        """What is to be sent to the peer now."""
        datagrams: list[bytes] = []
        pending = b""
        while True:
            try:
                pending += self._connection.bio_read(65536)
            except SSL.WantReadError:
                break
        for record in _records(pending):
            if datagrams and len(datagrams[-1]) + len(record) <= MAXIMUM_DATAGRAM:
                datagrams[-1] += record
            else:
                datagrams.append(record)
        return datagrams

    def close(self) -> None:
        """Queue close_notify for a peer that is connected. Closing twice is no error."""
        if self.state is DtlsState.CONNECTED:
            try:
                self._connection.shutdown()
            except SSL.Error as error:
                self.failure = _reason(error)
        if self.state is not DtlsState.FAILED:
            self.state = DtlsState.CLOSED

    def _handshake(self) -> None:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return
        except SSL.Error as error:
            self._fail(f"handshake failed: {_reason(error)}")
            return
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        if certificate is None or not _announced(certificate, self._fingerprints):
            self._fail("the certificate is not the one that the session description announced")
            return
        self._key_srtp()

    def _key_srtp(self) -> None:
        name = self._connection.get_selected_srtp_profile()
        profile = next((profile for profile in PROFILES if profile.openssl_profile == name), None)
        if profile is None:
            self._fail("no SRTP profile in common")
            return
        length = 2 * (profile.key_length + profile.salt_length)
        material = self._connection.export_keying_material(_EXPORTER_LABEL, length)
        self.srtp = sessions_from_keying_material(profile, material, server=self._server)
        self.state = DtlsState.CONNECTED

    def _read(self) -> None:
        """Let OpenSSL see alerts and repeated flights; application data goes nowhere."""
        try:
            while True:
                self._connection.recv(65536)
        except SSL.WantReadError:
            return
        except (SSL.ZeroReturnError, SSL.SysCallError):
            self.state = DtlsState.CLOSED
        except SSL.Error as error:
            self._fail(_reason(error))

    def _fail(self, why: str) -> None:
        self.failure = why
        self.state = DtlsState.FAILED


def _announced(certificate: x509.Certificate, fingerprints: Sequence[RTCDtlsFingerprint]) -> bool:
    """Whether the description named this certificate (RFC 8122 section 5)."""
    return any(
        hmac.compare_digest(
            certificate_digest(certificate, announced.algorithm.lower()).encode(),
            announced.value.upper().encode(),
        )
        for announced in fingerprints
    )


def _records(data: bytes) -> list[bytes]:
    """OpenSSL's output cut at record bounds, which its memory BIO does not keep as datagrams."""
    records: list[bytes] = []
    offset = 0
    while offset < len(data):
        length = _RECORD_HEADER + int.from_bytes(data[offset + 11 : offset + 13])
        records.append(data[offset : offset + length])
        offset += length
    return records


def _whole_records(datagram: bytes) -> bool:
    """Whether the datagram is a run of complete DTLS records, so that none lingers in the memory BIO."""
    offset = 0
    while offset < len(datagram):
        if len(datagram) - offset < _RECORD_HEADER or datagram[offset + 1] != 0xFE:
            return False
        offset += _RECORD_HEADER + int.from_bytes(datagram[offset + 11 : offset + 13])
    return 0 < offset == len(datagram)


def _reason(error: SSL.Error) -> str:
    """OpenSSL's own words, without addresses or keys."""
    entries = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return "; ".join(str(entry[-1]) for entry in entries) or type(error).__name__
