"""Properties (hypothesis): what is parsed prints the same, and no input raises anything but the documented
error."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.sip.crypto_attribute import CryptoAttribute
from bridge.sip.digest import Credentials
from bridge.sip.errors import RemoteProtocolError
from bridge.sip.grammar import quote, unquote
from bridge.sip.headers import Headers
from bridge.sip.message import SipMessage, SipRequest, SipResponse
from bridge.sip.name_address import NameAddress
from bridge.sip.negotiated_media import MediaCapabilities, NegotiatedMedia
from bridge.sip.offer_answer import answer_offer
from bridge.sip.parser import parse_datagram
from bridge.sip.sdp import SessionDescription
from bridge.sip.uri import SipUri, parse_uri
from bridge.sip.via import Via
from tests.support.sip.bench import TCP, Bench
from tests.support.sip.caller import OFFER, Caller
from tests.unit.sip.test_offer_answer import local

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""

TOKENS = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=20)
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=60).map(
    lambda text: text.strip(" \t")
)
HOSTS = st.one_of(
    st.sampled_from(["example.com", "under_score.example", "192.0.2.1"]), st.just("2001:db8::1")
)
NAMES = st.one_of(st.sampled_from(["Via", "From", "To", "X-Custom", "Contact", "Subject"]), TOKENS)
USERS = st.one_of(st.none(), st.text("abc019+-_.!~*'()&=$,;?/", min_size=1, max_size=20))
PORTS = st.one_of(st.none(), st.integers(0, 65535))
PARAMETERS = st.lists(st.tuples(TOKENS, st.one_of(st.none(), TOKENS)), max_size=4).map(tuple)
URI_TOKENS = st.text("abcXYZ019-.!%*_+'~", min_size=1, max_size=20)
URI_PARAMETERS = st.lists(st.tuples(URI_TOKENS, st.one_of(st.none(), URI_TOKENS)), max_size=4).map(tuple)
URIS = st.builds(SipUri, host=HOSTS, user=USERS, port=PORTS, parameters=URI_PARAMETERS)


@st.composite
def messages(draw: st.DrawFn) -> SipMessage:
    """Requests and responses of any headers and bodies."""
    body = draw(st.binary(max_size=200))
    fields = [
        field for field in draw(st.lists(st.tuples(NAMES, VALUES), max_size=8)) if field[0].lower() not in "l"
    ]
    fields = [field for field in fields if field[0].lower() != "content-length"]
    headers = Headers.of(*fields, ("Content-Length", str(len(body))))
    if draw(st.booleans()):
        return SipRequest(draw(TOKENS), str(draw(URIS)), headers, body)
    return SipResponse(draw(st.integers(100, 699)), draw(VALUES), headers, body)


@CALM
@given(messages())
def test_messages_print_what_they_were_parsed_from(message: SipMessage) -> None:
    again = parse_datagram(message.serialise())
    assert again == message
    assert again.serialise() == message.serialise()


@CALM
@given(URIS)
def test_uris_both_ways(uri: SipUri) -> None:
    assert parse_uri(str(uri)) == uri


@CALM
@given(
    URIS,
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs", "Cn", "Co", "Cf"))),
    PARAMETERS,
)
def test_addresses_both_ways(uri: SipUri, name: str, parameters: tuple[tuple[str, str | None], ...]) -> None:
    address = NameAddress(uri, name, parameters)
    assert NameAddress.parse(str(address)) == address


@CALM
@given(TOKENS, HOSTS, PORTS, PARAMETERS)
def test_via_both_ways(
    transport: str, host: str, port: int | None, parameters: tuple[tuple[str, str | None], ...]
) -> None:
    via = Via(transport, host, port, parameters)
    assert Via.parse(str(via)) == via


@CALM
@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs", "Cn", "Co", "Cf"))))
def test_quoting_both_ways(text: str) -> None:
    assert unquote(quote(text)) == text


SPICE = st.sampled_from(
    [
        *(bytes((octet,)) for octet in b'\n :;,"\\<>@%[]\x00\xff'),
        *(
            b"\r\n",
            b"sip:",
            b"SIP/2.0",
            b"Via: ",
            b"z9hG4bK",
            b"Content-Length: ",
            b"CSeq: 1 INVITE",
            b"v=0\r\n",
        ),
    ]
)
MIXTURES = st.lists(st.one_of(SPICE, st.binary(max_size=20)), max_size=40).map(b"".join)


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A good INVITE with a stretch replaced, or a mixture, up to 64 kB."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return draw(MIXTURES)
    if kind == 1:
        return (draw(st.binary(min_size=1, max_size=8)) * 65_536)[: draw(st.integers(1, 65_536))]
    invite = Caller().invite()
    start = draw(st.integers(0, len(invite)))
    end = draw(st.integers(start, min(len(invite), start + 60)))
    return invite[:start] + draw(MIXTURES) + invite[end:]


@settings(CALM, max_examples=300)
@given(spoiled())
def test_no_input_raises_anything_but_the_documented_error(data: bytes) -> None:
    with suppress(RemoteProtocolError):
        message = parse_datagram(data)
        _ = message.via, message.from_, message.to, message.cseq, message.call_id, message.contact
    bench = Bench()
    bench.receive(data)
    bench.receive(data, TCP)
    bench.advance(100)


@settings(CALM, max_examples=200)
@given(st.one_of(st.text(max_size=200), MIXTURES.map(lambda data: data.decode("latin-1"))))
def test_no_text_breaks_a_value(text: str) -> None:
    for parse in (parse_uri, NameAddress.parse, Via.parse, Credentials.parse):
        with suppress(RemoteProtocolError):
            parse(text)
    CryptoAttribute.parse(text)


@settings(CALM, max_examples=200)
@given(st.integers(0, len(OFFER)), st.integers(0, 40), MIXTURES)
def test_every_offer_has_an_answer_or_a_refusal(start: int, length: int, mixture: bytes) -> None:
    offer = OFFER[:start] + mixture + OFFER[start + length :]
    result = answer_offer(offer, MediaCapabilities(), local())
    if isinstance(result, NegotiatedMedia):
        answer = SessionDescription.parse(result.sdp)
        assert len(answer.media) == len(SessionDescription.parse(offer).media)
    else:
        assert result.status in (400, 488)
