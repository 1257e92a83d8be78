"""The port between the media engine's tick and whatever carries its packets: UDP, SRTP or WebRTC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class PacketTransport(Protocol):
    """A path for one leg's RTP and RTCP packets. Never blocks; used from the worker's loop alone."""

    def drain(self) -> Sequence[bytes]:
        """Take the packets that came since the last call, decrypted and from the right source."""
        ...

    def send(self, packets: Sequence[bytes]) -> None:
        """Encrypt where needed and write; what cannot be sent now is counted and dropped."""
        ...

    def close(self) -> None:
        """Free the socket. Closing twice is no error."""
        ...
