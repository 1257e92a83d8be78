"""Creating, updating and deleting routing rules, each with what it writes into the trunks it lists.

A trunk's item holds what the matching needs of its rules, so that resolving a call reads a constant number
of items, a rule for an unknown trunk cannot be saved, and a trunk in use cannot be deleted.
Imports core and boto3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from trunking.aws.change_chain import (
    CHAIN_ACTIONS,
    MAX_ACTIONS,
    Action,
    ChangeChain,
    PendingChange,
    StaleReadError,
)
from trunking.aws.deployment import Deployment
from trunking.aws.items import Item, application_pk, key, rule_attributes, rule_binding, to_item, to_value
from trunking.aws.trunk_table import read_stored_rule
from trunking.change import ChangeKind
from trunking.errors import (
    InvalidInputError,
    NotFoundError,
    RevisionMismatchError,
    ThrottledError,
    TrunkingError,
)
from trunking.identifiers import new_id
from trunking.public_form import public_rule
from trunking.routing_rule import RoutingRule
from trunking.settings import RuleSettings

Result = TypeVar("Result")
MAX_RULES_OF_TRUNK = 1000
MAX_TRUNKS_OF_RULE = 90
"""So that one transaction can always bind them."""
_MAX_READS = 8
_BINDING_CHANGES = MAX_ACTIONS - CHAIN_ACTIONS - 1


class RuleChanges:
    """Changes of routing rules in one deployment."""

    def __init__(self, deployment: Deployment, *, chain: ChangeChain | None = None) -> None:
        self._deployment = deployment
        self._chain = chain or ChangeChain(deployment)

    def create(
        self,
        application_id: str,
        settings: RuleSettings,
        now: datetime,
        *,
        rule_id: str | None = None,
        extra: Iterable[Action] = (),
    ) -> RoutingRule:
        """Make a routing rule. Raises InvalidInputError, also for a trunk that does not exist."""
        settings.check()
        rule = _rule(settings, rule_id or new_id(), application_id, now)
        actions = [
            self._put(rule, read_rev=None),
            *(self._bind(rule, index) for index in range(len(rule.trunk_ids))),
            *extra,
        ]
        self._chain.commit(_change(ChangeKind.RULE_CREATED, rule, now, actions))
        return rule

    def update(
        self,
        application_id: str,
        rule_id: str,
        revise: Callable[[RoutingRule], RuleSettings],
        now: datetime,
        *,
        expected_rev: int | None = None,
    ) -> RoutingRule:
        """Set what `revise` makes of the rule. Raises as `create`, NotFoundError, RevisionMismatchError."""

        def apply(stored: RoutingRule) -> RoutingRule:
            settings = revise(stored)
            settings.check()
            stored = self._unbind_excess(stored, settings.trunk_ids, now)
            rule = replace(_rule(settings, rule_id, application_id, now), created_at=stored.created_at)
            return self._commit_update(stored, rule, now)

        return self._with_fresh_read(application_id, rule_id, expected_rev, apply)

    def delete(
        self, application_id: str, rule_id: str, now: datetime, *, expected_rev: int | None = None
    ) -> None:
        """Delete a rule."""

        def apply(stored: RoutingRule) -> None:
            actions = [self._remove(stored), *(self._unbind(stored, trunk) for trunk in stored.trunk_ids)]
            self._chain.commit(_change(ChangeKind.RULE_DELETED, stored, now, actions))

        self._with_fresh_read(application_id, rule_id, expected_rev, apply)

    def _with_fresh_read(
        self,
        application_id: str,
        rule_id: str,
        expected_rev: int | None,
        apply: Callable[[RoutingRule], Result],
    ) -> Result:
        for _ in range(_MAX_READS):
            stored = read_stored_rule(self._deployment, application_id, rule_id)
            if stored is None:
                raise NotFoundError("routing rule", rule_id)
            if expected_rev is not None and expected_rev != stored.rev:
                raise RevisionMismatchError(expected_rev, stored.rev)
            try:
                return apply(stored)
            except StaleReadError:
                continue
        raise ThrottledError("concurrent changes")

    def _commit_update(self, before: RoutingRule, after: RoutingRule, now: datetime) -> RoutingRule:
        rule = replace(after, rev=before.rev + 1, updated_at=now)
        listed = set(rule.trunk_ids)
        actions = [
            self._put(rule, read_rev=before.rev),
            *(self._bind(rule, index) for index in range(len(rule.trunk_ids))),
            *(self._unbind(before, trunk) for trunk in before.trunk_ids if trunk not in listed),
        ]
        self._chain.commit(_change(ChangeKind.RULE_UPDATED, rule, now, actions))
        return rule

    def _unbind_excess(self, stored: RoutingRule, trunk_ids: tuple[str, ...], now: datetime) -> RoutingRule:
        """Leave, in a change of its own, the trunks that one transaction could not leave as well."""
        listed = set(trunk_ids)
        leaving = [trunk for trunk in stored.trunk_ids if trunk not in listed]
        excess = leaving[: max(0, len(leaving) + len(trunk_ids) - _BINDING_CHANGES)]
        if not excess:
            return stored
        kept = tuple(trunk for trunk in stored.trunk_ids if trunk not in excess)
        return self._commit_update(stored, replace(stored, trunk_ids=kept), now)

    def _put(self, rule: RoutingRule, *, read_rev: int | None) -> Action:
        item = {"pk": application_pk(rule.application_id), "sk": f"RULE#{rule.id}", **rule_attributes(rule)}
        if read_rev is None:
            return Action(
                {
                    "Put": {
                        "TableName": self._deployment.table,
                        "Item": to_item(item),
                        "ConditionExpression": "attribute_not_exists(pk)",
                    }
                },
                _stale,
            )
        return Action(
            {
                "Put": {
                    "TableName": self._deployment.table,
                    "Item": to_item(item),
                    "ConditionExpression": "rev = :read_rev",
                    "ExpressionAttributeValues": {":read_rev": to_value(read_rev)},
                }
            },
            _stale,
        )

    def _bind(self, rule: RoutingRule, index: int) -> Action:
        trunk_id = rule.trunk_ids[index]

        def refused(item: Item | None) -> TrunkingError:
            if item is None:
                return InvalidInputError({f"trunk_ids[{index}]": f"trunk {trunk_id!r} does not exist"})
            return InvalidInputError(
                {f"trunk_ids[{index}]": f"trunk {trunk_id!r} has {MAX_RULES_OF_TRUNK} routing rules already"}
            )

        return Action(
            {
                "Update": {
                    "TableName": self._deployment.table,
                    "Key": key(application_pk(rule.application_id), f"TRUNK#{trunk_id}"),
                    "UpdateExpression": "SET #rules.#rule = :binding",
                    "ConditionExpression": (
                        "attribute_exists(pk) AND (attribute_exists(#rules.#rule) OR size(#rules) < :most)"
                    ),
                    "ExpressionAttributeNames": {"#rules": "rules", "#rule": rule.id},
                    "ExpressionAttributeValues": {
                        ":binding": to_value(rule_binding(rule)),
                        ":most": to_value(MAX_RULES_OF_TRUNK),
                    },
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            },
            refused,
        )

    def _unbind(self, rule: RoutingRule, trunk_id: str) -> Action:
        return Action(
            {
                "Update": {
                    "TableName": self._deployment.table,
                    "Key": key(application_pk(rule.application_id), f"TRUNK#{trunk_id}"),
                    "UpdateExpression": "REMOVE #rules.#rule",
                    "ConditionExpression": "attribute_exists(pk)",
                    "ExpressionAttributeNames": {"#rules": "rules", "#rule": rule.id},
                }
            },
            _stale,
        )

    def _remove(self, rule: RoutingRule) -> Action:
        return Action(
            {
                "Delete": {
                    "TableName": self._deployment.table,
                    "Key": key(application_pk(rule.application_id), f"RULE#{rule.id}"),
                    "ConditionExpression": "rev = :read_rev",
                    "ExpressionAttributeValues": {":read_rev": to_value(rule.rev)},
                }
            },
            _stale,
        )


def _rule(settings: RuleSettings, rule_id: str, application_id: str, now: datetime) -> RoutingRule:
    return RoutingRule(
        id=rule_id,
        application_id=application_id,
        name=settings.name,
        trunk_ids=settings.trunk_ids,
        caller=settings.caller,
        created_at=now,
        updated_at=now,
        called_numbers=settings.called_numbers,
        caller_numbers=settings.caller_numbers,
        call_custom_data=settings.call_custom_data,
        direct_routing=settings.direct_routing,
        pin_routing=settings.pin_routing,
        pin_protection=settings.pin_protection,
        enabled=settings.enabled,
        priority=settings.priority,
    )


def _change(kind: ChangeKind, rule: RoutingRule, now: datetime, actions: list[Action]) -> PendingChange:
    return PendingChange(rule.application_id, kind, rule.id, public_rule(rule), now, actions)


def _stale(item: Item | None) -> TrunkingError:
    return StaleReadError("written since it was read")
