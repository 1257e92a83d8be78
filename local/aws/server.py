"""The emulated AWS services: moto's WSGI application behind one lock, on a socket of this machine.

Moto's transactions are not atomic among its threads: concurrent creators of one number could all win. So one
request runs at a time, except waits for messages, which would hold up everything else for seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from local.aws import transaction_copies

WRITING_OPERATIONS = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")


class QuietRequestHandler(MotoRequestHandler):
    """Moto's request handler without a log line for each request, and with connections kept open."""

    protocol_version = "HTTP/1.1"
    # Headers and body go out in two writes: without this, each answer waits for the client's delayed ACK.
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


class LockedApplication:
    """Runs one request at a time, and tells `wrote` after each one that may have written to a table."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self._lock = threading.Lock()
        self.wrote: Callable[[], None] = lambda: None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """WSGI."""
        operation = str(environ.get("HTTP_X_AMZ_TARGET", "")).rpartition(".")[2]
        with nullcontext() if operation == "ReceiveMessage" else self._lock:
            # Whole within the lock: an answer may be made while it is iterated over.
            body = list(self._application(environ, start_response))
        if operation in WRITING_OPERATIONS:
            self.wrote()
        return body


class AwsServer:
    """The emulated services on `host` and an ephemeral or given port; a thread of its own."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        transaction_copies.install()
        self._application = LockedApplication(DomainDispatcherApplication(create_backend_app))
        self._server = make_server(
            host, port, self._application, threaded=True, request_handler=QuietRequestHandler
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="aws", daemon=True
        )
        self.endpoint_url = f"http://{host}:{self._server.server_port}"

    def on_write(self, listener: Callable[[], None]) -> None:
        """Call `listener`, on any thread, after each request that may have written to a table."""
        self._application.wrote = listener

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; requests that wait for messages end with the process."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
