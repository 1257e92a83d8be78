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

from trunking.aws.action import Action, delete, put
from trunking.aws.change_chain import ChangeChain, PendingChange, excess
from trunking.aws.deployment import Deployment
from trunking.aws.fresh_read import with_fresh_read
from trunking.aws.items import application_pk, key, rule_attributes
from trunking.aws.trunk_item import TrunkItem
from trunking.aws.trunk_table import read_stored_rule
from trunking.change import ChangeKind
from trunking.errors import NotFoundError
from trunking.identifiers import new_id
from trunking.public_form import public_rule
from trunking.routing_rule import RoutingRule
from trunking.settings import RuleSettings

Result = TypeVar("Result")
MAX_TRUNKS_OF_RULE = 90
"""So that one transaction can always bind them."""


class RuleChanges:
    """Changes of routing rules in one deployment."""

    def __init__(self, deployment: Deployment, *, chain: ChangeChain | None = None) -> None:
        self._deployment = deployment
        self._table = deployment.table
        self._chain = chain or ChangeChain(deployment)
        self._trunk_item = TrunkItem(deployment.table)

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
            *(self._trunk_item.bind(rule, index) for index in range(len(rule.trunk_ids))),
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
            actions = [
                self._remove(stored),
                *(self._trunk_item.unbind(stored, trunk) for trunk in stored.trunk_ids),
            ]
            self._chain.commit(_change(ChangeKind.RULE_DELETED, stored, now, actions))

        self._with_fresh_read(application_id, rule_id, expected_rev, apply)

    def _with_fresh_read(
        self,
        application_id: str,
        rule_id: str,
        expected_rev: int | None,
        apply: Callable[[RoutingRule], Result],
    ) -> Result:
        return with_fresh_read(
            lambda: read_stored_rule(self._deployment, application_id, rule_id),
            NotFoundError("routing rule", rule_id),
            expected_rev,
            apply,
        )

    def _commit_update(self, before: RoutingRule, after: RoutingRule, now: datetime) -> RoutingRule:
        rule = replace(after, rev=before.rev + 1, updated_at=now)
        listed = set(rule.trunk_ids)
        actions = [
            self._put(rule, read_rev=before.rev),
            *(self._trunk_item.bind(rule, index) for index in range(len(rule.trunk_ids))),
            *(self._trunk_item.unbind(before, trunk) for trunk in before.trunk_ids if trunk not in listed),
        ]
        self._chain.commit(_change(ChangeKind.RULE_UPDATED, rule, now, actions))
        return rule

    def _unbind_excess(self, stored: RoutingRule, trunk_ids: tuple[str, ...], now: datetime) -> RoutingRule:
        """Leave, in a change of its own, the trunks that one transaction could not leave as well."""
        listed = set(trunk_ids)
        leaving = [trunk for trunk in stored.trunk_ids if trunk not in listed]
        first = excess(leaving, len(trunk_ids))
        if not first:
            return stored
        kept = tuple(trunk for trunk in stored.trunk_ids if trunk not in first)
        return self._commit_update(stored, replace(stored, trunk_ids=kept), now)

    def _put(self, rule: RoutingRule, *, read_rev: int | None) -> Action:
        item = {"pk": application_pk(rule.application_id), "sk": f"RULE#{rule.id}", **rule_attributes(rule)}
        if read_rev is None:
            return put(self._table, item)
        return put(self._table, item, condition="rev = :read_rev", values={":read_rev": read_rev})

    def _remove(self, rule: RoutingRule) -> Action:
        item_key = key(application_pk(rule.application_id), f"RULE#{rule.id}")
        return delete(self._table, item_key, condition="rev = :read_rev", values={":read_rev": rule.rev})


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
