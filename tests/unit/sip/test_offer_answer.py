"""Offer and answer, behaviours 18 to 21 (RFC 3264): codecs, DTMF, hold, SRTP, refusals, versions."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest

from bridge.sip.negotiated_media import (
    Direction,
    LocalMedia,
    MediaCapabilities,
    NegotiatedMedia,
    Refusal,
    SrtpPolicy,
)
from bridge.sip.offer_answer import accept_answer, answer_offer, make_offer
from bridge.sip.sdp import SessionDescription
from tests.support.sip.bench import Entropy

G711 = MediaCapabilities()
ALL = MediaCapabilities(codecs=("opus", "G722", "PCMU", "PCMA"))
KEY = b64encode(bytes(range(30))).decode()


def local() -> LocalMedia:
    """Our end, with keys that are the same in each run."""
    return LocalMedia("192.0.2.2", 30000, Entropy())


def offer(
    *lines: str, version: int = 1, address: str = "198.51.100.7", media: str = "audio 20000 RTP/AVP 0 8"
) -> bytes:
    """An offer with one m-line and what follows it."""
    head = ["v=0", f"o=caller 77 {version} IN IP4 198.51.100.7", "s=-", f"c=IN IP4 {address}", "t=0 0"]
    return ("\r\n".join([*head, f"m={media}", *lines]) + "\r\n").encode()


def agreed(text: bytes, capabilities: MediaCapabilities = G711) -> NegotiatedMedia:
    """The agreement that an offer leads to."""
    result = answer_offer(text, capabilities, local())
    assert isinstance(result, NegotiatedMedia), result
    return result


def refused(text: bytes, capabilities: MediaCapabilities = G711) -> Refusal:
    """The refusal that an offer leads to."""
    result = answer_offer(text, capabilities, local())
    assert isinstance(result, Refusal), result
    return result


def answer_lines(result: NegotiatedMedia) -> list[str]:
    """Our answer."""
    return result.sdp.decode().split("\r\n")


def test_18_static_payload_types_without_rtpmap() -> None:
    result = agreed(offer(media="audio 20000 RTP/AVP 18 8 0"))
    assert (result.codec, result.payload_type, result.clock_rate) == ("PCMA", 8, 8000)
    assert (result.remote_host, result.remote_port, result.ptime) == ("198.51.100.7", 20000, 20)
    assert result.dtmf_payload_type is None
    assert "m=audio 30000 RTP/AVP 8" in answer_lines(result)
    assert "c=IN IP4 192.0.2.2" in answer_lines(result)


@pytest.mark.parametrize("number", [96, 97, 100, 101, 127])
def test_18_telephone_event_takes_the_offered_number(number: int) -> None:
    text = offer(f"a=rtpmap:{number} telephone-event/8000", media=f"audio 20000 RTP/AVP 0 {number}")
    result = agreed(text)
    assert (result.dtmf_payload_type, result.dtmf_clock_rate) == (number, 8000)
    assert f"m=audio 30000 RTP/AVP 0 {number}" in answer_lines(result)
    assert f"a=rtpmap:{number} telephone-event/8000" in answer_lines(result)


def test_18_telephone_event_follows_the_codecs_clock_rate() -> None:
    text = offer(
        "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:101 telephone-event/8000",
        "a=rtpmap:102 telephone-event/48000",
        media="audio 20000 RTP/AVP 111 0 101 102",
    )
    result = agreed(text, ALL)
    assert (result.codec, result.clock_rate, result.dtmf_payload_type) == ("opus", 48000, 102)
    assert agreed(text, G711).dtmf_payload_type == 101


@pytest.mark.parametrize("rate", [8000, 16000])
def test_18_telephone_event_at_another_clock_rate_is_better_than_none(rate: int) -> None:
    text = offer(
        "a=rtpmap:111 opus/48000/2",
        f"a=rtpmap:101 telephone-event/{rate}",
        media="audio 20000 RTP/AVP 111 101",
    )
    result = agreed(text, ALL)
    assert (result.codec, result.dtmf_payload_type, result.dtmf_clock_rate) == ("opus", 101, rate)
    assert f"a=rtpmap:101 telephone-event/{rate}" in answer_lines(result)


@pytest.mark.parametrize("rate", [0, 1, 7999, 48001, 999999])
def test_18_telephone_event_at_an_impossible_clock_rate_is_not_taken(rate: int) -> None:
    text = offer(f"a=rtpmap:101 telephone-event/{rate}", media="audio 20000 RTP/AVP 0 101")
    result = agreed(text)
    assert (result.dtmf_payload_type, result.dtmf_clock_rate) == (None, 0)


def test_18_a_dynamic_number_for_a_static_codec_is_mirrored() -> None:
    result = agreed(offer("a=rtpmap:98 pcmu/8000", media="audio 20000 RTP/AVP 98"))
    assert (result.codec, result.payload_type) == ("PCMU", 98)
    assert "a=rtpmap:98 PCMU/8000" in answer_lines(result)


def test_5_wideband_is_taken_in_the_peers_order() -> None:
    text = offer("a=rtpmap:111 opus/48000/2", media="audio 20000 RTP/AVP 9 111 0")
    assert agreed(text, ALL).codec == "G722"
    result = agreed(text.replace(b"9 111 0", b"111 9 0"), ALL)
    assert result.codec == "opus"
    assert "a=fmtp:111 useinbandfec=1" in answer_lines(result)
    assert agreed(text, G711).codec == "PCMU"


def test_18_every_m_line_is_answered() -> None:
    text = offer("m=video 20002 RTP/AVP 31", "m=image 20004 udptl t38", "m=audio 20006 RTP/AVP 0")
    lines = [line for line in answer_lines(agreed(text)) if line.startswith("m=")]
    assert lines == [
        "m=audio 30000 RTP/AVP 0",
        "m=video 0 RTP/AVP 31",
        "m=image 0 udptl t38",
        "m=audio 0 RTP/AVP 0",
    ]


def test_18_a_disabled_stream_is_passed_over() -> None:
    text = offer("m=audio 20006 RTP/AVP 8", media="audio 0 RTP/AVP 0")
    assert agreed(text).codec == "PCMA"


@pytest.mark.parametrize(
    ("ptime", "expected"),
    [
        (("a=ptime:30",), 30),
        (("a=ptime:7",), 20),
        (("a=ptime:x",), 20),
        (("a=ptime:60", "a=maxptime:40"), 40),
        (("a=maxptime:10",), 10),
        ((), 20),
    ],
)
def test_ptime(ptime: tuple[str, ...], expected: int) -> None:
    result = agreed(offer(*ptime))
    assert result.ptime == expected
    assert f"a=ptime:{expected}" in answer_lines(result)


@pytest.mark.parametrize(
    ("lines", "address", "ours", "held"),
    [
        (("a=sendrecv",), "198.51.100.7", Direction.SENDRECV, False),
        ((), "198.51.100.7", Direction.SENDRECV, False),
        (("a=sendonly",), "198.51.100.7", Direction.RECVONLY, True),
        (("a=recvonly",), "198.51.100.7", Direction.SENDONLY, False),
        (("a=inactive",), "198.51.100.7", Direction.INACTIVE, True),
        ((), "0.0.0.0", Direction.RECVONLY, True),
        (("a=inactive",), "0.0.0.0", Direction.INACTIVE, True),
    ],
)
def test_19_hold(lines: tuple[str, ...], address: str, ours: Direction, held: bool) -> None:
    result = agreed(offer(*lines, address=address))
    assert (result.direction, result.held) == (ours, held)
    assert f"a={ours}" in answer_lines(result)
    assert result.send is (ours in (Direction.SENDRECV, Direction.SENDONLY))
    assert result.receive is (ours in (Direction.SENDRECV, Direction.RECVONLY))


def test_19_hold_for_the_whole_session() -> None:
    text = offer().replace(b"t=0 0\r\n", b"t=0 0\r\na=sendonly\r\n")
    assert agreed(text).direction is Direction.RECVONLY


def test_19_a_refresh_changes_nothing() -> None:
    first = agreed(offer())
    again = answer_offer(offer(), G711, local(), first)
    assert again == first


def test_19_a_change_raises_our_version_by_one() -> None:
    first = agreed(offer())
    held = answer_offer(offer("a=sendonly", version=2), G711, local(), first)
    assert isinstance(held, NegotiatedMedia)
    before, after = (SessionDescription.parse(one.sdp).origin for one in (first, held))
    assert after == replace(before, version=before.version + 1)
    assert held.remote_version == 2


@pytest.mark.parametrize(
    "text",
    [
        offer(media="image 20002 udptl t38"),
        offer(media="audio 20000 RTP/AVP 18 4"),
        offer(media="audio 20000 UDP/TLS/RTP/SAVPF 0"),
        offer(media="audio 0 RTP/AVP 0"),
        offer("a=rtpmap:111 opus/16000", media="audio 20000 RTP/AVP 111"),
        b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\n",
        b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
    ],
    ids=["t38", "codecs", "dtls", "disabled", "rate", "empty", "address"],
)
def test_19_what_cannot_be_taken_gets_488(text: bytes) -> None:
    assert refused(text, ALL).status == 488


@pytest.mark.parametrize(
    "text", [b"", b"v=0", b"\x00" * 100, offer(media="audio 70000 RTP/AVP 0"), b"v=0\r\nm=\r\n"]
)
def test_21_malformed_sdp_gets_400(text: bytes) -> None:
    result = refused(text)
    assert result.status == 400
    assert result.why


SUITES = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
}


@pytest.mark.parametrize(("suite", "length"), SUITES.items())
def test_20_srtp_is_answered_with_the_offered_suite(suite: str, length: int) -> None:
    key = bytes(range(length))
    text = offer(
        "a=crypto:1 F8_128_HMAC_SHA1_80 inline:xx",
        f"a=crypto:3 {suite} inline:{b64encode(key).decode()}",
        media="audio 20000 RTP/SAVP 0",
    )
    result = agreed(text)
    assert result.crypto is not None
    assert (result.crypto.tag, result.crypto.suite, result.crypto.receive_key) == (3, suite, key)
    assert len(result.crypto.send_key) == length
    assert result.crypto.send_key != key
    assert "m=audio 30000 RTP/SAVP 0" in answer_lines(result)
    line = f"a=crypto:3 {suite} inline:{b64encode(result.crypto.send_key).decode()}"
    assert line in answer_lines(result)


def test_20_srtp_without_a_usable_key_gets_488() -> None:
    assert refused(offer(media="audio 20000 RTP/SAVP 0")).status == 488
    unknown = offer("a=crypto:1 F8_128_HMAC_SHA1_80 inline:xx", media="audio 20000 RTP/SAVP 0")
    assert refused(unknown).status == 488


def test_20_a_plain_offer_is_answered_plainly() -> None:
    result = agreed(offer(f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"))
    assert result.crypto is None
    assert b"crypto" not in result.sdp


def test_20_a_policy_may_demand_or_forbid_encryption() -> None:
    secure = offer(f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}", media="audio 20000 RTP/SAVP 0")
    assert refused(offer(), replace(G711, srtp=SrtpPolicy.REQUIRED)).status == 488
    assert refused(secure, replace(G711, srtp=SrtpPolicy.FORBIDDEN)).status == 488
    assert agreed(secure, replace(G711, srtp=SrtpPolicy.REQUIRED)).crypto is not None


def test_20_our_key_stays_over_a_reinvite() -> None:
    text = offer(f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}", media="audio 20000 RTP/SAVP 0")
    first = agreed(text)
    again = answer_offer(text, G711, LocalMedia("192.0.2.2", 30000, lambda size: b"\xff" * size), first)
    assert isinstance(again, NegotiatedMedia)
    assert again.crypto == first.crypto


def test_keys_are_in_no_representation() -> None:
    text = offer(f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}", media="audio 20000 RTP/SAVP 0")
    assert "x00" not in repr(agreed(text))
    assert "inline" not in repr(agreed(text))


def test_rtcp_mux_only_where_both_can() -> None:
    assert not agreed(offer("a=rtcp-mux")).rtcp_mux
    result = agreed(offer("a=rtcp-mux"), replace(G711, rtcp_mux=True))
    assert result.rtcp_mux
    assert "a=rtcp-mux" in answer_lines(result)


def test_18_our_offer_and_its_answer() -> None:
    ours = make_offer(ALL, local())
    assert b"m=audio 30000 RTP/AVP 96 9 0 8 101 102\r\n" in ours
    result = accept_answer(
        ours, offer("a=rtpmap:101 telephone-event/8000", media="audio 20000 RTP/AVP 9 101"), ALL, local()
    )
    assert isinstance(result, NegotiatedMedia)
    assert (result.codec, result.payload_type, result.dtmf_payload_type) == ("G722", 9, 101)
    assert result.sdp == ours


def test_18_our_secure_offer_and_its_answer() -> None:
    capabilities = replace(G711, offer_srtp=True)
    ours = make_offer(capabilities, local())
    described = SessionDescription.parse(ours).media[0]
    assert described.protocol == "RTP/SAVP"
    sent = described.attribute_values("crypto")[0].split("inline:")[1]
    answer = offer(f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}", media="audio 20000 RTP/SAVP 0")
    result = accept_answer(ours, answer, capabilities, local())
    assert isinstance(result, NegotiatedMedia)
    assert result.crypto is not None
    assert b64encode(result.crypto.send_key).decode() == sent
    assert result.crypto.receive_key == bytes(range(30))
    plain = accept_answer(ours, offer(), capabilities, local())
    assert isinstance(plain, Refusal)


@pytest.mark.parametrize(
    "answer",
    [
        offer(media="audio 0 RTP/AVP 0"),
        offer(media="video 20000 RTP/AVP 31"),
        offer(media="audio 20000 RTP/AVP 18"),
        b"garbage",
    ],
)
def test_answers_that_settle_nothing(answer: bytes) -> None:
    assert isinstance(accept_answer(make_offer(G711, local()), answer, G711, local()), Refusal)


def test_a_second_offer_keeps_our_session() -> None:
    first = agreed(offer())
    again = make_offer(G711, local(), first)
    before, after = (SessionDescription.parse(one).origin for one in (first.sdp, again))
    assert (after.session_id, after.version) == (before.session_id, before.version + 1)
