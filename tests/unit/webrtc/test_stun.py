"""STUN checks: RFC 5769's vector, a peer's requests as aioice writes them, and what must be refused."""

from __future__ import annotations

import secrets

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from bridge.adapters.webrtc_stun import StunError, binding_error, binding_success, parse_binding_request

PASSWORD = "VOkJxbRl1RmTxUk/WvJxBt"
RFC_5769_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
"""Section 2.1, a check of an agent in the controlled role."""


def check(username: str = "ours:theirs", password: str = PASSWORD, **attributes: object) -> stun.Message:
    """A check as an independent implementation writes it."""
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, secrets.token_bytes(12))
    message.attributes |= {"USERNAME": username, "PRIORITY": 1, "ICE-CONTROLLING": 7}
    message.attributes |= {name.replace("_", "-"): value for name, value in attributes.items()}
    message.add_message_integrity(password.encode())
    return message


def test_rfc_5769_sample_request() -> None:
    request = parse_binding_request(RFC_5769_REQUEST)
    assert (request.local_fragment, request.remote_fragment) == ("evtj", "h6vY")
    assert request.controlled
    assert not request.use_candidate
    assert request.unknown == ()
    assert request.authentic(PASSWORD)
    assert not request.authentic("another-password-of-22")


def test_a_nomination_is_seen() -> None:
    request = parse_binding_request(bytes(check(USE_CANDIDATE=None)))
    assert request.use_candidate
    assert not request.controlled
    assert request.authentic(PASSWORD)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_the_response_is_read_by_an_independent_parser(host: str) -> None:
    request = parse_binding_request(bytes(check()))
    response = stun.parse_message(binding_success(request, host, 32853, PASSWORD))
    assert response.message_class is stun.Class.RESPONSE
    assert response.transaction_id == request.transaction_id
    assert response.attributes["XOR-MAPPED-ADDRESS"] == (host, 32853)
    assert response.check_message_integrity(PASSWORD.encode())


def test_a_dual_stack_socket_tells_an_ipv4_peer_its_ipv4_address() -> None:
    request = parse_binding_request(bytes(check()))
    response = stun.parse_message(binding_success(request, "::ffff:192.0.2.1", 1, PASSWORD))
    assert response.attributes["XOR-MAPPED-ADDRESS"] == ("192.0.2.1", 1)


def test_an_error_response_carries_its_code() -> None:
    request = parse_binding_request(bytes(check()))
    response = stun.parse_message(binding_error(request, 487, "Role Conflict", PASSWORD))
    assert response.attributes["ERROR-CODE"] == (487, "Role Conflict")
    assert response.check_message_integrity(PASSWORD.encode())


def test_unknown_attributes_that_must_be_understood_are_listed() -> None:
    plain = bytes(check())
    unknown = bytes.fromhex("7ffe000461626364")
    changed = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, plain[8:20])
    changed.attributes["USERNAME"] = "ours:theirs"
    changed._integrity_data = None
    body = bytes(changed) + unknown
    covered = stun.set_body_length(body, len(body) - 20 + 24)
    integrity = b"\x00\x08\x00\x14" + stun.message_integrity(body, PASSWORD.encode())
    message = covered + integrity
    fingerprint = stun.message_fingerprint(message).to_bytes(4)
    message = stun.set_body_length(message, len(message) - 20 + 8) + b"\x80\x28\x00\x04" + fingerprint
    request = parse_binding_request(message)
    assert request.unknown == (0x7FFE,)
    assert request.authentic(PASSWORD)
    response = binding_error(request, 420, "Unknown Attribute", PASSWORD)
    assert b"\x00\x0a\x00\x02\x7f\xfe" in response


@pytest.mark.parametrize("position", range(len(RFC_5769_REQUEST)))
def test_any_changed_byte_is_noticed(position: int) -> None:
    changed = bytearray(RFC_5769_REQUEST)
    changed[position] ^= 1
    with pytest.raises(StunError):
        parse_binding_request(bytes(changed))


def test_no_fingerprint_no_integrity_no_username() -> None:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    with pytest.raises(StunError, match="FINGERPRINT is missing"):
        parse_binding_request(bytes(message))
    message.add_fingerprint()
    with pytest.raises(StunError, match="MESSAGE-INTEGRITY"):
        parse_binding_request(bytes(message))
    with pytest.raises(StunError, match="USERNAME"):
        parse_binding_request(bytes(check("nobody")))


@given(st.binary(max_size=200))
def test_anything_else_is_refused_and_nothing_else_raised(datagram: bytes) -> None:
    with pytest.raises(StunError):
        parse_binding_request(datagram)


@given(st.integers(0, len(RFC_5769_REQUEST)), st.binary(max_size=8))
def test_cut_and_lengthened_messages_are_refused(length: int, tail: bytes) -> None:
    datagram = RFC_5769_REQUEST[:length] + tail
    if datagram == RFC_5769_REQUEST:
        return
    with pytest.raises(StunError):
        parse_binding_request(datagram)
