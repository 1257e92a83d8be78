"""Builds the SIP side from the settings: the sockets, the endpoint's face, what media is taken."""

from __future__ import annotations

import asyncio
import secrets
import ssl

from bridge.adapters.metrics import BridgeMetrics
from bridge.adapters.settings import BridgeSettings
from bridge.adapters.sip_driver import SipDriver
from bridge.adapters.sip_streams import ConnectionCount, ConnectionLimits, SipStreamListener
from bridge.adapters.sip_udp import SipUdpSocket
from bridge.adapters.tls_context import TlsFiles, TlsReloader
from bridge.sip.flow import Transport
from bridge.sip.negotiated_media import MediaCapabilities, SrtpPolicy
from bridge.sip.settings import EndpointSettings

_CODECS = ("opus", "G722", "PCMU", "PCMA")


class SipListeners:
    """The bridge's SIP sockets: bound at once, so that their ports are known, read from `start` on."""

    def __init__(self, settings: BridgeSettings, metrics: BridgeMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._limits = ConnectionLimits(
            total=settings.sip_connections,
            per_source=settings.sip_connections_per_source,
            idle=settings.sip_idle_seconds,
            message=settings.sip_message_seconds,
            first_message=settings.sip_first_message_seconds,
        )
        self._places = ConnectionCount(self._limits)
        self._udp: list[SipUdpSocket] = []
        self._tcp: list[SipStreamListener] = []
        self._tls: list[SipStreamListener] = []
        self._reloader: TlsReloader | None = None
        port = settings.sip_port
        for host in settings.sip_host:
            bound = SipUdpSocket(host, port, metrics.refused)
            self._udp.append(bound)
            port = bound.port
        self._direct_port = self._bind_direct()
        if settings.sip_tcp_port is not None:
            self._tcp = self._streams(Transport.TCP, settings.sip_tcp_port)
        if settings.sip_tls_port is not None:
            self._tls = self._streams(Transport.TLS, settings.sip_tls_port)
            self._reloader = self._certificates()

    def start(self, driver: SipDriver, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to read and accept."""
        for bound in self._udp:
            bound.start(driver, loop)
        for listener in (*self._tcp, *self._tls):
            listener.start(driver, loop)
        if self._reloader is not None:
            self._reloader.start()

    def addresses(self) -> dict[str, tuple[str, int]]:
        """Where each transport listens, by its name; the first address of several."""
        found = {Transport.UDP.value: (self._udp[0].host, self._udp[0].port)}
        for transport, listeners in ((Transport.TCP, self._tcp), (Transport.TLS, self._tls)):
            if listeners:
                found[transport.value] = (listeners[0].host, listeners[0].port)
        return found

    def advertised(self) -> dict[Transport, tuple[str, int]]:
        """What Contact and Via show."""
        settings = self._settings
        shown = {
            Transport.UDP: settings.advertised_sip_port or self._direct_port,
            Transport.TCP: settings.advertised_sip_tcp_port,
            Transport.TLS: settings.advertised_sip_tls_port,
        }
        return {
            Transport(name): (settings.advertised_sip_host or host, shown[Transport(name)] or port)
            for name, (host, port) in self.addresses().items()
        }

    def reload_certificates(self) -> bool:
        """Look at the certificate files now; whether new ones were taken."""
        return self._reloader is not None and self._reloader.look()

    async def close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Free the ports."""
        if self._reloader is not None:
            self._reloader.close()
        for bound in self._udp:
            bound.close(loop)
        for listener in (*self._tcp, *self._tls):
            await listener.close()

    def _bind_direct(self) -> int:
        """Bind the port for what comes past a load balancer; 0 where there is none."""
        port = self._settings.sip_direct_port
        if port is None:
            return 0
        for host in self._settings.sip_host:
            bound = SipUdpSocket(host, port, self._metrics.refused)
            self._udp.append(bound)
            port = bound.port
        return port

    def _streams(self, transport: Transport, port: int) -> list[SipStreamListener]:
        listeners = []
        for host in self._settings.sip_host:
            listener = SipStreamListener(
                transport,
                host,
                port,
                limits=self._limits,
                places=self._places,
                refused=self._metrics.refused,
                open_connections=self._metrics.connections,
            )
            listeners.append(listener)
            port = listener.port
        return listeners

    def _certificates(self) -> TlsReloader:
        settings = self._settings
        if settings.tls_certificate is None or settings.tls_key is None:
            raise ValueError("tls_certificate and tls_key are needed for TLS")
        files = TlsFiles(settings.tls_certificate, settings.tls_key, settings.tls_client_authorities)

        def use(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
            for listener in self._tls:
                listener.server_context, listener.client_context = server, client

        return TlsReloader(files, use, lambda: self._metrics.refused("certificate_files"))


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
