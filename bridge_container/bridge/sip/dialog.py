"""A dialog as the called side sees it (RFC 3261 section 12): identity, route set, targets, sequence numbers.

Makes the requests that we send inside it and says where on the network they go. Sends nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from bridge.sip.errors import RemoteProtocolError
from bridge.sip.flow import Flow
from bridge.sip.headers import Headers
from bridge.sip.message import SipRequest, SipResponse
from bridge.sip.name_address import NameAddress
from bridge.sip.reply import DEFAULT_PORT, response_flow
from bridge.sip.uri import SipUri, Uri, print_host_port

DialogKey = tuple[str, str, str]
"""Call-ID, our tag, the peer's tag."""


class Dialog:
    """One dialog that an INVITE of the peer's made."""

    def __init__(self, request: SipRequest, flow: Flow, local_tag: str) -> None:
        self.call_id = request.call_id
        self.local_tag = local_tag
        self.remote_tag = request.from_.tag or ""
        self.secure = isinstance(request.uri, SipUri) and request.uri.scheme == "sips"
        self.remote_cseq = request.cseq.number
        self.local_cseq = 0
        self.flow: Flow | None = flow
        """The flow of the peer's latest request; None once its connection is lost."""
        self._response_flow = response_flow(request, flow)
        self._encoding = request.encoding
        self._local = f"{request.headers.get('To')};tag={local_tag}"
        self._remote = request.headers.get("From") or ""
        self._routes = tuple(request.headers.values("Record-Route"))
        self._first_route = NameAddress.parse(self._routes[0]).uri if self._routes else None
        # RFC 3261 section 12.1.1 asks for a Contact; RFC 2543 peers may leave it out.
        self.remote_target: Uri = (request.contact or request.from_).uri

    @property
    def key(self) -> DialogKey:
        """How the peer's requests find this dialog."""
        return self.call_id, self.local_tag, self.remote_tag

    def accept_sequence(self, request: SipRequest) -> bool:
        """RFC 3261 section 12.2.2: whether a request is newer than all before; remembers it if so."""
        if request.cseq.number <= self.remote_cseq:
            return False
        self.remote_cseq = request.cseq.number
        return True

    def refresh_target(self, message: SipRequest | SipResponse) -> None:
        """RFC 3261 section 12.2: the Contact of a re-INVITE or UPDATE, or of its 2xx, replaces the remote
        target."""
        if message.contact is not None:
            self.remote_target = message.contact.uri

    def moved_to(self, request: SipRequest, flow: Flow) -> None:
        """The peer's latest request came over `flow`: ours go there too."""
        self.flow = flow
        self._response_flow = response_flow(request, flow)

    def request(
        self,
        method: str,
        via: str,
        contact: str,
        *,
        cseq: int | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> SipRequest:
        """A request inside the dialog; `cseq` repeats a number (ACK), otherwise the next one is taken."""
        if cseq is None:
            self.local_cseq += 1
            cseq = self.local_cseq
        target, routes = str(self.remote_target), list(self._routes)
        if isinstance(self._first_route, SipUri) and self._first_route.parameter("lr") is None:
            # RFC 3261 section 12.2.1.1: a strict router takes the Request-URI's place.
            routes = [*routes[1:], f"<{target}>"]
            target = str(replace(self._first_route, headers=""))
        fields = [("Via", via), ("Max-Forwards", "70")]
        fields += [("Route", route) for route in routes]
        fields += [("From", self._local), ("To", self._remote), ("Call-ID", self.call_id)]
        fields += [("CSeq", f"{cseq} {method}"), ("Contact", contact), *headers]
        if body:
            fields.append(("Content-Type", "application/sdp"))
        fields.append(("Content-Length", str(len(body))))
        return SipRequest(method, target, Headers.of(*fields), body, encoding=self._encoding)

    def next_hop(self) -> Flow:
        """Where our requests go.

        The first route or the Contact (RFC 3261 section 12.2.1.1) when it is an address that the peer's
        network can mean; else the place that the peer's own requests come from. A private Contact behind a
        public source is the usual case (Twilio, NAT), and names are not looked up here.
        """
        flow = self._response_flow
        uri = self._first_route or self.remote_target
        if flow.transport.reliable and self.flow is not None:
            return self.flow
        if isinstance(uri, SipUri) and _same_scope(uri.host, flow.remote_host):
            port = uri.port or DEFAULT_PORT[flow.transport.value]
            flow = replace(flow, remote_host=uri.host, remote_port=port)
        return replace(flow, connection_id=0) if flow.transport.reliable else flow


def _same_scope(host: str, source: str) -> bool:
    """Whether both are addresses of one family and of one reach: loopback, site or global."""
    try:
        target, origin = ip_address(host), ip_address(source.partition("%")[0])
    except ValueError:
        return False
    if target.version != origin.version or target.is_multicast or target.is_unspecified:
        return False
    return (target.is_loopback, _is_site_local(target)) == (origin.is_loopback, _is_site_local(origin))


_SITE_LOCAL = tuple(
    # RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)


def _is_site_local(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in _SITE_LOCAL)


def contact_header(host: str, port: int, user: str, transport: str, secure: bool) -> str:
    """Our Contact's value on a transport."""
    scheme = "sips" if secure else "sip"
    # RFC 3261 section 26.2.2: transport=tls is deprecated but what peers read; sips says it already.
    suffix = "" if transport == "udp" or secure else f";transport={transport}"
    return f"<{scheme}:{user}@{print_host_port(host, port)}{suffix}>"


def check_dialog_headers(request: SipRequest) -> None:
    """Parse what dialogs and their targets are made from, so that no later step meets it malformed."""
    contact = request.contact
    if request.method == "INVITE":
        if contact is None and request.header("Contact") == "*":
            raise RemoteProtocolError("Contact is * in an INVITE")
        NameAddress.parse_list(request.headers.all("Record-Route"))
