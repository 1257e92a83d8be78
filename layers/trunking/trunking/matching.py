"""Which rule matches a pair of numbers best: patterns, their order, and an index for many rules.

The most specific wins: both numbers over the called one over the caller's over any; an exact number over a
prefix and a longer prefix over a shorter one; then priority, then age. Pure; imports routing rules only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from trunking.routing_rule import RoutingRule

ANY = ""
"""The pattern that every number matches."""
EXACT = 100
"""The weight of an exact number: above that of each prefix, which weighs its length."""
_MAX_PAIRS = 64
"""Pairs of called and caller pattern that a rule puts in the index; one with more is looked at itself."""


class Specificity(NamedTuple):
    """How closely a rule describes a call; compares as the better one greater."""

    numbers: int
    """3 both, 2 called, 1 caller, 0 any."""
    called: int
    caller: int


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """What of a rule the matching looks at."""

    id: str
    called_numbers: tuple[str, ...]
    caller_numbers: tuple[str, ...]
    priority: int
    created_at: datetime
    enabled: bool = True

    @classmethod
    def of(cls, rule: RoutingRule) -> RuleEntry:
        """The entry of `rule`."""
        return cls(
            rule.id, rule.called_numbers, rule.caller_numbers, rule.priority, rule.created_at, rule.enabled
        )


def weight(pattern: str, number: str) -> int | None:
    """How closely `pattern` matches `number`; None when it does not."""
    if pattern == ANY:
        return 0
    if pattern.endswith("*"):
        return len(pattern) - 1 if number.startswith(pattern[:-1]) else None
    return EXACT if pattern == number else None


def best_weight(patterns: tuple[str, ...], number: str) -> int | None:
    """The weight of the closest of `patterns`; no patterns match any number."""
    if not patterns:
        return 0
    return max(
        (found for pattern in patterns if (found := weight(pattern, number)) is not None), default=None
    )


def specificity(entry: RuleEntry, called: str, caller: str) -> Specificity | None:
    """How closely `entry` matches; None when it does not."""
    called_weight = best_weight(entry.called_numbers, called)
    caller_weight = best_weight(entry.caller_numbers, caller)
    if called_weight is None or caller_weight is None:
        return None
    return _specificity(called_weight, caller_weight)


def precedence(entry: RuleEntry) -> tuple[int, float, str]:
    """Sorts equally specific entries, the winner first: priority, then age, then id so that it is total."""
    return (-entry.priority, entry.created_at.timestamp(), entry.id)


def best(entries: Iterable[RuleEntry], called: str, caller: str) -> RuleEntry | None:
    """The enabled entry that wins, by looking at each."""
    winner: RuleEntry | None = None
    winner_rank: tuple[Specificity, tuple[int, float, str]] | None = None
    for entry in entries:
        found = specificity(entry, called, caller) if entry.enabled else None
        if found is None:
            continue
        rank = (found, precedence(entry))
        if (
            winner_rank is None
            or found > winner_rank[0]
            or (found == winner_rank[0] and rank[1] < winner_rank[1])
        ):
            winner, winner_rank = entry, rank
    return winner


class TrunkRules:
    """The rules of one trunk, found by their patterns. Few rules are looked at one by one."""

    __slots__ = ("_called_lengths", "_caller_lengths", "_entries", "_pairs", "_wide")

    _SCAN = 8
    """Up to so many rules a scan is faster than the index, and smaller."""

    def __init__(self) -> None:
        self._entries: dict[str, RuleEntry] = {}
        self._pairs: dict[tuple[str, str], list[RuleEntry]] | None = None
        self._wide: list[RuleEntry] = []
        self._called_lengths: tuple[int, ...] = ()
        self._caller_lengths: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[RuleEntry]:
        return iter(self._entries.values())

    def put(self, entry: RuleEntry) -> None:
        """Add or replace."""
        self._entries[entry.id] = entry
        self._pairs = None

    def remove(self, rule_id: str) -> None:
        """Remove; an absent one is no error."""
        if self._entries.pop(rule_id, None) is not None:
            self._pairs = None

    def best(self, called: str, caller: str) -> RuleEntry | None:
        """The enabled rule that wins for these numbers."""
        if len(self._entries) <= self._SCAN:
            return best(self._entries.values(), called, caller)
        if self._pairs is None:
            self._build()
        candidates = [*self._wide]
        narrow = self._best_pair(called, caller)
        if narrow is None and not candidates:
            return None
        if narrow is not None:
            candidates.append(narrow)
        return (
            candidates[0] if narrow is not None and len(candidates) == 1 else best(candidates, called, caller)
        )

    def _best_pair(self, called: str, caller: str) -> RuleEntry | None:
        """The first hit when the pairs are tried from the most specific to `any`, `any`."""
        pairs = self._pairs
        assert pairs is not None
        called_patterns = _patterns_of(called, self._called_lengths)
        caller_patterns = _patterns_of(caller, self._caller_lengths)
        for called_pattern in called_patterns:
            for caller_pattern in caller_patterns:
                if (found := pairs.get((called_pattern, caller_pattern))) is not None:
                    return found[0]
        for called_pattern in called_patterns:
            if (found := pairs.get((called_pattern, ANY))) is not None:
                return found[0]
        for caller_pattern in caller_patterns:
            if (found := pairs.get((ANY, caller_pattern))) is not None:
                return found[0]
        found = pairs.get((ANY, ANY))
        return found[0] if found is not None else None

    def _build(self) -> None:
        pairs: dict[tuple[str, str], list[RuleEntry]] = {}
        called_lengths: set[int] = set()
        caller_lengths: set[int] = set()
        self._wide = []
        for entry in self._entries.values():
            if not entry.enabled:
                continue
            called_patterns = entry.called_numbers or (ANY,)
            caller_patterns = entry.caller_numbers or (ANY,)
            if len(called_patterns) * len(caller_patterns) > _MAX_PAIRS:
                self._wide.append(entry)
                continue
            called_lengths.update(len(pattern) for pattern in called_patterns if pattern.endswith("*"))
            caller_lengths.update(len(pattern) for pattern in caller_patterns if pattern.endswith("*"))
            for called in called_patterns:
                for caller in caller_patterns:
                    pairs.setdefault((called, caller), []).append(entry)
        for found in pairs.values():
            found.sort(key=precedence)
        self._called_lengths = tuple(sorted(called_lengths, reverse=True))
        self._caller_lengths = tuple(sorted(caller_lengths, reverse=True))
        self._pairs = pairs


def _patterns_of(number: str, lengths: tuple[int, ...]) -> list[str]:
    """The patterns with text that can match `number`, the closest first."""
    if number == ANY:
        return []
    return [number, *(f"{number[: length - 1]}*" for length in lengths if length - 1 <= len(number))]


def _specificity(called: int, caller: int) -> Specificity:
    return Specificity((2 if called else 0) + (1 if caller else 0), called, caller)
