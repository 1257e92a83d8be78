"""Lines 13 and 14 of the SIP behaviour over real sockets: UDP, TCP, TLS, IPv4, IPv6, caps and silence."""

from __future__ import annotations

import asyncio
import socket
import ssl
import warnings
from pathlib import Path

import pytest

from bridge.adapters.sip_streams import ConnectionCount, ConnectionLimits
from bridge.adapters.tls_context import TlsFiles, TlsReloader
from bridge.sip.endpoint import Transmission
from bridge.sip.events import InviteReceived
from bridge.sip.flow import Flow, Transport
from tests.support.sip_listener import listening_sip, options, read_response, write_certificate
from tests.support.waiting import until

INVITE = (
    "INVITE sip:+15551230001@{host} SIP/2.0\r\nVia: SIP/2.0/{transport} 192.0.2.1;branch=z9hG4bKi;rport\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:a@carrier.example>;tag=1\r\nTo: <sip:b@{host}>\r\nCall-ID: i\r\n"
    "CSeq: 1 INVITE\r\nContact: <sip:a@192.0.2.1>\r\nContent-Length: 0\r\n\r\n"
)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_datagrams_are_answered_where_they_came_from(host: str) -> None:
    async with listening_sip() as sip:
        port = sip.address("udp")[1]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as peer:
            peer.setblocking(False)
            peer.bind((host, 0))
            peer.connect((host, port))
            shown = f"[{host}]" if ":" in host else host
            peer.send(options(port, "udp", "UDP", shown))
            async with asyncio.timeout(30):
                answer = await asyncio.get_running_loop().sock_recv(peer, 4096)
            assert answer.startswith(b"SIP/2.0 200 ")
            assert f"rport={peer.getsockname()[1]}".encode() in answer


async def test_stream_messages_in_pieces_coalesced_and_with_keep_alives() -> None:
    async with listening_sip() as sip:
        host, port = sip.address("tcp")
        reader, writer = await asyncio.open_connection(host, port)
        first, second = options(port, "one"), options(port, "two")
        for byte in first[:40]:
            writer.write(bytes([byte]))
            await writer.drain()
        writer.write(first[40:] + second + b"\r\n\r\n")
        assert b"branch=z9hG4bKone" in await read_response(reader)
        assert b"branch=z9hG4bKtwo" in await read_response(reader)
        async with asyncio.timeout(30):
            assert await reader.readexactly(2) == b"\r\n"
        writer.close()
        await until(lambda: sip.connections("tcp") == 0)


async def test_lost_framing_is_answered_and_closed() -> None:
    async with listening_sip() as sip:
        reader, writer = await asyncio.open_connection(*sip.address("tcp"))
        writer.write(options(1, "x").replace(b"Content-Length: 0\r\n", b""))
        assert (await read_response(reader)).startswith(b"SIP/2.0 400 ")
        async with asyncio.timeout(30):
            assert await reader.read() == b""
        writer.close()


async def test_connections_are_capped_per_source_and_in_all() -> None:
    async with listening_sip(sip_connections_per_source=2) as sip:
        host, port = sip.address("tcp")
        kept = [await asyncio.open_connection(host, port) for _ in range(2)]
        await until(lambda: sip.connections("tcp") == 2)
        refused_reader, refused_writer = await asyncio.open_connection(host, port)
        async with asyncio.timeout(30):
            assert await refused_reader.read() == b""
        refused_writer.close()
        assert sip.refused()["source_connection_limit"] == 1
        kept[0][1].close()
        await until(lambda: sip.connections("tcp") == 1)
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(options(port, "again"))
        assert (await read_response(reader)).startswith(b"SIP/2.0 200 ")
        writer.close()
        kept[1][1].close()
    places = ConnectionCount(ConnectionLimits(total=2, per_source=2))
    assert places.take("a") is None
    assert places.take("b") is None
    assert places.take("c") == "connection_limit"


async def test_shunned_sources_are_neither_accepted_nor_read() -> None:
    async with listening_sip() as sip:
        standing_reader, standing_writer = await asyncio.open_connection(*sip.address("tcp"))
        await until(lambda: sip.connections("tcp") == 1)
        sip.deaf_to.add("127.0.0.1")
        standing_writer.write(options(1, "standing"))
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await read_response(standing_reader)
        standing_writer.close()
        reader, writer = await asyncio.open_connection(*sip.address("tcp"))
        async with asyncio.timeout(30):
            assert await reader.read() == b""
        writer.close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(options(1, "deaf", "UDP"), sip.address("udp"))
            await until(lambda: sip.refused()["shunned"] == 3)


