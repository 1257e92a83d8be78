"""The local Stream's own promises: loopback alone, tokens checked, packets rewritten safely."""

from __future__ import annotations

import time

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.stream.api_error import ApiError
from local.stream.directory import Directory
from local.stream.loopback import NotLoopbackError
from local.stream.peer_connection import rewrite
from local.stream.server import LocalStream
from local.stream.tokens import Tokens

SECRET = "a-secret-of-thirty-two-characters"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "localhost", "", "2001:db8::1"])
def test_it_refuses_to_listen_beyond_loopback(host: str) -> None:
    with pytest.raises(NotLoopbackError):
        LocalStream(api_key="k", api_secret=SECRET, host=host)


@pytest.mark.parametrize(
    ("claims", "secret", "algorithm"),
    [
        ({"user_id": "a"}, "another-secret-of-thirty-two-chars", "HS256"),
        ({"user_id": "a", "exp": 1}, SECRET, "HS256"),
        ({"user_id": 5}, SECRET, "HS256"),
        ({"user_id": "a"}, SECRET, "HS512"),
        ({"user_id": "a"}, "", "none"),
    ],
)
def test_bad_tokens_are_refused(claims: dict[str, object], secret: str, algorithm: str) -> None:
    with pytest.raises(ApiError) as caught:
        Tokens(SECRET).identify(jwt.encode(claims, secret, algorithm=algorithm))
    assert caught.value.status == 401


def test_sfu_token_names_user_call_and_edge() -> None:
    tokens = Tokens(SECRET)
    claims = tokens.sfu_claims(tokens.mint_sfu_token("alice", "default:support", "local-1"))
    assert claims == {"user_id": "alice", "call_cid": "default:support", "edge": "local-1"}
    assert jwt.decode(tokens.mint_sfu_token("a", "b", "c"), SECRET, ["HS256"])["exp"] > time.time()


def test_calls_are_found_by_routing_number() -> None:
    directory = Directory()
    user = directory.upsert_user("alice", {})
    call, created = directory.get_or_create_call("default", "support", user, {"custom": {"pin": "1"}})
    assert created
    assert directory.find_calls({"routing_number": call.routing_number}, 1) == [call]
    assert directory.find_calls({"routing_number": {"$eq": "none"}}, 1) == []
    assert len(call.routing_number) == 10


@given(st.binary(min_size=12, max_size=200))
def test_forwarded_packets_are_plain_opus_whatever_comes(packet: bytes) -> None:
    forwarded = rewrite(packet, b"\x01\x02\x03\x04")
    assert forwarded[0] == 0x80
    assert forwarded[1] & 0x7F == 111
    assert forwarded[2:8] == packet[2:8]
    assert forwarded[8:12] == b"\x01\x02\x03\x04"
    assert len(forwarded) <= len(packet)


def test_extensions_sources_and_padding_are_left_out() -> None:
    header = b"\xb1\xef\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03"
    packet = header + b"\x00\x00\x00\x09" + b"\xbe\xde\x00\x01\x10\xaa\x00\x00" + b"opus" + b"\x00\x02"
    assert rewrite(packet, b"\x00\x00\x00\x07")[12:] == b"opus"
