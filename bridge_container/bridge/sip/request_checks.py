"""What every request must pass before anybody decides about it (RFC 3261 sections 8.1.1, 8.2 and 16.3).

Pure: a request in, a `Refusal` or None out. The order follows section 8.2.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sip.body import UnsupportedBodyError, session_description
from bridge.sip.dialog import check_dialog_headers
from bridge.sip.errors import RemoteProtocolError
from bridge.sip.grammar import parse_number
from bridge.sip.message import SipRequest
from bridge.sip.session_timer import session_expires
from bridge.sip.status import REGISTERED_METHODS, SUPPORTED_METHODS
from bridge.sip.uri import OtherUri, SipUri

SUPPORTED_OPTIONS = ("100rel", "timer")
_OPTIONS = frozenset(SUPPORTED_OPTIONS)
ALLOW = ("Allow", ", ".join(SUPPORTED_METHODS))
ACCEPT = ("Accept", "application/sdp, application/dtmf-relay, application/dtmf, message/sipfrag")
SUPPORTED = ("Supported", ", ".join(SUPPORTED_OPTIONS))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A response that the endpoint gives by itself."""

    status: int
    why: str
    """A bounded word, as in `RequestRefused.why`."""
    detail: str
    headers: tuple[tuple[str, str], ...] = ()


def identify(request: SipRequest) -> None:
    """Parse what any answer needs: version, top Via, From, To, Call-ID and CSeq; raises
    `RemoteProtocolError`."""
    if request.version.upper() != "SIP/2.0":
        raise RemoteProtocolError(f"only SIP/2.0 is spoken, not {request.version}", 505)
    _ = request.via, request.from_, request.to, request.call_id, request.cseq


def check_form(request: SipRequest) -> Refusal | None:
    """Sequence and the form of what every request has; the answer to these needs no transaction."""
    if request.cseq.method != request.method:
        return Refusal(400, "malformed", "CSeq names another method than the request line")
    try:
        uri = request.uri
        hops = request.header("Max-Forwards")
        if hops is not None:
            parse_number(hops, "Max-Forwards", 255)
        if isinstance(uri, SipUri) and uri.headers:
            # RFC 3261 section 19.1.1, table 1: no headers in a Request-URI.
            raise RemoteProtocolError("the Request-URI has headers")
        check_dialog_headers(request)
    except RemoteProtocolError as error:
        return Refusal(error.status, "malformed", error.detail)
    return None


def check_session_interval(request: SipRequest, minimum: int) -> Refusal | None:
    """RFC 4028 section 9: 422 for an interval below ours."""
    try:
        wish = session_expires(request)
    except RemoteProtocolError as error:
        return Refusal(400, "malformed", error.detail)
    if wish is None or wish[0] >= minimum:
        return None
    return Refusal(422, "session_interval", f"{wish[0]} s is below {minimum} s", (("Min-SE", str(minimum)),))


def check_support(request: SipRequest) -> Refusal | None:
    """Method, URI scheme, extensions and body."""
    method = request.method
    if method not in SUPPORTED_METHODS:
        status = 405 if method in REGISTERED_METHODS else 501
        return Refusal(status, "method", f"{method} is not supported", (ALLOW,))
    if isinstance(request.uri, OtherUri):
        return Refusal(416, "uri_scheme", f"{request.uri.scheme} is not sip, sips or tel")
    if method == "CANCEL":
        return None
    # RFC 3261 section 8.2.2.3. Proxy-Require is for proxies, but nobody else will tell the peer.
    required = request.headers.values("Require") + request.headers.values("Proxy-Require")
    unsupported = [option for option in required if option.lower() not in _OPTIONS]
    if unsupported:
        names = ", ".join(dict.fromkeys(unsupported))
        return Refusal(420, "extension", f"{names} required", (("Unsupported", names), SUPPORTED))
    if method == "INVITE" and not _accepts_sdp(request):
        return Refusal(406, "accept", "the peer accepts no application/sdp", (ACCEPT,))
    if method in ("INVITE", "UPDATE", "PRACK"):
        try:
            session_description(request)
        except UnsupportedBodyError as error:
            return Refusal(415, "body_type", error.detail, error.headers)
        except RemoteProtocolError as error:
            return Refusal(error.status, "malformed", error.detail)
    return None


def _accepts_sdp(request: SipRequest) -> bool:
    """RFC 3261 section 20.1: without an Accept header SDP is accepted; an INVITE's answer is SDP."""
    if "Accept" not in request.headers:
        return True
    types = {value.partition(";")[0].strip().lower() for value in request.headers.values("Accept")}
    return not types.isdisjoint(("application/sdp", "application/*", "*/*"))
