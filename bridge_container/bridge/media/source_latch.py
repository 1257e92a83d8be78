"""Symmetric RTP: which source a leg believes, hence where it sends (RFC 4961, RFC 7362 section 4).

The signalled address is believed at once; another one (a caller behind NAT) after two packets in sequence.
For a short window the choice may still change; then it is closed, and packets from elsewhere are dropped,
so that a stranger can neither inject audio nor draw it to himself ("RTP bleed"). Only a new offer opens the
window again. Pure; imports bridge.media.
"""

from __future__ import annotations

from collections.abc import Collection

from bridge.media.rtp import parse_rtp

Address = tuple[str, int]
LEARNING_WINDOW = 2.0
"""Seconds from the first believed packet."""
_QUIET_BEFORE_CHANGE = 0.2
"""Seconds that the believed source must have been silent before an unsignalled one may take over."""


class SourceLatch:
    """One leg's belief."""

    def __init__(self) -> None:
        self.remote: Address | None = None
        """Where to send: the believed source, or the signalled address until there is one."""
        self.source: Address | None = None
        """The believed source; None while there is none."""
        self.strangers = 0
        """Packets dropped because they came from elsewhere or looked wrong."""
        self._signalled: Address | None = None
        self._payload_types: Collection[int] = ()
        self._closes: float | None = None
        self._candidate: tuple[Address, int, int] | None = None
        self._last_believed = 0.0

    def expect(self, signalled: Address | None, payload_types: Collection[int]) -> None:
        """An offer or answer was settled: believe its address, or learn again if it changed."""
        self._payload_types = payload_types
        if signalled is not None and signalled == self._signalled and self.source is not None:
            return
        self._signalled = signalled
        self._candidate = None
        self._closes = None
        self.source = None
        if signalled is not None:
            self.remote = signalled

    def accepts(self, source: Address, packet: bytes, now: float) -> bool:
        """Whether an RTP packet is to be believed; learns from it while that is allowed."""
        if source == self.source:
            if self._closes is not None:
                self._last_believed = now
                if now >= self._closes:
                    self._closes = None
            return True
        if self._may_learn(source, now) and self._authentic(source, packet):
            self._believe(source, now)
            return True
        self.strangers += 1
        return False

    def _may_learn(self, source: Address, now: float) -> bool:
        if self.source is None:
            return True
        if self._closes is None or now >= self._closes:
            return False
        if source == self._signalled:
            return True
        return self.source != self._signalled and now - self._last_believed > _QUIET_BEFORE_CHANGE

    def _authentic(self, source: Address, data: bytes) -> bool:
        packet = parse_rtp(data)
        if packet is None or packet.payload_type not in self._payload_types:
            return False
        if source == self._signalled:
            return True
        known = self._candidate
        self._candidate = (source, packet.ssrc, (packet.sequence_number + 1) & 0xFFFF)
        return known == (source, packet.ssrc, packet.sequence_number)

    def _believe(self, source: Address, now: float) -> None:
        if self._closes is None:
            self._closes = now + LEARNING_WINDOW
        self.source = self.remote = source
        self._last_believed = now
        self._candidate = None
