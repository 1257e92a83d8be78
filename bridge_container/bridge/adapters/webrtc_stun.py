"""STUN Binding messages as ICE uses them (RFC 8489, RFC 8445 section 7): read a request, write its response.

Bytes in, values out. It knows no addresses beyond those it prints, opens no sockets and holds no state; who a
request belongs to and whether it may be answered is `webrtc_ice`'s to decide. Imports the standard library.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")
_MAGIC_COOKIE = 0x2112A442
_FINGERPRINT_MASK = 0x5354554E
_INTEGRITY_LENGTH = 24
_FINGERPRINT_LENGTH = 8
_SHA1_LENGTH = 20

_BINDING_REQUEST = 0x0001
_BINDING_SUCCESS = 0x0101
_BINDING_ERROR = 0x0111

_USERNAME = 0x0006
_MESSAGE_INTEGRITY = 0x0008
_ERROR_CODE = 0x0009
_UNKNOWN_ATTRIBUTES = 0x000A
_XOR_MAPPED_ADDRESS = 0x0020
_PRIORITY = 0x0024
_USE_CANDIDATE = 0x0025
_FINGERPRINT = 0x8028
_ICE_CONTROLLED = 0x8029

_UNDERSTOOD = {_USERNAME, _MESSAGE_INTEGRITY, _PRIORITY, _USE_CANDIDATE}
_OPTIONAL_FROM = 0x8000
"""RFC 8489 section 14: attributes from here on may be ignored when unknown."""


class StunError(ValueError):
    """Not a Binding request that ICE could have sent; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """A connectivity check or consent check, not yet authenticated."""

    transaction_id: bytes
    local_fragment: str
    """The receiver's username fragment: the first half of USERNAME (RFC 8445 section 7.2.2)."""
    remote_fragment: str
    """The sender's username fragment."""
    use_candidate: bool
    """The sender nominates this path."""
    controlled: bool
    """The sender believes itself in the controlled role."""
    unknown: tuple[int, ...]
    """Types of attributes that must be understood and are not."""
    signed: bytes = field(repr=False)
    """What MESSAGE-INTEGRITY covers, with the header's length as it is signed."""
    integrity: bytes = field(repr=False)

    def authentic(self, password: str) -> bool:
        """Whether the sender knows the receiver's ICE password (RFC 8489 section 9.1.3)."""
        expected = hmac.digest(password.encode(), self.signed, hashlib.sha1)
        return hmac.compare_digest(expected, self.integrity)


def parse_binding_request(message: bytes) -> BindingRequest:
    """Read one datagram. Raises `StunError` for all that is not a well-formed ICE check."""
    if len(message) < _HEADER.size:
        raise StunError(f"{len(message)} bytes are no STUN header")
    kind, length, cookie, transaction_id = _HEADER.unpack_from(message)
    if kind != _BINDING_REQUEST or cookie != _MAGIC_COOKIE or length != len(message) - _HEADER.size:
        raise StunError("not a Binding request")
    offsets, values, unknown = _authenticated(message)
    signed_to = offsets.get(_MESSAGE_INTEGRITY)
    integrity = values.get(_MESSAGE_INTEGRITY, b"")
    if signed_to is None or len(integrity) != _SHA1_LENGTH:
        raise StunError("MESSAGE-INTEGRITY is missing or has a wrong length")
    local, separator, remote = values.get(_USERNAME, b"").partition(b":")
    if not separator or not (local + remote).isascii():
        raise StunError("USERNAME is not two fragments")
    return BindingRequest(
        transaction_id,
        local.decode("ascii"),
        remote.decode("ascii"),
        _USE_CANDIDATE in values,
        _ICE_CONTROLLED in values,
        unknown,
        _with_length(message[:signed_to], signed_to + _INTEGRITY_LENGTH),
        integrity,
    )


def binding_success(request: BindingRequest, host: str, port: int, password: str) -> bytes:
    """The response that tells the peer its address as we see it (RFC 8489 section 6.3.3)."""
    mapped = _xor_mapped_address(host, port, request.transaction_id)
    return _signed(_BINDING_SUCCESS, request.transaction_id, [(_XOR_MAPPED_ADDRESS, mapped)], password)


