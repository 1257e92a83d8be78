"""TLS contexts from certificate files, made anew when these change; connections that stand keep theirs."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger("bridge.tls")

_LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where certificate, key and the authorities of clients are, in PEM."""

    certificate: Path
    key: Path
    client_authorities: Path | None = None
    """None: clients show no certificate."""

    def stamp(self) -> tuple[tuple[int, int], ...]:
        """Changes whenever one of the files does. Raises OSError."""
        files = [path for path in (self.certificate, self.key, self.client_authorities) if path is not None]
        return tuple((path.stat().st_mtime_ns, path.stat().st_size) for path in files)


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """For peers that connect to us. Raises OSError or ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # RFC 9325 section 3.4: session tickets without rotation undo forward secrecy.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.load_cert_chain(files.certificate, files.key)
    if files.client_authorities is not None:
        context.load_verify_locations(files.client_authorities)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """For peers that we connect to, to end a call whose connection was lost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A Contact names an address, not a name that a certificate could hold: the chain alone is checked.
    context.check_hostname = False
    if files.client_authorities is not None:
        context.load_verify_locations(files.client_authorities)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    return context


class TlsReloader:
    """Looks at the files now and then; a broken new file leaves the old context in use."""

    def __init__(
        self,
        files: TlsFiles,
        use: Callable[[ssl.SSLContext, ssl.SSLContext], None],
        failed: Callable[[], None],
    ) -> None:
        """`use(server, client)` takes new contexts; `failed` counts files that cannot be used."""
        self._files = files
        self._use = use
        self._failed = failed
        self._stamp = files.stamp()
        self._task: asyncio.Task[None] | None = None
        use(server_context(files), client_context(files))

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.ensure_future(self._watch())

    def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()

    def look(self) -> bool:
        """Take changed files; whether there were new contexts."""
        try:
            stamp = self._files.stamp()
            if stamp == self._stamp:
                return False
            server, client = server_context(self._files), client_context(self._files)
        except (OSError, ssl.SSLError) as error:
            # Certificate and key are two files: between their writes they do not fit together.
            logger.warning("certificate files cannot be used", extra={"fields": {"error": str(error)}})
            self._failed()
            return False
        self._stamp = stamp
        self._use(server, client)
        logger.info("certificate files taken")
        return True

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.look()
