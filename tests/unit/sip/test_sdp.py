"""Session descriptions as values (RFC 8866): both ways, leniently read, strictly printed, malformed ones
refused (21)."""

from __future__ import annotations

import pytest

from bridge.sip.audio_format import AudioFormat, audio_formats
from bridge.sip.crypto_attribute import CryptoAttribute
from bridge.sip.errors import RemoteProtocolError
from bridge.sip.sdp import MediaDescription, Origin, SessionDescription

TYPICAL = (
    b"v=0\r\no=carrier 18446744073709551615 2 IN IP4 198.51.100.7\r\ns=A name with spaces\r\n"
    b"c=IN IP4 198.51.100.7\r\nb=AS:80\r\nt=0 0\r\na=sendrecv\r\n"
    b"m=audio 20000/2 RTP/AVP 0 8 101\r\nc=IN IP4 198.51.100.8\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-15\r\nm=video 0 RTP/AVP 31\r\n"
)


def test_a_typical_description() -> None:
    described = SessionDescription.parse(TYPICAL)
    assert described.origin == Origin("carrier", 2**64 - 1, 2, "198.51.100.7")
    assert described.name == "A name with spaces"
    assert described.attribute("sendrecv") == ""
    audio, video = described.media
    assert (audio.media, audio.port, audio.protocol, audio.formats) == (
        "audio",
        20000,
        "RTP/AVP",
        ("0", "8", "101"),
    )
    assert described.address_of(audio) == "198.51.100.8"
    assert described.address_of(video) == "198.51.100.7"
    assert audio.attribute("fmtp") == "101 0-15"
    assert audio.attribute("missing") is None


def test_what_is_printed_reads_the_same() -> None:
    described = SessionDescription.parse(TYPICAL)
    assert SessionDescription.parse(described.serialise()) == described


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_line_ends(line_end: bytes) -> None:
    assert SessionDescription.parse(TYPICAL.replace(b"\r\n", line_end)).media[0].port == 20000


def test_ipv6_and_names() -> None:
    text = b"v=0\no=- 1 1 IN IP6 2001:db8::1\ns=-\nc=IN IP6 2001:db8::1\nt=0 0\nm=audio 9 RTP/AVP 0\n"
    described = SessionDescription.parse(text)
    assert described.address_of(described.media[0]) == "2001:db8::1"
    assert b"o=- 1 1 IN IP6 2001:db8::1\r\n" in described.serialise()
    named = SessionDescription.parse(text.replace(b"c=IN IP6 2001:db8::1", b"c=IN IP4 media.example.com"))
    assert named.address == "media.example.com"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"v=1\r\n",
        b"hello",
        b"v=0\r\ns=-\r\n",
        b"v=0\r\no=- 1 1 IN\r\n",
        b"v=0\r\no=- x 1 IN IP4 1.2.3.4\r\n",
        b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nm=audio\r\n",
        b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nm=audio 99999 RTP/AVP 0\r\n",
        b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nm=audio -1 RTP/AVP 0\r\n",
        b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nc=IN IP4\r\n",
        b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nc=IN IP6 1.2.3.4\r\n",
        b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nno equals sign\r\n",
        b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\n" + b"a=x\r\n" * 600,
        b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\n" + b"m=audio 1 RTP/AVP 0\r\n" * 40,
        b"\xff\xfe\x00",
    ],
)
def test_malformed_descriptions(text: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        SessionDescription.parse(text)


def test_formats_with_and_without_rtpmap() -> None:
    media = MediaDescription(
        "audio",
        4000,
        "RTP/AVP",
        ("0", "9", "111", "101", "13", "96", "500", "x"),
        attributes=(
            ("rtpmap", "111 OPUS/48000/2"),
            ("fmtp", "111 useinbandfec=1"),
            ("rtpmap", "101 Telephone-Event/8000"),
            ("rtpmap", "96 broken"),
        ),
    )
    assert audio_formats(media) == (
        AudioFormat(0, "PCMU", 8000),
        AudioFormat(9, "G722", 8000),
        AudioFormat(111, "opus", 48000, 2, "useinbandfec=1"),
        AudioFormat(101, "telephone-event", 8000),
        AudioFormat(13, "CN", 8000),
    )
    assert AudioFormat(111, "opus", 48000, 2).rtpmap == "111 opus/48000/2"


KEY_80 = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"


@pytest.mark.parametrize(
    "text",
    [
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}",
        f"1 AES_CM_128_HMAC_SHA1_32 inline:{KEY_80}",
        "7 AEAD_AES_128_GCM inline:" + "A" * 37 + "A==",
        "8 AEAD_AES_256_GCM inline:" + "A" * 58 + "A=",
    ],
)
def test_crypto_lines_both_ways(text: str) -> None:
    line = CryptoAttribute.parse(text)
    assert line is not None
    assert str(line) == text
    assert text[-20:] not in repr(line)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 AES_CM_128_HMAC_SHA1_80",
        "x AES_CM_128_HMAC_SHA1_80 inline:" + KEY_80,
        "1 F8_128_HMAC_SHA1_80 inline:" + KEY_80,
        "1 AES_CM_128_HMAC_SHA1_80 uri:" + KEY_80,
        "1 AES_CM_128_HMAC_SHA1_80 inline:AAAA",
        "1 AES_CM_128_HMAC_SHA1_80 inline:!!!!" + KEY_80,
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}|2^20|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80} UNENCRYPTED_SRTP",
    ],
)
def test_crypto_lines_that_are_not_for_us(text: str) -> None:
    assert CryptoAttribute.parse(text) is None


def test_a_key_lifetime_is_ignored() -> None:
    line = CryptoAttribute.parse(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}|2^20 WSH=128")
    assert line is not None
    assert len(line.key) == 30
