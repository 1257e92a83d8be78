"""The torture messages of RFC 4475, one expectation each, and the project's own vectors.

RFC 4475's 49 messages are not part of this repository: the tests read them from the folder that the
environment variable RFC4475_DIR names (files `badaspec.dat` and so on, bit-exact).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.sip.events import InviteReceived, RequestRefused
from bridge.sip.flow import Flow
from bridge.sip.message import SipRequest, SipResponse
from bridge.sip.parser import parse_datagram
from bridge.sip.uri import OtherUri, SipUri, TelUri
from tests.support.sip.bench import TCP, UDP, UDP6, Bench

FOLDER = os.environ.get("RFC4475_DIR", "")
VECTORS = Path(__file__).parent / "vectors"

needs_rfc4475 = pytest.mark.skipif(
    not FOLDER,
    reason="RFC 4475's 49 torture messages are left out: RFC4475_DIR does not name their folder",
)


@dataclass(frozen=True)
class Expected:
    """What a message leads to over UDP."""

    status: int
    """The first response; 0 for none."""
    why: str = ""
    """The refusal's word; empty for none."""


CALL = Expected(100)
FINE = Expected(200)
MALFORMED = Expected(400, "malformed")
METHOD = Expected(405, "method")

RFC_4475 = {
    # Section 3.1.1: valid messages. REGISTER and MESSAGE are understood and not supported.
    "wsinv": Expected(481, "unknown_dialog"),
    "intmeth": Expected(501, "method"),
    "esc01": CALL,
    "escnull": METHOD,
    "esc02": Expected(501, "method"),
    "lwsdisp": FINE,
    "longreq": CALL,
    "dblreq": METHOD,
    "semiuri": FINE,
    "transports": FINE,
    "mpart01": METHOD,
    "unreason": Expected(0, "unknown_transaction"),
    "noreason": Expected(0, "unknown_transaction"),
    # Section 3.1.2: invalid messages.
    "badinv01": MALFORMED,
    "clerr": MALFORMED,
    "ncl": MALFORMED,
    "scalar02": MALFORMED,
    "scalarlg": Expected(0, "malformed"),
    "quotbal": MALFORMED,
    "ltgtruri": MALFORMED,
    "lwsruri": MALFORMED,
    "lwsstart": MALFORMED,
    "trws": MALFORMED,
    "escruri": MALFORMED,
    "baddate": CALL,  # The RFC lets the Date header's time zone be ignored.
    "regbadct": MALFORMED,
    "badaspec": MALFORMED,
    "baddn": MALFORMED,
    "badvers": Expected(505, "malformed"),
    "mismatch01": MALFORMED,
    "mismatch02": MALFORMED,
    "bigcode": Expected(0, "malformed"),
    # Section 3.2: transaction layer semantics.
    "badbranch": FINE,
    # Section 3.3: application layer semantics.
    "insuf": MALFORMED,
    "unkscm": Expected(416, "uri_scheme"),
    "novelsc": Expected(416, "uri_scheme"),
    "unksm2": METHOD,
    "bext01": Expected(420, "extension"),
    "invut": Expected(415, "body_type"),
    "regaut01": METHOD,
    "multi01": MALFORMED,
    "mcl01": MALFORMED,
    "bcast": Expected(0, "unknown_transaction"),
    "zeromf": FINE,  # Max-Forwards 0 has reached its user agent.
    "cparam01": METHOD,
    "cparam02": METHOD,
    "regescrt": METHOD,
    "sdp01": Expected(406, "accept"),
    # Section 3.4: backward compatibility.
    "inv2543": CALL,
}


def message(name: str) -> bytes:
    """One of RFC 4475's messages."""
    return (Path(FOLDER) / f"{name}.dat").read_bytes()


def test_there_is_an_expectation_for_each_message() -> None:
    assert len(RFC_4475) == 49


@needs_rfc4475
def test_the_folder_holds_all_messages() -> None:
    assert {path.stem for path in Path(FOLDER).glob("*.dat")} == set(RFC_4475)


