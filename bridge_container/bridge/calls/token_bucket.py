"""A token bucket: a rate with a burst, by arithmetic on a clock that is passed in. Pure."""

from __future__ import annotations


class TokenBucket:
    """Holds up to `burst` tokens and regains `rate` of them in a second."""

    __slots__ = ("_burst", "_rate", "_tokens", "_updated")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._updated = now

    def take(self, now: float) -> bool:
        """Take one token; False when there is none."""
        self._refill(now)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def put_back(self, now: float) -> None:
        """Return a token that was taken for nothing."""
        self._refill(now)
        self._tokens = min(self._burst, self._tokens + 1.0)

    def level(self, now: float) -> float:
        """The tokens that are there at `now`."""
        self._refill(now)
        return self._tokens

    def seconds_until_token(self, now: float) -> float:
        """How long until `take` succeeds again; 0.0 when it would now."""
        self._refill(now)
        if self._tokens >= 1.0:
            return 0.0
        return (1.0 - self._tokens) / self._rate if self._rate > 0 else float("inf")

    def full(self, now: float) -> bool:
        """Whether nothing is missing, so that the bucket can be forgotten."""
        self._refill(now)
        return self._tokens >= self._burst

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
        self._updated = now
