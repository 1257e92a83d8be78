"""Which trunk an INVITE belongs to, and whether its peer has shown that it may use it. One pure decision.

A peer shows it by its address (the trunk allows it) or by digest. A stranger learns nothing: every number is
challenged alike, and an unknown username costs the same work and gets the same answer as a wrong password.
Imports sip and the trunking core.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bridge.calls.arrival import Arrival
from bridge.calls.routing_table import RoutingTable
from bridge.sip.digest import DigestAuthenticator, Verdict
from bridge.sip.message import SipRequest
from trunking.numbers import normalise
from trunking.termination import Termination
from trunking.trunk import Trunk


@dataclass(frozen=True, slots=True)
class Identified:
    """The peer may use this trunk, and this is the trunk's number that it called."""

    trunk: Trunk
    called_number: str
    by_digest: bool


@dataclass(frozen=True, slots=True)
class ChallengeNeeded:
    """The peer has to show credentials, or newer ones."""

    stale: bool
    known_number: bool
    """Whether the called number is some trunk's. Never shown to the peer."""


@dataclass(frozen=True, slots=True)
class Unidentified:
    """The peer may not call; the record goes to the application that can do something about it."""

    termination: Termination
    expected: str
    received: str
    called_number: str
    trunk: Trunk | None
    """Whose record it is; None when no trunk comes into question."""


class Clock(Protocol):
    """Both clocks that a decision about a call needs."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def utc(self) -> datetime:
        """The time of day, with a time zone."""
        ...


def identify(
    arrival: Arrival,
    request: SipRequest,
    source: str,
    table: RoutingTable,
    authenticator: DigestAuthenticator,
    clock: Clock,
) -> Identified | ChallengeNeeded | Unidentified:
    """Find the trunk by the called number and the source's address, else by the digest username."""
    number, trunk = _trunk_of_called(arrival.called, source, table)
    if trunk is not None and table.allows_source(trunk.id, source):
        return _enabled(trunk, number, by_digest=False)
    username = authenticator.username(request)
    if username is not None:
        return _by_digest(username, arrival, request, number, table, authenticator, clock)
    if trunk is None and table.trusts_source(source):
        # A carrier that never sends credentials learns that the number is not set up; strangers do not.
        return _unknown_number("a number of a trunk that allows this address", arrival, number, None)
    return ChallengeNeeded(stale=False, known_number=trunk is not None)


def _trunk_of_called(called: str, source: str, table: RoutingTable) -> tuple[str, Trunk | None]:
    """The trunk that has the number: as E.164, else in the plan of a trunk that allows the source."""
    number = normalise(called, None)
    if number is not None:
        trunk = table.trunk_of_number(number)
        if trunk is not None:
            return number, trunk
    for country in table.countries_of_source(source):
        national = normalise(called, country)
        trunk = None if national is None else table.trunk_of_number(national)
        if national is not None and trunk is not None and table.allows_source(trunk.id, source):
            return national, trunk
    return number or called, None


def _by_digest(
    username: str,
    arrival: Arrival,
    request: SipRequest,
    number: str,
    table: RoutingTable,
    authenticator: DigestAuthenticator,
    clock: Clock,
) -> Identified | ChallengeNeeded | Unidentified:
    trunk = table.trunk_of_username(username)
    credentials = None if trunk is None else table.credentials(trunk.id)
    # An unknown username is verified against no password at all: the same work, never accepted.
    passwords = () if credentials is None else credentials.passwords(clock.utc())
    verdict = authenticator.verify(request, passwords, clock.monotonic())
    if verdict in (Verdict.STALE, Verdict.MISSING):
        return ChallengeNeeded(stale=verdict is Verdict.STALE, known_number=trunk is not None)
    if verdict is not Verdict.ACCEPTED or trunk is None:
        owner = trunk or table.trunk_of_number(number)
        return Unidentified(
            Termination.AUTHENTICATION_FAILED,
            expected="username and password of a trunk",
            received="a wrong password" if trunk is not None else f"the unknown username {username[:64]!r}",
            called_number=number,
            trunk=owner,
        )
    number = normalise(arrival.called, trunk.country) or number
    if number not in trunk.numbers:
        return _unknown_number("a number of the trunk", arrival, number, trunk)
    return _enabled(trunk, number, by_digest=True)


def _enabled(trunk: Trunk, number: str, *, by_digest: bool) -> Identified | Unidentified:
    if trunk.enabled:
        return Identified(trunk, number, by_digest)
    return Unidentified(Termination.TRUNK_DISABLED, "an enabled trunk", "a disabled trunk", number, trunk)


def _unknown_number(expected: str, arrival: Arrival, number: str, trunk: Trunk | None) -> Unidentified:
    return Unidentified(Termination.UNKNOWN_NUMBER, expected, arrival.called, number, trunk)
