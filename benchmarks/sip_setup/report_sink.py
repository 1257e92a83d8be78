"""An AWS endpoint that takes records and events at once, so that what is measured is the bridge.

Everything else is passed on to the emulated AWS whose URL is the first argument; the second is the port.
"""

from __future__ import annotations

import asyncio
import json
import sys
from urllib.parse import urlsplit

_WRITTEN = b'{"UnprocessedItems":{}}'


def header(head: bytes, name: bytes) -> bytes:
    """A header's value, empty when it is not there; `name` in lower case."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


def answer(target: bytes, body: bytes) -> bytes | None:
    """What AWS says to a write that went well; None for what is not a write of a running bridge."""
    operation = target.rpartition(b".")[2]
    if operation in (b"PutItem", b"BatchWriteItem"):
        return _WRITTEN
    if operation == b"PutEvents":
        entries = [{"EventId": "1"}] * len(json.loads(body)["Entries"])
        return json.dumps({"FailedEntryCount": 0, "Entries": entries}).encode()
    return None


async def pass_on(upstream: str, head: bytes, body: bytes) -> bytes:
    """The emulated AWS's whole answer."""
    parts = urlsplit(upstream)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(head + body)
    await writer.drain()
    answered = await reader.readuntil(b"\r\n\r\n")
    content = await reader.readexactly(int(header(answered, b"content-length") or 0))
    writer.close()
    return answered + content


async def serve_connection(upstream: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer requests until the client leaves."""
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(int(header(head, b"content-length") or 0))
        except (asyncio.IncompleteReadError, ConnectionError):
            break
        content = answer(header(head, b"x-amz-target"), body)
        if content is None:
            writer.write(await pass_on(upstream, head, body))
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n" % len(content) + content)
        await writer.drain()
    writer.close()


async def main(upstream: str, port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.start_server(
        lambda reader, writer: serve_connection(upstream, reader, writer), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
