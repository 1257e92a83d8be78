"""Offers in, answers out: real browsers' shapes, every fault named, and no other exception raised."""

from __future__ import annotations

import random
import time

import pytest
from aiortc.rtcdtlstransport import RTCDtlsFingerprint
from aiortc.sdp import SessionDescription

from bridge.adapters.webrtc_answer import LocalDescription, write_answer
from bridge.adapters.webrtc_sdp import MAXIMUM_DESCRIPTION, MAXIMUM_LINES, parse_description
from bridge.calls.media_engine import OfferRefusedError
from tests.unit.webrtc.offers import CHROMIUM, FINGERPRINT, FIREFOX

LOCAL = LocalDescription(
    session_id=1,
    hosts=("203.0.113.7", "2001:db8::7"),
    port=40000,
    fragment="ours",
    password="our-password-of-22-chr",
    fingerprints=[RTCDtlsFingerprint("sha-256", FINGERPRINT)],
    setup="passive",
    ssrc=77,
    cname="our-cname",
)


def answer_to(offer: str) -> SessionDescription:
    """Our answer, read again."""
    return SessionDescription.parse(write_answer(parse_description(offer), LOCAL))


def test_chromium() -> None:
    peer = parse_description(CHROMIUM)
    assert (peer.codec_name, peer.payload_type, peer.dtmf_payload_type) == ("opus", 111, 110)
    assert (peer.fragment, peer.password) == ("R1xY", "0Q9b1mTq8l3mAA8pCq3G8LbV")
    assert (peer.setup, peer.send, peer.receive, peer.ssrc) == ("actpass", True, True, 2231627014)
    assert peer.nack
    assert peer.in_band_fec
    assert "0Q9b1mTq8l3mAA8pCq3G8LbV" not in repr(peer)


def test_firefox_with_mdns_candidates_and_refused_sections() -> None:
    peer = parse_description(FIREFOX)
    assert (peer.codec_name, peer.payload_type, peer.dtmf_payload_type) == ("opus", 109, None)
    answer = answer_to(FIREFOX)
    assert [(media.kind, media.port != 0) for media in answer.media] == [
        ("audio", True),
        ("video", False),
        ("application", False),
    ]
    assert [media.rtp.muxId for media in answer.media] == ["0", "1", "2"]
    assert [(group.semantic, group.items) for group in answer.group] == [("BUNDLE", ["0"])]


def test_the_answer_says_all_that_a_browser_needs() -> None:
    text = write_answer(parse_description(CHROMIUM), LOCAL)
    answer = SessionDescription.parse(text)
    audio = answer.media[0]
    assert audio.ice is not None
    assert audio.ice.iceLite
    assert (audio.ice.usernameFragment, audio.ice.password) == ("ours", "our-password-of-22-chr")
    assert audio.dtls is not None
    assert audio.dtls.role == "server"
    assert [(c.ip, c.port, c.type) for c in audio.ice_candidates] == [
        ("203.0.113.7", 40000, "host"),
        ("2001:db8::7", 40000, "host"),
    ]
    assert audio.ice_candidates[0].priority > audio.ice_candidates[1].priority
    assert audio.rtcp_mux
    assert audio.direction == "sendrecv"
    assert [(codec.name, codec.payloadType) for codec in audio.rtp.codecs] == [
        ("opus", 111),
        ("telephone-event", 110),
    ]
    assert audio.rtp.codecs[0].parameters["useinbandfec"] == 1
    assert [feedback.type for feedback in audio.rtp.codecs[0].rtcpFeedback] == ["nack"]
    assert [(source.ssrc, source.cname) for source in audio.ssrc] == [(77, "our-cname")]
    assert text.endswith("\r\n")
    assert "our-password-of-22-chr" not in repr(LOCAL)


