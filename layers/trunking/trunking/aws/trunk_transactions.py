"""A trunk's change as one transaction: its item, the claims of its numbers and username, and the chain.

Knows nothing of secrets. Imports core and boto3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from trunking.aws.action import Action
from trunking.aws.change_chain import ChangeChain, PendingChange, excess
from trunking.aws.claims import Claims
from trunking.aws.items import StoredTrunk
from trunking.aws.trunk_item import TrunkItem
from trunking.change import ChangeKind
from trunking.public_form import public_trunk


class TrunkTransactions:
    """Transactions of one deployment's trunks; each raises what `ChangeChain.commit` raises."""

    def __init__(self, table: str, chain: ChangeChain) -> None:
        self._item = TrunkItem(table)
        self._claims = Claims(table)
        self._chain = chain

    def insert(self, stored: StoredTrunk, now: datetime, extra: Iterable[Action]) -> None:
        """A new trunk; a number that is taken raises NumberTakenError."""
        trunk = stored.trunk
        actions = [
            self._item.insert(stored),
            self._claims.claim_username(trunk),
            *(self._claims.claim_number(trunk, number) for number in trunk.numbers),
            *extra,
        ]
        self._commit(ChangeKind.TRUNK_CREATED, stored, now, actions)

    def update(self, before: StoredTrunk, after: StoredTrunk, now: datetime, kind: ChangeKind) -> StoredTrunk:
        """The next revision; returns it. Raises StaleReadError when `before` is no longer what stands."""
        trunk = replace(after.trunk, rev=before.rev + 1, updated_at=now)
        after = replace(after, trunk=trunk)
        had, has = before.trunk.numbers, trunk.numbers
        actions = [
            self._item.write(before, after),
            *(self._claims.claim_number(trunk, number) for number in has if number not in had),
            *(self._claims.release_number(trunk, number) for number in had if number not in has),
        ]
        self._commit(kind, after, now, actions)
        return after

    def release_excess(self, stored: StoredTrunk, numbers: Sequence[str], now: datetime) -> StoredTrunk:
        """Release, in a change of its own, the numbers that one transaction could not release as well.

        Happens only where nearly 50 numbers are replaced by as many others at once.
        """
        had = stored.trunk.numbers
        arriving = [number for number in numbers if number not in had]
        first = excess([number for number in had if number not in numbers], len(arriving))
        if not first:
            return stored
        kept = tuple(number for number in had if number not in first)
        shrunk = replace(stored, trunk=replace(stored.trunk, numbers=kept))
        return self.update(stored, shrunk, now, ChangeKind.TRUNK_UPDATED)

    def remove(self, stored: StoredTrunk, now: datetime) -> None:
        """The trunk goes, and what it claimed is free."""
        trunk = stored.trunk
        actions = [
            self._item.remove(stored),
            self._claims.release_username(trunk),
            *(self._claims.release_number(trunk, number) for number in trunk.numbers),
        ]
        self._commit(ChangeKind.TRUNK_DELETED, stored, now, actions)

    def _commit(
        self, kind: ChangeKind, stored: StoredTrunk, now: datetime, actions: Sequence[Action]
    ) -> None:
        trunk = stored.trunk
        self._chain.commit(
            PendingChange(trunk.application_id, kind, trunk.id, public_trunk(trunk), now, actions)
        )
