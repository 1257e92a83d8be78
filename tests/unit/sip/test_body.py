"""Bodies, behaviour 19: the SDP in a message, alone or in a multipart body."""

from __future__ import annotations

import pytest

from bridge.sip.body import UnsupportedBodyError, session_description
from bridge.sip.errors import RemoteProtocolError
from bridge.sip.headers import Headers
from bridge.sip.message import SipRequest

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"


def request(body: bytes, content_type: str = "application/sdp", *headers: tuple[str, str]) -> SipRequest:
    """A request with a body."""
    return SipRequest("INVITE", "sip:a@b", Headers.of(("Content-Type", content_type), *headers), body)


def multipart(*parts: tuple[str, bytes], line_end: bytes = b"\r\n") -> bytes:
    """A multipart body with the boundary `b`."""
    body = b"preamble" + line_end
    for kind, content in parts:
        body += b"--b" + line_end + b"Content-Type: " + kind.encode() + line_end * 2 + content + line_end
    return body + b"--b--" + line_end


def test_no_body_no_offer() -> None:
    assert session_description(request(b"")) is None


@pytest.mark.parametrize("kind", ["application/sdp", "Application/SDP;charset=utf-8", " application/sdp "])
def test_plain(kind: str) -> None:
    assert session_description(request(SDP, kind)) == SDP


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("kind", ["multipart/mixed;boundary=b", 'multipart/alternative; x=y; boundary="b"'])
def test_multipart(kind: str, line_end: bytes) -> None:
    body = multipart(
        ("application/isup", b"\x00\x01--b"), ("application/sdp;x=y", SDP.rstrip()), line_end=line_end
    )
    found = session_description(request(body, kind))
    assert found is not None
    assert found.rstrip() == SDP.rstrip()


@pytest.mark.parametrize(
    "kind", ["multipart/mixed", "multipart/mixed;boundary=", f"multipart/mixed;boundary={'b' * 71}"]
)
def test_a_multipart_body_needs_a_boundary(kind: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        session_description(request(multipart(("application/sdp", SDP)), kind))
    assert caught.value.status == 400


def test_without_sdp_it_is_415() -> None:
    with pytest.raises(UnsupportedBodyError) as caught:
        session_description(request(multipart(("text/plain", b"x")), "multipart/mixed;boundary=b"))
    assert caught.value.status == 415
    assert caught.value.headers == (("Accept", "application/sdp"),)


def test_a_flood_of_parts_ends() -> None:
    parts = [("text/plain", b"")] * 5000 + [("application/sdp", SDP)]
    with pytest.raises(UnsupportedBodyError):
        session_description(request(multipart(*parts), "multipart/mixed;boundary=b"))
