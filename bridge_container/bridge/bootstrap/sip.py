"""Builds the SIP side from the settings: the sockets, the endpoint's face, what media is taken."""

from __future__ import annotations

import asyncio
import secrets

from bridge.adapters.metrics import BridgeMetrics
from bridge.adapters.settings import BridgeSettings
from bridge.adapters.sip_driver import SipDriver
from bridge.adapters.sip_udp import SipUdpSocket
from bridge.sip.flow import Transport
from bridge.sip.negotiated_media import MediaCapabilities, SrtpPolicy
from bridge.sip.settings import EndpointSettings

_CODECS = ("opus", "G722", "PCMU", "PCMA")


class SipListeners:
    """The bridge's SIP sockets: bound at once, so that their ports are known, read from `start` on."""

    def __init__(self, settings: BridgeSettings, metrics: BridgeMetrics) -> None:
        self._settings = settings
        self.udp: list[SipUdpSocket] = []
        port = settings.sip_port
        for host in settings.sip_host:
            bound = SipUdpSocket(host, port, metrics.refused)
            self.udp.append(bound)
            port = bound.port

    def start(self, driver: SipDriver, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to read datagrams."""
        for bound in self.udp:
            bound.start(driver, loop)

    def addresses(self) -> dict[str, tuple[str, int]]:
        """Where each transport listens, by its name; the first address of several."""
        return {Transport.UDP.value: (self.udp[0].host, self.udp[0].port)}

    def advertised(self) -> dict[Transport, tuple[str, int]]:
        """What Contact and Via show."""
        settings = self._settings
        shown = {
            Transport.UDP: settings.advertised_sip_port,
            Transport.TCP: settings.advertised_sip_tcp_port,
            Transport.TLS: settings.advertised_sip_tls_port,
        }
        return {
            Transport(name): (settings.advertised_sip_host or host, shown[Transport(name)] or port)
            for name, (host, port) in self.addresses().items()
        }

    async def close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Free the ports."""
        for bound in self.udp:
            bound.close(loop)


def endpoint_settings(settings: BridgeSettings, listeners: SipListeners) -> EndpointSettings:
    """How the endpoint shows itself."""
    advertised = listeners.advertised()
    ipv6_host = settings.advertised_sip_host_ipv6 or next(
        (host for host in settings.sip_host if ":" in host and host != "::"), ""
    )
    ipv6 = {transport: (ipv6_host, port) for transport, (_, port) in advertised.items()} if ipv6_host else {}
    return EndpointSettings(advertised=advertised, advertised_ipv6=ipv6)


def digest_key(settings: BridgeSettings) -> bytes:
    """The key that signs nonces."""
    if settings.digest_key is None:
        return secrets.token_bytes(32)
    return bytes.fromhex(settings.digest_key.get_secret_value())


def media_capabilities(settings: BridgeSettings) -> MediaCapabilities:
    """What an offer may ask for."""
    srtp = SrtpPolicy.FORBIDDEN if settings.srtp == "off" else SrtpPolicy.ALLOWED
    return MediaCapabilities(codecs=_CODECS, srtp=srtp)