@needs_rfc4475
@pytest.mark.parametrize(("name", "expected"), RFC_4475.items())
def test_rfc_4475_over_udp(name: str, expected: Expected) -> None:
    bench = Bench()
    answers = bench.receive(message(name))
    assert [answer.status for answer in answers] == ([expected.status] if expected.status else [])
    refusals = [event.why for event in bench.events if isinstance(event, RequestRefused)]
    assert refusals == ([expected.why] if expected.why else [])
    assert any(isinstance(event, InviteReceived) for event in bench.events) is (expected == CALL)


@needs_rfc4475
@pytest.mark.parametrize("name", sorted(RFC_4475))
def test_rfc_4475_over_tcp_in_small_pieces(name: str) -> None:
    bench, data = Bench(), message(name)
    for start in range(0, len(data), 11):
        bench.receive(data[start : start + 11], TCP)
    bench.endpoint.connection_lost(TCP, bench.now)
    bench.advance(100)
    assert bench.endpoint.next_deadline() is None


def parsed(name: str) -> SipRequest:
    """One of RFC 4475's requests."""
    request = parse_datagram(message(name))
    assert isinstance(request, SipRequest)
    return request


@needs_rfc4475
def test_wsinv_has_the_values_that_the_rfc_gives() -> None:
    request = parsed("wsinv")
    assert request.uri == SipUri("chair-dnrc.example.com", "vivekg", parameters=(("unknownparam", None),))
    assert request.to.tag == "1918181833n"
    assert (request.from_.display_name, request.from_.tag) == ('J Rosenberg \\"', "98asjd8")
    assert request.header("Max-Forwards") == "0068"
    assert (request.cseq.number, request.cseq.method) == (9, "INVITE")
    assert request.header("Subject") == ""
    assert request.header("NewFangledHeader") == "newfangled value continued newfangled value"
    assert len(request.headers.values("Via")) == 3
    assert request.via.branch == "390skdjuw"
    assert request.contact is not None
    assert (request.contact.display_name, request.contact.parameter("q")) == ('Quoted string ""', "0.33")
    assert request.contact.parameter("newparam") == "newvalue"
    assert len(request.body) == 150


@needs_rfc4475
def test_intmeth_has_the_values_that_the_rfc_gives() -> None:
    request = parsed("intmeth")
    assert request.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert isinstance(request.uri, SipUri)
    assert request.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert request.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert request.to.display_name == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert request.from_.display_name == "token1~` token2'+_ token3*%!.-"
    assert request.from_.parameter("fromparam''~+*_!.-%") == '"работающий"'
    assert request.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"


@needs_rfc4475
def test_escapes_are_kept_and_understood() -> None:
    request = parsed("esc01")
    assert isinstance(request.uri, SipUri)
    assert request.uri.user == "sips%3Auser%40example.com"
    assert request.uri.number == "sips:user@example.com"
    # C%6Fntact is another header: names have no escapes.
    assert len(parsed("esc02").headers.all("Contact")) == 2


@needs_rfc4475
def test_semiuri_and_lwsdisp_have_the_values_that_the_rfc_gives() -> None:
    request = parsed("semiuri")
    assert isinstance(request.uri, SipUri)
    assert (request.uri.user, request.uri.host) == ("user;par=u%40example.net", "example.com")
    assert len(request.headers.values("Accept")) == 6
    assert parsed("lwsdisp").from_.display_name == "caller"


@needs_rfc4475
def test_dblreq_is_one_request_and_its_rest_is_padding() -> None:
    request = parsed("dblreq")
    assert (request.method, request.body) == ("REGISTER", b"")


@needs_rfc4475
def test_header_and_contact_parameters_stay_apart() -> None:
    first, second = parsed("cparam01").contact, parsed("cparam02").contact
    assert first is not None
    assert second is not None
    assert (first.parameter("unknownparam"), isinstance(first.uri, SipUri) and first.uri.parameters) == (
        "",
        (),
    )
    assert second.parameters == ()
    assert isinstance(second.uri, SipUri)
    assert second.uri.parameter("unknownparam") == ""


@needs_rfc4475
def test_responses_keep_their_reason() -> None:
    response = parse_datagram(message("unreason"))
    assert isinstance(response, SipResponse)
    assert response.reason.startswith("= 2**3 * 5**2 ")
    other = parse_datagram(message("noreason"))
    assert isinstance(other, SipResponse)
    assert (other.status, other.reason) == (100, "")


