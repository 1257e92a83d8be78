"""The demonstration's phone: its SIP messages, its codec, and the call's report."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from local.demo.call_report import CallReport
from local.demo.comparison import Comparison
from local.demo.phone_messages import Message, audio_address, audio_offer, authorization, request, response
from local.demo.phone_rtp import decode_pcmu, encode_pcmu
from local.demo.report import describe

INVITE = request(
    "INVITE",
    "sip:+15551230001@127.0.0.1",
    [("Via", "SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK1"), ("To", "<sip:x@y>"), ("CSeq", "1 INVITE")],
    "v=0\r\n",
)


def test_a_request_is_read_as_it_was_written() -> None:
    message = Message.parse(INVITE)
    assert (message.method, message.status, message.body) == ("INVITE", 0, "v=0\r\n")
    assert message.header("content-length") == "5"


def test_a_response_takes_over_what_it_has_to() -> None:
    message = Message.parse(response(Message.parse(INVITE), "200 OK", "tag1"))
    assert (message.status, message.method) == (200, "INVITE")
    assert message.header("via").endswith("branch=z9hG4bK1")
    assert message.header("to") == "<sip:x@y>;tag=tag1"


def test_what_is_no_sip_is_an_error() -> None:
    with pytest.raises(ValueError, match="no SIP"):
        Message.parse(b"\x80\x00\x01")


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
def test_a_challenge_is_answered_as_rfc_7616_says(algorithm: str) -> None:
    challenge = f'Digest realm="r", nonce="n,1", algorithm={algorithm}, qop="auth", opaque="o"'
    header = authorization(challenge, "INVITE", "sip:a@b", "user", "secret")
    fields = dict(part.split("=", 1) for part in header.removeprefix("Digest ").split(", "))
    name = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[algorithm]

    def digest(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    cnonce = fields["cnonce"].strip('"')
    expected = digest(f"{digest('user:r:secret')}:n,1:00000001:{cnonce}:auth:{digest('INVITE:sip:a@b')}")
    assert fields["response"] == f'"{expected}"'
    assert fields["opaque"] == '"o"'
    assert "secret" not in header


def test_an_unknown_algorithm_is_an_error() -> None:
    with pytest.raises(ValueError, match="AKAv1-MD5"):
        authorization('Digest realm="r", nonce="n", algorithm=AKAv1-MD5', "INVITE", "sip:a@b", "u", "p")


def test_an_offer_names_where_audio_goes() -> None:
    assert audio_address(audio_offer("127.0.0.1", 4000)) == ("127.0.0.1", 4000)
    assert "c=IN IP6 ::1" in audio_offer("::1", 4000)
    with pytest.raises(ValueError, match="no audio"):
        audio_address("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 0 RTP/AVP 0\r\n")


def test_u_law_keeps_the_signal_and_the_standards_codes() -> None:
    # ITU-T G.711 table 2a: silence is 0xFF, the largest values are 0x80 and 0x00.
    assert encode_pcmu(np.array([0.0, 1.0, -1.0], np.float32)) == b"\xff\x80\x00"
    times = np.arange(8000) / 8000
    tone = (0.5 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    decoded = decode_pcmu(encode_pcmu(tone))
    noise = float(np.mean((decoded - tone) ** 2))
    assert 10 * np.log10(float(np.mean(tone**2)) / noise) > 35


HEARD = Comparison(9.0, -20.0, 0.95, 0.08, 0.01)
UNHEARD = Comparison(0.0, -120.0, 0.0, None, None)


@pytest.mark.parametrize(
    ("report", "audible", "expected"),
    [
        (CallReport(0.01, 0.02, HEARD, HEARD), True, "within the targets"),
        (CallReport(0.01, 0.5, HEARD, HEARD), True, "set-up took 500 ms"),
        (CallReport(None, 0.02, UNHEARD, HEARD), False, "phone to browser: not understood"),
        (CallReport(None, 0.02, HEARD, UNHEARD, "Peer"), False, "peer to phone: not understood"),
        (
            CallReport(0.01, 0.02, HEARD, Comparison(9.0, -20.0, 0.95, 0.3, 0.01)),
            True,
            "browser to phone: 300 ms late",
        ),
    ],
)
def test_the_report_says_what_misses_its_target(report: CallReport, audible: bool, expected: str) -> None:
    assert report.audible_both_ways is audible
    assert expected in describe(report)
