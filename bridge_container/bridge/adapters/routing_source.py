"""Reads the routing table's content from the control plane's table and secrets. Blocking: runs in a thread.

Translates between `trunking.aws` and the bridge's values, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from bridge.calls.routing_table import ApplicationContent
from trunking.aws.changes import read_changes
from trunking.aws.deployment import Deployment
from trunking.aws.snapshot import ApplicationSnapshot, SnapshotReader
from trunking.change import Change
from trunking.routing_rule import RoutingRule
from trunking.trunk import Trunk, TrunkCredentials


class RoutingSource(Protocol):
    """Where trunks, rules and their changes come from. Every method blocks."""

    def snapshot(self) -> Sequence[ApplicationContent]:
        """Every application as it is now."""
        ...

    def application(self, application_id: str) -> ApplicationContent | None:
        """One application as it is now; None when there is none."""
        ...

    def versions(self) -> Mapping[str, int]:
        """The version of every application."""
        ...

    def changes(self, application_id: str, after_version: int) -> Sequence[Change]:
        """The changes after a version, in order; fewer than there were when the oldest have expired."""
        ...

    def trunk(self, application_id: str, trunk_id: str) -> tuple[Trunk, TrunkCredentials] | None:
        """A trunk as it is now, with its credentials; None when it is deleted."""
        ...

    def rule(self, application_id: str, rule_id: str) -> RoutingRule | None:
        """A routing rule as it is now; None when it is deleted."""
        ...


class TableRoutingSource:
    """Implements `RoutingSource` on the deployment's table and secrets."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._reader = SnapshotReader(deployment)

    def snapshot(self) -> Sequence[ApplicationContent]:
        """Every application."""
        return [_content(application) for application in self._reader.load_snapshot()]

    def application(self, application_id: str) -> ApplicationContent | None:
        """One application."""
        found = self._reader.load_application(application_id)
        return None if found is None else _content(found)

    def versions(self) -> Mapping[str, int]:
        """Every application's version."""
        return self._reader.read_versions()

    def changes(self, application_id: str, after_version: int) -> Sequence[Change]:
        """The links of the chain after a version, as far as they are kept."""
        return read_changes(self._deployment, application_id, after_version)

    def trunk(self, application_id: str, trunk_id: str) -> tuple[Trunk, TrunkCredentials] | None:
        """A trunk with its credentials."""
        return self._reader.read_trunk(application_id, trunk_id)

    def rule(self, application_id: str, rule_id: str) -> RoutingRule | None:
        """A rule."""
        return self._reader.read_rule(application_id, rule_id)


def _content(found: ApplicationSnapshot) -> ApplicationContent:
    return ApplicationContent(
        found.application_id, found.version, found.trunks, found.rules, tuple(found.credentials.values())
    )