@needs_rfc4475
@pytest.mark.parametrize("name", sorted(RFC_4475))
def test_what_parses_prints_the_same(name: str) -> None:
    if RFC_4475[name].why == "malformed":
        Bench().receive(message(name))
        return
    first = parse_datagram(message(name))
    assert parse_datagram(first.serialise()) == first


# The project's own vectors.

OWN = {
    "invite_plain": CALL,
    "invite_digest": CALL,
    "invite_twilio_shape": CALL,
    "invite_number_portability": CALL,
    "invite_tel_uri": CALL,
    "invite_trunk_group": CALL,
    "invite_compact": CALL,
    "invite_ipv6": CALL,
    "invite_folded_lf": CALL,
    "invite_latin1": CALL,
    "invite_utf8": CALL,
    "invite_multipart": CALL,
    "invite_srtp": CALL,
    "invite_opus": CALL,
    "reinvite_t38": Expected(481, "unknown_dialog"),
    "reinvite_hold": Expected(481, "unknown_dialog"),
    "ack": Expected(0),
    "bye": Expected(481, "unknown_dialog"),
    "cancel": Expected(481, "unknown_transaction"),
    "prack": Expected(481, "unknown_dialog"),
    "info_dtmf_relay": Expected(481, "unknown_dialog"),
    "update_refresh": Expected(481, "unknown_dialog"),
    "notify_refer": Expected(481, "unknown_dialog"),
    "options_ping": FINE,
    "register": METHOD,
    "response_200": Expected(0, "unknown_transaction"),
    "response_no_reason": Expected(0, "unknown_transaction"),
    "keepalive_and_two_messages": FINE,
}


def vector(name: str) -> SipRequest:
    """One of our vectors as a request."""
    request = parse_datagram((VECTORS / f"{name}.sip").read_bytes())
    assert isinstance(request, SipRequest)
    return request


def test_each_own_vector_has_an_expectation() -> None:
    assert {path.stem for path in VECTORS.glob("*.sip")} == set(OWN)


@pytest.mark.parametrize(("name", "expected"), OWN.items())
def test_own_vectors(name: str, expected: Expected) -> None:
    data = (VECTORS / f"{name}.sip").read_bytes()
    bench = Bench()
    flow: Flow = UDP6 if "ipv6" in name else UDP
    answers = bench.receive(data, flow)
    assert [answer.status for answer in answers] == ([expected.status] if expected.status else [])
    refusals = [event.why for event in bench.events if isinstance(event, RequestRefused)]
    assert refusals == ([expected.why] if expected.why else [])
    first = parse_datagram(data)
    assert parse_datagram(first.serialise()) == first


def test_the_shapes_of_carriers() -> None:
    twilio = vector("invite_twilio_shape")
    assert twilio.header("x-twilio-callsid") == "CA0123456789abcdef"
    assert len(twilio.headers.values("Record-Route")) == 2
    asserted = [str(value) for value in twilio.headers.values("P-Asserted-Identity")]
    assert len(asserted) == 2
    ported = vector("invite_number_portability").uri
    assert isinstance(ported, SipUri)
    assert (ported.number, ported.user_parameter("rn")) == ("+15551230001", "+15557654321")
    number = vector("invite_tel_uri").uri
    assert isinstance(number, TelUri)
    assert number.number == "+1-555-123-0001"
    assert not isinstance(number, OtherUri)


def test_text_that_is_not_utf_8_is_read_and_printed_as_it_came() -> None:
    data = (VECTORS / "invite_latin1.sip").read_bytes()
    request = vector("invite_latin1")
    assert request.from_.display_name == "José"
    assert request.serialise() == data


def test_the_sdp_part_of_a_multipart_body() -> None:
    bench = Bench()
    bench.receive((VECTORS / "invite_multipart.sip").read_bytes())
    offer = bench.take(InviteReceived).offer
    assert offer is not None
    assert offer.startswith(b"v=0\r\n")
    assert offer.endswith(b"a=sendrecv\r\n")
