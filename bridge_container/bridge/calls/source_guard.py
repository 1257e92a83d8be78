"""Scanner defence: which sources are not listened to for a while. Token buckets on what no carrier does.

The credential-less first INVITE is normal: its challenge takes a token that the right answer gives back, so
only challenges that are never answered add up. Failed credentials, malformed and unexpected requests cost
more. A right answer makes up for one of them too: behind a carrier's address there are many customers, and
the one with the wrong password must not cut off the others. A source without tokens is shunned: dropped
unread until it has regained some. Pure arithmetic.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from bridge.calls.source_index import accountable_source
from bridge.calls.token_bucket import TokenBucket

_SUSPICIOUS = frozenset({"malformed", "method", "uri_scheme"})
"""What scanners send and carriers do not. The endpoint's other refusals happen between honest peers, such as
a retransmission to a bridge that was restarted: they are counted, and never held against anybody."""


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """How much a stranger may do before it is shunned."""

    unanswered_challenges: float = 60.0
    """Challenges in a row that were never answered rightly; one is forgiven each second."""
    failures: float = 15.0
    """Wrong credentials and refused requests in a row; one is forgiven each five seconds."""
    records: float = 20.0
    """Records of strangers' attempts in a row; one more each ten seconds."""
    shun_seconds: float = 60.0
    """How long a source is dropped unread."""
    sources: int = 50_000
    """Sources remembered; the one that was quiet for the longest is forgotten first."""


class _Source:
    __slots__ = ("challenges", "failures", "records", "shunned_until")

    def __init__(self, limits: GuardLimits, now: float) -> None:
        self.challenges = TokenBucket(1.0, limits.unanswered_challenges, now)
        self.failures = TokenBucket(0.2, limits.failures, now)
        self.records = TokenBucket(0.1, limits.records, now)
        self.shunned_until = 0.0


class SourceGuard:
    """Remembers what sources did. Trusted addresses are never shunned: `trusted` is asked before."""

    def __init__(self, limits: GuardLimits) -> None:
        self._limits = limits
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self.shunned = 0
        """How often a source was shunned."""

    def listens_to(self, source: str, now: float) -> bool:
        """Whether what this address sends is to be read at all."""
        known = self._sources.get(accountable_source(source))
        return known is None or known.shunned_until <= now

    def challenged(self, source: str, now: float) -> None:
        """The source was sent a challenge."""
        known = self._source(source, now)
        if not known.challenges.take(now):
            self._shun(known, now)

    def succeeded(self, source: str, now: float) -> None:
        """The source answered a challenge rightly: that challenge was none to hold against it."""
        known = self._source(source, now)
        known.challenges.put_back(now)
        known.failures.put_back(now)

    def failed(self, source: str, now: float) -> None:
        """The source showed wrong credentials."""
        known = self._source(source, now)
        if not known.failures.take(now):
            self._shun(known, now)

    def refused(self, source: str, why: str, now: float) -> None:
        """The endpoint refused or dropped something from the source."""
        if why in _SUSPICIOUS:
            self.failed(source, now)

    def may_record(self, source: str, now: float) -> bool:
        """Whether another failed attempt of a stranger is worth a record."""
        return self._source(source, now).records.take(now)

    def _shun(self, known: _Source, now: float) -> None:
        self.shunned += 1
        known.shunned_until = now + self._limits.shun_seconds

    def _source(self, address: str, now: float) -> _Source:
        source = accountable_source(address)
        known = self._sources.get(source)
        if known is None:
            if len(self._sources) >= self._limits.sources:
                self._sources.popitem(last=False)
            known = self._sources[source] = _Source(self._limits, now)
        else:
            self._sources.move_to_end(source)
        return known
