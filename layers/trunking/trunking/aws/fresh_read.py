"""Reading an entity and changing it: again from the start when somebody else wrote it in between.

Imports core only; no calls to AWS of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from trunking.aws.action import StaleReadError
from trunking.errors import NotFoundError, RevisionMismatchError, ThrottledError

_MAX_READS = 8


class Revised(Protocol):
    """What is written in revisions."""

    @property
    def rev(self) -> int:
        """Of what was read."""
        ...


Entity = TypeVar("Entity", bound=Revised)
Result = TypeVar("Result")


def with_fresh_read(
    read: Callable[[], Entity | None],
    absent: NotFoundError,
    expected_rev: int | None,
    apply: Callable[[Entity], Result],
) -> Result:
    """What `apply` makes of the entity as it stands; StaleReadError from it reads again.

    Raises `absent`, RevisionMismatchError where the caller expects another revision, and ThrottledError.
    """
    for _ in range(_MAX_READS):
        stored = read()
        if stored is None:
            raise absent
        if expected_rev is not None and expected_rev != stored.rev:
            raise RevisionMismatchError(expected_rev, stored.rev)
        try:
            return apply(stored)
        except StaleReadError:
            continue
    raise ThrottledError("concurrent changes")
