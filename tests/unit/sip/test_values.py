"""URIs, addresses, Via, CSeq as values: parse, print, refuse; the spellings of carriers; RFC 5118."""

from __future__ import annotations

import pytest

from bridge.sip.cseq import CSeq, RAck
from bridge.sip.errors import LocalProtocolError, RemoteProtocolError
from bridge.sip.grammar import clean_text, quote, split_outside_quotes, unquote
from bridge.sip.headers import Headers, canonical_name
from bridge.sip.name_address import NameAddress
from bridge.sip.uri import OtherUri, SipUri, TelUri, parse_uri
from bridge.sip.via import Via

CARRIER_URIS = [
    ("sip:+15551230001@trunk.example.com", "+15551230001"),
    ("sip:15551230001@198.51.100.1:5060;user=phone", "15551230001"),
    ("sip:5551230001@trunk.example.com;transport=udp", "5551230001"),
    ("sip:0015551230001@trunk.example.com", "0015551230001"),
    ("sip:0115551230001@trunk.example.com", "0115551230001"),
    ("sip:+15551230001;npdi;rn=+15557654321@trunk.example.com;user=phone", "+15551230001"),
    ("sip:+15551230001;tgrp=tg-1;trunk-context=carrier.example.net@trunk.example.com", "+15551230001"),
    ("SIP:%2B15551230001@trunk_host.example.com", "+15551230001"),
    ("sips:+15551230001@trunk.example.com", "+15551230001"),
    ("sip:+1-555-123-0001@trunk.example.com", "+1-555-123-0001"),
]


@pytest.mark.parametrize(("text", "number"), CARRIER_URIS)
def test_the_spellings_of_carriers(text: str, number: str) -> None:
    uri = SipUri.parse(text)
    assert uri.number == number
    assert SipUri.parse(str(uri)) == uri


def test_number_portability_and_trunk_groups() -> None:
    uri = SipUri.parse("sip:+15551230001;npdi;rn=+15557654321;TGRP=a@example.com")
    assert uri.user_parameter("rn") == "+15557654321"
    assert uri.user_parameter("npdi") == ""
    assert uri.user_parameter("tgrp") == "a"
    assert uri.user_parameter("cic") is None