async def test_silent_slow_and_idle_connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.adapters.sip_streams._SWEEP_SECONDS", 0.02)
    async with listening_sip(
        sip_first_message_seconds=2.0, sip_message_seconds=2.0, sip_idle_seconds=2.0
    ) as sip:
        host, port = sip.address("tcp")
        silent = await asyncio.open_connection(host, port)
        slow = await asyncio.open_connection(host, port)
        idle = await asyncio.open_connection(host, port)
        calling = await asyncio.open_connection(host, port)
        slow[1].write(b"OPTIONS sip:x SIP/2.0\r\n")
        idle[1].write(options(port, "idle"))
        calling[1].write(INVITE.format(host=host, transport="TCP").encode())
        for reader, _ in (silent, slow):
            async with asyncio.timeout(30):
                assert await reader.read() == b""
        await read_response(idle[0])
        async with asyncio.timeout(30):
            assert await idle[0].read() == b""
        refused = sip.refused()
        assert (refused["silent_connection"], refused["slow_message"], refused["idle_connection"]) == (
            1,
            1,
            1,
        )
        # A connection that carries a call is left alone.
        assert sip.connections("tcp") == 1
        for _, writer in (silent, slow, idle, calling):
            writer.close()


async def test_peer_that_does_not_read_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.adapters.sip_connection._LARGEST_BACKLOG", 64 * 1024)
    async with listening_sip() as sip:
        host, port = sip.address("tcp")
        with socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            peer.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(peer, (host, port))
            async with asyncio.timeout(60):
                for number in range(100_000):
                    try:
                        await loop.sock_sendall(peer, options(port, f"n{number}"))
                    except OSError:
                        break
        await until(lambda: sip.connections("tcp") == 0)
        assert sip.refused()["not_reading"] == 1


async def test_lost_connection_is_told_and_a_new_one_is_made_when_needed() -> None:
    async with listening_sip() as sip:
        host, port = sip.address("tcp")
        _, writer = await asyncio.open_connection(host, port)
        writer.write(INVITE.format(host=host, transport="TCP").encode())
        await until(lambda: bool(sip.events))
        (event,) = sip.events
        assert isinstance(event, InviteReceived)
        writer.close()
        await until(lambda: len(sip.events) == 2)
        met: list[bytes] = []

        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            met.append(await reader.readexactly(5))
            writer.close()

        server = await asyncio.start_server(meet, "127.0.0.1", 0)
        peer_port = server.sockets[0].getsockname()[1]
        flow = Flow(Transport.TCP, event.flow.local_host, event.flow.local_port, "127.0.0.1", peer_port)
        carrier = sip.driver.carrier(flow)
        assert carrier is not None
        carrier.send(Transmission(flow, b"hello"))
        await until(lambda: met == [b"hello"])
        server.close()


async def test_tls_is_1_2_or_newer_and_certificates_change_under_standing_connections(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    write_certificate(certificate, key, "first")
    async with listening_sip(sip_tls_port=0, tls_certificate=certificate, tls_key=key) as sip:
        host, port = sip.address("tls")

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            trust = ssl.create_default_context(cafile=str(certificate))
            trust.check_hostname = False
            return await asyncio.open_connection(host, port, ssl=trust)

        reader, writer = await connect()
        writer.write(options(port, "first", "TLS"))
        assert (await read_response(reader)).startswith(b"SIP/2.0 200 ")
        write_certificate(certificate, key, "second")
        assert sip.listeners.reload_certificates()
        _, second_writer = await connect()  # trusts the new certificate alone
        writer.write(options(port, "still", "TLS"))
        assert b"branch=z9hG4bKstill" in await read_response(reader)
        key.write_text("no key")
        assert not sip.listeners.reload_certificates()
        assert sip.refused()["certificate_files"] == 1
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection(host, port, ssl=old)
        writer.close()
        second_writer.close()


async def test_client_certificates_can_be_demanded(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    client_certificate, client_key = tmp_path / "client.pem", tmp_path / "client-key.pem"
    write_certificate(certificate, key)
    write_certificate(client_certificate, client_key, "carrier")
    settings = {
        "sip_tls_port": 0,
        "tls_certificate": certificate,
        "tls_key": key,
        "tls_client_authorities": client_certificate,
    }
    async with listening_sip(**settings) as sip:
        host, port = sip.address("tls")
        trust = ssl.create_default_context(cafile=str(certificate))
        trust.check_hostname = False

        async def ping() -> bytes:
            reader, writer = await asyncio.open_connection(host, port, ssl=trust)
            writer.write(options(port, "ping", "TLS"))
            try:
                return await read_response(reader)
            finally:
                writer.close()

        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await ping()
        trust.load_cert_chain(client_certificate, client_key)
        assert (await ping()).startswith(b"SIP/2.0 200 ")


def test_missing_certificate_files_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        TlsReloader(
            TlsFiles(tmp_path / "none.pem", tmp_path / "none.key"), lambda server, client: None, lambda: None
        )
