"""The bridge's SIP listeners around a real endpoint on loopback, without call control or AWS."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bridge.adapters.metrics import BridgeMetrics
from bridge.adapters.settings import BridgeSettings
from bridge.adapters.sip_driver import SipDriver
from bridge.bootstrap.sip import SipListeners, endpoint_settings
from bridge.sip.endpoint import SipEndpoint
from bridge.sip.events import SipEvent


class ListeningSip:
    """Sockets, driver and endpoint; events are collected."""

    def __init__(self, settings: BridgeSettings) -> None:
        loop = asyncio.get_running_loop()
        self.metrics = BridgeMetrics()
        self.listeners = SipListeners(settings, self.metrics)
        self.deaf_to: set[str] = set()
        self.events: list[SipEvent] = []
        self.driver = SipDriver(
            SipEndpoint(endpoint_settings(settings, self.listeners), os.urandom),
            loop,
            lambda source, now: source not in self.deaf_to,
            lambda: self.metrics.refused("shunned"),
        )
        self.driver.connect(self.events.append)
        self.listeners.start(self.driver, loop)

    def address(self, transport: str) -> tuple[str, int]:
        """Where a transport listens."""
        return self.listeners.addresses()[transport]

    def refused(self) -> Counter[str]:
        """What was refused so far, by reason."""
        found: Counter[str] = Counter()
        for line in self.metrics.page().decode().splitlines():
            if line.startswith("trunkline_sip_refused_total{"):
                found[line.partition('why="')[2].partition('"')[0]] = int(float(line.rpartition(" ")[2]))
        return found

    def connections(self, transport: str) -> int:
        """Open connections."""
        for line in self.metrics.page().decode().splitlines():
            if line.startswith(f'trunkline_sip_connections{{transport="{transport}"}}'):
                return int(float(line.rpartition(" ")[2]))
        return 0


@asynccontextmanager
async def listening_sip(**settings: object) -> AsyncIterator[ListeningSip]:
    """Listen on ephemeral ports of 127.0.0.1 and ::1 until the block ends."""
    values = {"table": "none", "sip_host": ("127.0.0.1", "::1"), "sip_port": 0, "sip_tcp_port": 0}
    made = ListeningSip(BridgeSettings.model_validate({**values, **settings}))
    try:
        yield made
    finally:
        made.driver.stop()
        await made.listeners.close(asyncio.get_running_loop())


def options(port: int, branch: str, transport: str = "TCP", host: str = "127.0.0.1") -> bytes:
    """A ping as carriers send it."""
    return (
        f"OPTIONS sip:{host}:{port} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} {host};branch=z9hG4bK{branch};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:ping@carrier.example>;tag=1\r\nTo: <sip:{host}>\r\n"
        f"Call-ID: {branch}@carrier.example\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()


async def read_response(reader: asyncio.StreamReader) -> bytes:
    """A response without a body."""
    async with asyncio.timeout(30):
        return await reader.readuntil(b"\r\n\r\n")


def write_certificate(certificate: Path, key: Path, name: str = "localhost") -> None:
    """A self-signed certificate and its key."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
