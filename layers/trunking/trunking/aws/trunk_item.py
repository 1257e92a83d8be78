"""Writes of a trunk's item: the trunk's own attributes, and the bindings of the rules that list it.

Each leaves the other's part alone, so that changing a trunk and changing its rules do not undo one another.
Imports core and boto3's types.
"""

from __future__ import annotations

from trunking.aws.action import Action, delete, put, update
from trunking.aws.items import Item, StoredTrunk, application_pk, key, rule_binding, trunk_attributes
from trunking.errors import InvalidInputError, TrunkingError
from trunking.routing_rule import RoutingRule

MAX_RULES_OF_TRUNK = 1000


class TrunkItem:
    """Writes of trunks' items in one table."""

    def __init__(self, table: str) -> None:
        self._table = table

    def insert(self, stored: StoredTrunk) -> Action:
        """A new trunk, which no rule lists."""
        trunk = stored.trunk
        item = {
            "pk": application_pk(trunk.application_id),
            "sk": f"TRUNK#{trunk.id}",
            "rules": {},
            **trunk_attributes(stored),
        }
        return put(self._table, item)

    def write(self, before: StoredTrunk, after: StoredTrunk) -> Action:
        """The trunk's own attributes; those that rules write into the item stay as they are."""
        attributes = trunk_attributes(after)
        present = {name: value for name, value in attributes.items() if value is not None}
        absent = [name for name, value in attributes.items() if value is None]
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in present)
        if absent:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in absent)
        return update(
            self._table,
            _key(after.trunk.application_id, after.trunk.id),
            expression,
            condition="#rev = :read_rev",
            names={f"#{name}": name for name in attributes},
            values={
                **{f":{name}": value for name, value in present.items()},
                ":read_rev": before.trunk.rev,
            },
        )

    def remove(self, stored: StoredTrunk) -> Action:
        """A trunk that still no rule lists."""
        trunk = stored.trunk
        return delete(
            self._table,
            _key(trunk.application_id, trunk.id),
            condition="rev = :read_rev AND size(#rules) = :none",
            names={"#rules": "rules"},
            values={":read_rev": trunk.rev, ":none": 0},
        )

    def bind(self, rule: RoutingRule, index: int) -> Action:
        """What the matching needs of the rule, in the trunk that it lists at `index`."""
        trunk_id = rule.trunk_ids[index]

        def refused(item: Item | None) -> TrunkingError:
            reason = "does not exist" if item is None else f"has {MAX_RULES_OF_TRUNK} routing rules already"
            return InvalidInputError({f"trunk_ids[{index}]": f"trunk {trunk_id!r} {reason}"})

        return update(
            self._table,
            _key(rule.application_id, trunk_id),
            "SET #rules.#rule = :binding",
            condition="attribute_exists(pk) AND (attribute_exists(#rules.#rule) OR size(#rules) < :most)",
            names={"#rules": "rules", "#rule": rule.id},
            values={":binding": rule_binding(rule), ":most": MAX_RULES_OF_TRUNK},
            refused=refused,
        )

    def unbind(self, rule: RoutingRule, trunk_id: str) -> Action:
        """A trunk that the rule no longer lists."""
        return update(
            self._table,
            _key(rule.application_id, trunk_id),
            "REMOVE #rules.#rule",
            condition="attribute_exists(pk)",
            names={"#rules": "rules", "#rule": rule.id},
        )


def _key(application_id: str, trunk_id: str) -> Item:
    return key(application_pk(application_id), f"TRUNK#{trunk_id}")