@pytest.mark.parametrize(
    ("offered", "ours"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_directions(offered: str, ours: str) -> None:
    answer = answer_to(CHROMIUM.replace("a=sendrecv", f"a={offered}"))
    assert answer.media[0].direction == ours
    assert bool(answer.media[0].ssrc) is (ours in ("sendrecv", "sendonly"))


def test_g711_without_rtpmap_is_static() -> None:
    lines = [
        line for line in CHROMIUM.splitlines() if not line.startswith(("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"))
    ]
    peer = parse_description("\r\n".join(lines) + "\r\n")
    assert (peer.codec_name, peer.payload_type, peer.dtmf_payload_type) == ("PCMU", 0, None)


def test_a_playback_rate_is_asked_for_only_when_it_is_set() -> None:
    assert "maxplaybackrate" not in write_answer(parse_description(CHROMIUM), LOCAL)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("v=0", "v=1", "begins with v=0"),
        ("m=audio 9 ", "m=audio 0 ", "expected an m=audio line"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP", "expected an m=audio line"),
        ("a=rtcp-mux\r\n", "", "a=rtcp-mux"),
        ("a=ice-ufrag:R1xY\r\n", "", "a=ice-ufrag"),
        ("a=ice-pwd:0Q9b1mTq8l3mAA8pCq3G8LbV", "a=ice-pwd:short", "a=ice-pwd"),
        ("a=ice-ufrag:R1xY", "a=ice-ufrag:R1xY:admin", "a=ice-ufrag"),
        ("a=fingerprint:sha-256", "a=fingerprint:sha-1", "a=fingerprint"),
        ("a=setup:actpass\r\n", "", "a=setup"),
        ("a=setup:actpass", "a=setup:holdconn", "malformed"),
        ("a=mid:0", "a=mid:0 1 2", "a=mid"),
        ("s=-", "s=-\r\na=ice-lite", "ice-lite"),
        ("111 63 9 0 8 13 110 126", "63 9 13 110 126", "opus/48000/2"),
        ("111 63 9 0 8 13 110 126", "111 99999", "malformed"),
        ("a=rtpmap:111 opus/48000/2", "a=rtpmap:111", "malformed"),
        ("a=ssrc:2231627014 cname", "a=ssrc:many cname", "malformed"),
        ("m=audio 9 UDP/TLS/RTP/SAVPF", "m=audio", "malformed"),
    ],
)
def test_a_fault_is_named(old: str, new: str, fault: str) -> None:
    assert old in CHROMIUM
    with pytest.raises(OfferRefusedError, match=fault):
        parse_description(CHROMIUM.replace(old, new))


def test_caps() -> None:
    with pytest.raises(OfferRefusedError, match="characters"):
        parse_description("v=0\r\n" + "a" * MAXIMUM_DESCRIPTION)
    with pytest.raises(OfferRefusedError, match="lines"):
        parse_description("v=0\r\n" + "a=x\r\n" * MAXIMUM_LINES)
    with pytest.raises(OfferRefusedError, match="m-lines"):
        parse_description("v=0\r\n" + "m=audio 9 RTP/AVP 0\r\n" * 40)


def refusal_of(offer: str) -> str:
    """Why an offer is refused; empty when it is not."""
    try:
        parse_description(offer)
    except OfferRefusedError as refused:
        return str(refused)
    return ""


def test_the_parser_raises_nothing_else() -> None:
    chance = random.Random(5)
    for offer in (CHROMIUM, FIREFOX):
        for _ in range(1500):
            text = list(offer)
            for _ in range(chance.randint(1, 6)):
                place = chance.randrange(len(text))
                text[place : place + chance.randint(0, 20)] = chance.choice(
                    [
                        "",
                        "\r\n",
                        ":",
                        " ",
                        "/",
                        "-1",
                        "9" * 30,
                        "a=fmtp:\r\n",
                        "\u2028",
                        "\x00",
                        "m=audio 9\r\n",
                    ]
                )
            refusal = refusal_of("".join(text))
            assert len(refusal) < 400
            assert refusal.isprintable()


def test_the_worst_offer_within_the_caps_is_cheap() -> None:
    head, tail = CHROMIUM.split("a=rtpmap:111", 1)
    codecs = "".join(f"a=rtpmap:{number % 128} x/8000\r\n" for number in range(120))
    feedback = "a=rtcp-fb:* nack\r\n" * 120
    began = time.process_time()
    parse_description(head + codecs + feedback + "a=rtpmap:111" + tail)
    assert time.process_time() - began < 1.0