def binding_error(request: BindingRequest, code: int, reason: str, password: str) -> bytes:
    """An error response (RFC 8489 section 14.8); a 420 lists the attributes that were not understood."""
    value = struct.pack("!HBB", 0, code // 100, code % 100) + reason.encode("ascii")
    attributes = [(_ERROR_CODE, value)]
    if code == 420:
        attributes.append((_UNKNOWN_ATTRIBUTES, struct.pack(f"!{len(request.unknown)}H", *request.unknown)))
    return _signed(_BINDING_ERROR, request.transaction_id, attributes, password)


def _authenticated(message: bytes) -> tuple[dict[int, int], dict[int, bytes], tuple[int, ...]]:
    """Offsets and values of the attributes up to MESSAGE-INTEGRITY, and the types that we do not know.

    RFC 8489 section 14.5: what follows MESSAGE-INTEGRITY is not authentic and is ignored; only FINGERPRINT,
    which ICE demands and which comes last, is checked.
    """
    offsets: dict[int, int] = {}
    values: dict[int, bytes] = {}
    for attribute, offset, value in _attributes(message):
        if attribute == _FINGERPRINT:
            if value != _fingerprint(message[:offset]):
                raise StunError("FINGERPRINT is wrong")
            unknown = (kind for kind in values if kind < _OPTIONAL_FROM and kind not in _UNDERSTOOD)
            return offsets, values, tuple(unknown)
        if _MESSAGE_INTEGRITY not in values and attribute not in values:
            # RFC 8489 section 14: of an attribute that appears twice, the first counts.
            offsets[attribute], values[attribute] = offset, value
    raise StunError("FINGERPRINT is missing")


def _attributes(message: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Each attribute's type, offset in the message and value."""
    offset = _HEADER.size
    while offset < len(message):
        if offset + _ATTRIBUTE.size > len(message):
            raise StunError("an attribute is cut short")
        attribute, length = _ATTRIBUTE.unpack_from(message, offset)
        start = offset + _ATTRIBUTE.size
        if start + length > len(message):
            raise StunError("an attribute is longer than its message")
        yield attribute, offset, message[start : start + length]
        offset = start + length + -length % 4


def _with_length(message: bytes, total: int) -> bytes:
    """The message with its header's length set as if it ended after `total` bytes."""
    return message[:2] + struct.pack("!H", total - _HEADER.size) + message[4:]


def _fingerprint(message: bytes) -> bytes:
    """RFC 8489 section 14.7: a CRC-32 of all before it, the length counting it in."""
    covered = _with_length(message, len(message) + _FINGERPRINT_LENGTH)
    return struct.pack("!I", zlib.crc32(covered) ^ _FINGERPRINT_MASK)


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _signed(kind: int, transaction_id: bytes, attributes: list[tuple[int, bytes]], password: str) -> bytes:
    message = _HEADER.pack(kind, 0, _MAGIC_COOKIE, transaction_id)
    message += b"".join(_attribute(attribute, value) for attribute, value in attributes)
    covered = _with_length(message, len(message) + _INTEGRITY_LENGTH)
    message = covered + _attribute(_MESSAGE_INTEGRITY, hmac.digest(password.encode(), covered, hashlib.sha1))
    fingerprint = _fingerprint(message)
    return _with_length(message, len(message) + _FINGERPRINT_LENGTH) + _attribute(_FINGERPRINT, fingerprint)


def _xor_mapped_address(host: str, port: int, transaction_id: bytes) -> bytes:
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        # A dual-stack socket shows IPv4 peers so; the peer knows its address as IPv4.
        address = address.ipv4_mapped
    family = 1 if address.version == 4 else 2
    mask = struct.pack("!I", _MAGIC_COOKIE) + transaction_id
    masked = bytes(a ^ b for a, b in zip(address.packed, mask, strict=False))
    return struct.pack("!BBH", 0, family, port ^ (_MAGIC_COOKIE >> 16)) + masked
