"""Session timers (RFC 4028): what both sides agree on, and the clock that ends a session nobody refreshes.

The agreement is a pure function of a request. The timer knows when to refresh and when to give up; how to
refresh is its user's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bridge.sip.grammar import parameter, parse_number, parse_parameters
from bridge.sip.message import SipRequest, SipResponse
from bridge.sip.timers import Timer, Timers


@dataclass(frozen=True, slots=True)
class SessionTerms:
    """What was agreed."""

    interval: int
    """Seconds; without a refresh for so long the session is over."""
    peer_refreshes: bool
    peer_supports: bool
    """Whether the peer itself, and not a proxy, knows session timers."""

    def headers(self) -> tuple[tuple[str, str], ...]:
        """What our 2xx says (RFC 4028 section 9); the peer is the UAC there."""
        refresher = "uac" if self.peer_refreshes else "uas"
        expires = ("Session-Expires", f"{self.interval};refresher={refresher}")
        return (expires, ("Require", "timer")) if self.peer_refreshes else (expires,)


def session_expires(message: SipRequest | SipResponse) -> tuple[int, str] | None:
    """Interval in seconds and refresher (`uac`, `uas` or empty); raises `RemoteProtocolError`."""
    value = message.header("Session-Expires")
    if value is None:
        return None
    number, _, rest = value.partition(";")
    interval = parse_number(number.strip(), "Session-Expires")
    return interval, (parameter(parse_parameters(rest), "refresher") or "").lower()


def agree_on_session(request: SipRequest, usual: int, minimum: int) -> SessionTerms | None:
    """The terms of our 2xx to an INVITE or UPDATE that passed the check of its interval; None: no timer."""
    headers = request.headers
    peer_supports = "timer" in headers.option_tags("Supported") | headers.option_tags("Require")
    wish = session_expires(request)
    if wish is None:
        return SessionTerms(usual, True, True) if peer_supports else None
    interval, refresher = wish
    # RFC 4028 section 9, table 2: a peer that does not know timers cannot refresh.
    return SessionTerms(max(interval, minimum), peer_supports and refresher != "uas", peer_supports)


class SessionTimer:
    """The clock of one session."""

    __slots__ = ("_expire", "_expiry", "_refresh", "_refreshing", "_timers", "terms")

    def __init__(
        self, timers: Timers, refresh: Callable[[float], None], expire: Callable[[float], None]
    ) -> None:
        """`refresh(now)` is called when it is our turn, `expire(now)` when the session is over."""
        self.terms: SessionTerms | None = None
        self._timers = timers
        self._refresh = refresh
        self._expire = expire
        self._refreshing: Timer | None = None
        self._expiry: Timer | None = None

    def restart(self, terms: SessionTerms | None, now: float) -> None:
        """A refresh succeeded, in either direction: count anew."""
        self.stop()
        self.terms = terms
        if terms is None:
            return
        # RFC 4028 section 10: BYE goes out a little before the end.
        self._expiry = self._timers.start(now + terms.interval - min(32.0, terms.interval / 3), self._expire)
        if not terms.peer_refreshes:
            self._refreshing = self._timers.start(now + terms.interval / 2, self._refresh)

    def retry(self, deadline: float) -> None:
        """Refresh again at `deadline`; the expiry stands."""
        self._refreshing = self._timers.start(deadline, self._refresh)

    def stop(self) -> None:
        """No deadline any more."""
        for timer in (self._refreshing, self._expiry):
            if timer is not None:
                timer.cancel()
        self._refreshing = self._expiry = None
