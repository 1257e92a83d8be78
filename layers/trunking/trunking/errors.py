"""What the control plane's operations can fail with; one table elsewhere gives each its HTTP answer.

Pure; imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class TrunkingError(Exception):
    """The base of all; the message may be shown to who asked."""


class InvalidInputError(TrunkingError):
    """Input that breaks a rule of the domain; `fields` says which field and how."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in fields.items()))
        self.fields = dict(fields)


class NotFoundError(TrunkingError):
    """No such trunk, rule or call in this application."""

    def __init__(self, what: str, subject_id: str) -> None:
        super().__init__(f"{what} {subject_id!r} does not exist")
        self.what = what
        self.subject_id = subject_id


class NumberTakenError(TrunkingError):
    """A number belongs to another trunk of the deployment; whose is not told."""

    def __init__(self, numbers: Sequence[str]) -> None:
        super().__init__(f"already in use: {', '.join(numbers)}")
        self.numbers = tuple(numbers)


class TrunkInUseError(TrunkingError):
    """A trunk cannot be deleted while routing rules list it."""

    def __init__(self, rules: Sequence[str]) -> None:
        super().__init__(f"routing rules use this trunk, delete or change them first: {', '.join(rules)}")
        self.rules = tuple(rules)


class RevisionMismatchError(TrunkingError):
    """The entity was changed since the caller read it."""

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"revision {expected} expected, it is {actual} now")
        self.expected = expected
        self.actual = actual


class ThrottledError(TrunkingError):
    """AWS throttles; nothing was done, asking again later is right."""

    def __init__(self, what: str, retry_after: int = 1) -> None:
        super().__init__(f"{what}: too many requests")
        self.retry_after = retry_after


class UnavailableError(TrunkingError):
    """An AWS service does not answer; nothing was done that stays."""

    def __init__(self, what: str, retry_after: int = 5) -> None:
        super().__init__(f"{what} is not available")
        self.retry_after = retry_after