@pytest.mark.parametrize(
    "text",
    [
        "sip:example.com",
        "sip:a@example.com",
        "sip:a:secret@example.com:5070;transport=tcp;lr;maddr=192.0.2.1?Subject=x&Priority=y",
        "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        "sip:user;par=u%40example.net@example.com",
        "sip:%00@host5.example.com",
        "sip:a@[2001:db8::10]:5060;x=[::1]",
        "tel:+1-555-123-0001",
        "tel:7042;phone-context=example.com",
        "tel:*69;phone-context=+1",
        "mailto:a@example.com",
        "soap.beep://192.0.2.103:3002",
    ],
)
def test_uris_print_as_they_came(text: str) -> None:
    assert str(parse_uri(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip:@",
        "sip:a@",
        "sip:a@b@c",
        "sip:a b@c",
        "sip:a@b c",
        "sip:a@b:port",
        "sip:a@b:99999",
        "sip:a@b:",
        "sip:a@[::1",
        "sip:a@[::1]x",
        "sip:a@[fe80::1%eth0]",
        "sip:a@2001:db8::10",  # RFC 5118 section 4.2: an IPv6 address needs brackets
        "sip:a%zz@b",
        "sip:a%4@b",
        "sip:a@b;<>",
        "sip:a@b?x y",
        "<sip:a@b>",
        "tel:",
        "tel:abc xyz",
        "no-scheme",
        "://x",
        "sip:a\r\n@b",
    ],
)
def test_malformed_uris(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_uri(text)
    assert caught.value.status == 400


def test_other_schemes_are_no_sip_uri() -> None:
    assert parse_uri("http://example.com") == OtherUri("http", "//example.com")
    with pytest.raises(RemoteProtocolError) as caught:
        SipUri.parse("tel:+15551230001")
    assert caught.value.status == 416
    assert TelUri("+1", (("phone-context", "x"),)).parameter("phone-context") == "x"


@pytest.mark.parametrize(
    ("text", "name", "uri", "tag"),
    [
        ("<sip:a@b>;tag=1", "", "sip:a@b", "1"),
        ("sip:a@b;tag=1", "", "sip:a@b", "1"),
        ("sip:a@b ;   tag    = 1", "", "sip:a@b", "1"),
        ('"A, <B>; \\"C\\"" <sip:a@b;lr>;TAG=1', 'A, <B>; "C"', "sip:a@b;lr", "1"),
        ("caller<sip:a@b>", "caller", "sip:a@b", None),
        ("token1~` token2'+_ token3*%!.- <sip:a@b>;tag=x", "token1~` token2'+_ token3*%!.-", "sip:a@b", "x"),
        ("Zoë Ωmega <sip:a@b>", "Zoë Ωmega", "sip:a@b", None),
        ('"" <sip:a@b>', "", "sip:a@b", None),
        ("<tel:+15551230001>;tag=2", "", "tel:+15551230001", "2"),
        ("<sip:a@b?Route=%3Cx%3E>", "", "sip:a@b?Route=%3Cx%3E", None),
        ("anonymous <sip:anonymous@anonymous.invalid>", "anonymous", "sip:anonymous@anonymous.invalid", None),
    ],
)
def test_addresses(text: str, name: str, uri: str, tag: str | None) -> None:
    address = NameAddress.parse(text)
    assert (address.display_name, str(address.uri), address.tag) == (name, uri, tag)
    assert NameAddress.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<sip:a@b",
        '"open <sip:a@b>',
        '"name" sip:a@b',
        "Bell, Alexander <sip:a@b>",
        "< sip:a@b >",
        "<sip:a@b> tag=1",
        "sip:a@b?Route=x",
        "<sip:a@b>;;;",
        "<sip:a@b>;=1",
        "*",
    ],
)
def test_malformed_addresses(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        NameAddress.parse(text)


def test_repeated_headers_and_comma_lists_are_the_same() -> None:
    one = ['<sip:a@b>, "x, y" <tel:+1>;p=1']
    two = ["<sip:a@b>", '"x, y" <tel:+1>;p=1']
    assert NameAddress.parse_list(one) == NameAddress.parse_list(two)


@pytest.mark.parametrize(
    ("text", "host", "port", "branch"),
    [
        ("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "192.0.2.1", None, "z9hG4bK1"),
        ("SIP / 2.0 /UDP   192.0.2.1:5061 ; branch = z9", "192.0.2.1", 5061, "z9"),
        ("SIP/2.0/TCP [2001:db8::9:1]:5060;branch=a;rport", "2001:db8::9:1", 5060, "a"),
        ("sip/2.0/SCTP under_score.example.com", "under_score.example.com", None, ""),
        # RFC 5118 section 4.5: received with and without brackets.
        ("SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=b", "2001:db8::9:1", None, "b"),
        ("SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=b", "2001:db8::9:1", None, "b"),
        # RFC 5118 section 4.10: an IPv4 address mapped into IPv6.
        ("SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=c", "::ffff:192.0.2.10", 19823, "c"),
    ],
)
def test_via(text: str, host: str, port: int | None, branch: str) -> None:
    via = Via.parse(text)
    assert (via.host, via.port, via.branch) == (host, port, branch)
    assert Via.parse(str(via)) == via


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0 UDP host",
        "SIP/1.0/UDP h",
        "HTTP/2.0/UDP h",
        "SIP/2.0/UDP h:x",
        "SIP/2.0/UDP ;;,;",
    ],
)
def test_malformed_via(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Via.parse(text)


def test_cseq_and_rack() -> None:
    assert CSeq.parse("0009\t INVITE") == CSeq(9, "INVITE")
    assert str(CSeq(9, "INVITE")) == "9 INVITE"
    assert RAck.parse("776656 1 INVITE") == RAck(776656, CSeq(1, "INVITE"))
    assert str(RAck.parse("776656 1 INVITE")) == "776656 1 INVITE"
    for text in ("", "1", "INVITE 1", "1 IN VITE", "2147483648 INVITE", "\u0661 INVITE", "1 a/b"):
        with pytest.raises(RemoteProtocolError):
            CSeq.parse(text)


def test_header_names() -> None:
    assert [canonical_name(name) for name in ("v", "VIA", "call-id", "X-Custom")] == [
        "Via",
        "Via",
        "Call-ID",
        "X-Custom",
    ]
    headers = Headers((("X-One", "1"), ("x-one", "2"), ("Via", "a, b"), ("Via", "c")))
    assert headers.all("X-ONE") == ["1", "2"]
    assert headers.get("x-one") == "1"
    assert headers.values("v") == ["a", "b", "c"]
    assert "nothing" not in headers
    assert "a, b" not in repr(headers)


@pytest.mark.parametrize(
    ("name", "value"), [("X", "a\r\nb"), ("X", "a\nb"), ("X Y", "a"), ("", "a"), ("X:", "a")]
)
def test_headers_that_we_cannot_write_are_our_own_error(name: str, value: str) -> None:
    with pytest.raises(LocalProtocolError):
        Headers.of((name, value))


def test_quoting() -> None:
    assert unquote(quote('a "b" \\ c')) == 'a "b" \\ c'
    assert quote("a\r\nb") == '"a  b"'
    assert clean_text("a\u2028b\x85c\x00") == "a b c "
    assert split_outside_quotes('a, "b, \\", c" , <d, e>,f', ",") == ["a", '"b, \\", c"', "<d, e>", "f"]
    assert split_outside_quotes('"open', ",") == ['"open']
    for broken in ('"open,', "<open,", '"\\,', 'a,"b'):
        with pytest.raises(RemoteProtocolError):
            split_outside_quotes(broken, ",")
