"""Who may start a SIP call now: limits per bridge, per source and per trunk, and draining. Pure arithmetic.

A place is taken when a call is admitted and given back when it ends. What a place costs is decided before
any work is done for the call. Imports the trunking core.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bridge.calls.source_index import accountable_source
from bridge.calls.token_bucket import TokenBucket
from trunking.termination import Termination
from trunking.trunk import Trunk

_BUCKETS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """The bridge's own limits; a trunk brings its own."""

    calls: int = 500
    """SIP calls at once on this bridge."""
    calls_per_source: int = 200
    """SIP calls at once from one address."""
    calls_per_second_per_source: float = 50.0
    """New SIP calls per second from one address; a burst of twice as many is let through."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is not admitted; a value, with what an operator would want to know."""

    termination: Termination
    expected: str
    received: str


class Admission:
    """Counts the places in use."""

    def __init__(self, limits: AdmissionLimits) -> None:
        self._limits = limits
        self._calls = 0
        self._by_source: Counter[str] = Counter()
        self._by_trunk: Counter[str] = Counter()
        self._source_rates: dict[str, TokenBucket] = {}
        self._trunk_rates: dict[str, tuple[float, TokenBucket]] = {}
        self._ready = False
        self._draining = False

    @property
    def calls(self) -> int:
        """Places in use."""
        return self._calls

    @property
    def draining(self) -> bool:
        """Whether new calls are refused because the bridge is about to stop."""
        return self._draining

    @property
    def serving(self) -> bool:
        """Whether the bridge knows its routes and is not draining; full or not."""
        return self._ready and not self._draining

    @property
    def accepting(self) -> bool:
        """Whether a new call would be taken now, as far as the bridge itself goes."""
        return self.serving and self._calls < self._limits.calls

    def set_ready(self) -> None:
        """The routing table is loaded: calls may come."""
        self._ready = True

    def start_draining(self) -> None:
        """Take no new calls from now on."""
        self._draining = True

    def check_bridge(self) -> Refusal | None:
        """Before any work: is there room on this bridge at all?"""
        if not self._ready:
            return Refusal(Termination.NOT_READY, "a loaded routing table", "the bridge is starting")
        if self._draining:
            return Refusal(Termination.DRAINING, "a bridge that takes calls", "the bridge is draining")
        if self._calls >= self._limits.calls:
            return Refusal(
                Termination.BRIDGE_FULL, f"fewer than {self._limits.calls} calls", f"{self._calls}"
            )
        return None

    def take(self, source: str, trunk: Trunk, now: float) -> Refusal | None:
        """Take a place for an authenticated call, or say which limit is reached and take none."""
        source = accountable_source(source)
        refusal = (
            self.check_bridge()
            or self._check_source(source)
            or self._check_trunk(trunk)
            or self._check_rates(source, trunk, now)
        )
        if refusal is None:
            self._calls += 1
            self._by_source[source] += 1
            self._by_trunk[trunk.id] += 1
        return refusal

    def give_back(self, source: str, trunk_id: str) -> None:
        """The call that held the place is over."""
        source = accountable_source(source)
        self._calls -= 1
        for counter, key in ((self._by_source, source), (self._by_trunk, trunk_id)):
            counter[key] -= 1
            if counter[key] <= 0:
                del counter[key]

    def _check_source(self, source: str) -> Refusal | None:
        limit, calls = self._limits.calls_per_source, self._by_source[source]
        if calls < limit:
            return None
        return Refusal(Termination.SOURCE_LIMIT, f"fewer than {limit} calls from one source", f"{calls}")

    def _check_trunk(self, trunk: Trunk) -> Refusal | None:
        limit, calls = trunk.max_concurrent_calls, self._by_trunk[trunk.id]
        if limit is None or calls < limit:
            return None
        return Refusal(Termination.TRUNK_LIMIT, f"fewer than {limit} calls on the trunk", f"{calls}")

    def _check_rates(self, source: str, trunk: Trunk, now: float) -> Refusal | None:
        source_rate = self._source_rate(source, now)
        if not source_rate.take(now):
            limit = self._limits.calls_per_second_per_source
            return Refusal(Termination.SOURCE_LIMIT, f"at most {limit:g} new calls a second", "more")
        trunk_rate = self._trunk_rate(trunk, now)
        if trunk_rate is not None and not trunk_rate.take(now):
            source_rate.put_back(now)
            limit = trunk.max_calls_per_second or 0.0
            return Refusal(Termination.TRUNK_LIMIT, f"at most {limit:g} new calls a second", "more")
        return None

    def _source_rate(self, source: str, now: float) -> TokenBucket:
        bucket = self._source_rates.get(source)
        if bucket is None:
            if len(self._source_rates) >= _BUCKETS_KEPT:
                self._source_rates = {k: b for k, b in self._source_rates.items() if not b.full(now)}
            rate = self._limits.calls_per_second_per_source
            bucket = self._source_rates[source] = TokenBucket(rate, max(1.0, 2 * rate), now)
        return bucket

    def _trunk_rate(self, trunk: Trunk, now: float) -> TokenBucket | None:
        rate = trunk.max_calls_per_second
        if rate is None:
            self._trunk_rates.pop(trunk.id, None)
            return None
        known = self._trunk_rates.get(trunk.id)
        if known is None or known[0] != rate:
            known = self._trunk_rates[trunk.id] = (rate, TokenBucket(rate, max(1.0, rate), now))
        return known[1]
