"""What offer and answer settle, as the media engine is told it."""

from __future__ import annotations

import pytest

from bridge.calls.media_engine import RtpAddress
from bridge.calls.media_negotiation import MediaNegotiation, leg_parameters
from bridge.sip.negotiated_media import MediaCapabilities

ALL = MediaCapabilities(codecs=("opus", "G722", "PCMU", "PCMA"))


def offer(formats: str, *rtpmaps: str) -> bytes:
    """An offer with these formats."""
    lines = ["v=0", "o=- 1 1 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0"]
    lines += [f"m=audio 20000 RTP/AVP {formats}", *(f"a=rtpmap:{rtpmap}" for rtpmap in rtpmaps)]
    return "".join(f"{line}\r\n" for line in lines).encode()


def negotiation() -> MediaNegotiation:
    """One with a leg that is open."""
    made = MediaNegotiation(ALL, lambda count: b"\x01" * count)
    made.begin("leg", RtpAddress("192.0.2.2", 30000))
    return made


@pytest.mark.parametrize(
    ("formats", "codec", "payload_type", "clock_rate"),
    [
        ("111 101 102", "opus", 102, 48000),
        ("111 102 101", "opus", 102, 48000),
        ("111 101", "opus", 101, 8000),
        ("9 101 102", "G722", 101, 8000),
        ("0 102 101", "PCMU", 101, 8000),
        ("0 102", "PCMU", 102, 48000),
        ("111 0", "opus", None, None),
    ],
)
def test_the_engine_is_told_the_clock_in_which_digits_are_timed(
    formats: str, codec: str, payload_type: int | None, clock_rate: int | None
) -> None:
    text = offer(formats, "111 opus/48000/2", "101 telephone-event/8000", "102 telephone-event/48000")
    parameters = leg_parameters(negotiation().answer("leg", text))
    assert parameters.codec.name == codec
    assert (parameters.dtmf_payload_type, parameters.dtmf_clock_rate) == (payload_type, clock_rate)


@pytest.mark.parametrize(
    ("formats", "codec", "payload_type", "clock_rate"),
    [("96 102", "opus", 102, 48000), ("0 101", "PCMU", 101, 8000), ("96 101", "opus", 101, 8000)],
)
def test_an_answer_to_our_own_offer_settles_the_clock_too(
    formats: str, codec: str, payload_type: int, clock_rate: int
) -> None:
    made = negotiation()
    ours = made.offer("leg").decode()
    assert "a=rtpmap:101 telephone-event/8000" in ours
    assert "a=rtpmap:102 telephone-event/48000" in ours
    answer = offer(formats, "96 opus/48000/2", "101 telephone-event/8000", "102 telephone-event/48000")
    parameters = leg_parameters(made.take_answer("leg", answer))
    assert parameters.codec.name == codec
    assert (parameters.dtmf_payload_type, parameters.dtmf_clock_rate) == (payload_type, clock_rate)
