"""Claims: the items that say which trunk of the deployment a number or a SIP username belongs to.

They are written in the transaction that writes the trunk. Imports core and boto3's types.
"""

from __future__ import annotations

from trunking.aws.action import Action, Refusal, delete, put
from trunking.aws.items import key
from trunking.errors import NumberTakenError, ThrottledError
from trunking.trunk import Trunk

_OWNER = "OWNER"


class Claims:
    """Writes of claims in one table."""

    def __init__(self, table: str) -> None:
        self._table = table

    def claim_username(self, trunk: Trunk) -> Action:
        """Usernames are made up, so a taken one is a chance in 2^60: the client asks again."""
        return self._claim(f"SIPUSER#{trunk.username}", trunk, lambda item: ThrottledError("trunk usernames"))

    def claim_number(self, trunk: Trunk, number: str) -> Action:
        """Refused with NumberTakenError."""
        return self._claim(f"NUM#{number}", trunk, lambda item: NumberTakenError((number,)))

    def release_username(self, trunk: Trunk) -> Action:
        """Nobody has the username any more."""
        return self._release(f"SIPUSER#{trunk.username}", trunk)

    def release_number(self, trunk: Trunk, number: str) -> Action:
        """Any trunk may have the number."""
        return self._release(f"NUM#{number}", trunk)

    def _claim(self, pk: str, trunk: Trunk, refused: Refusal) -> Action:
        item = {"pk": pk, "sk": _OWNER, "application_id": trunk.application_id, "trunk_id": trunk.id}
        return put(self._table, item, refused=refused)

    def _release(self, pk: str, trunk: Trunk) -> Action:
        return delete(
            self._table, key(pk, _OWNER), condition="trunk_id = :trunk", values={":trunk": trunk.id}
        )
