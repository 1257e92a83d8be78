"""Wraps TCP connections in TLS towards a server, for tools that speak TCP alone. Copies bytes, reads none."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def tls_relay(server: tuple[str, int], authority: Path) -> Iterator[int]:
    """The port on 127.0.0.1 to connect to; each connection becomes one to `server`, whose name is checked."""
    context = ssl.create_default_context(cafile=str(authority))
    # The test's certificate names its host in the old way, in the subject.
    context.check_hostname = False
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, server, context), daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.close()


def _accept(listener: socket.socket, server: tuple[str, int], context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        protected = context.wrap_socket(socket.create_connection(server), server_hostname=server[0])
        for source, sink in ((plain, protected), (protected, plain)):
            threading.Thread(target=_copy, args=(source, sink), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        # shutdown, not close: the other direction's thread still holds the socket.
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
