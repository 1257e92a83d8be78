"""What a bridge loads: everything at once, one application anew, or one entity that an event named.

Reads only, each read as things are now. A snapshot's version is read before its entities, so that applying
the later changes again does no harm. Imports core and boto3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from trunking.aws.applications import Applications
from trunking.aws.change_chain import ChangeChain
from trunking.aws.deployment import Deployment
from trunking.aws.items import StoredTrunk, application_pk, from_item, stored_rule, stored_trunk
from trunking.aws.trunk_secrets import TrunkSecrets
from trunking.aws.trunk_table import query, read_stored_rule, read_stored_trunk
from trunking.errors import NotFoundError
from trunking.routing_rule import RoutingRule
from trunking.trunk import Trunk, TrunkCredentials


@dataclass(frozen=True, slots=True)
class ApplicationSnapshot:
    """One application as it was at `version`, or later."""

    application_id: str
    version: int
    api_key: str
    api_secret: str
    trunks: tuple[Trunk, ...]
    rules: tuple[RoutingRule, ...]
    credentials: Mapping[str, TrunkCredentials]
    """By trunk id."""

    def __repr__(self) -> str:
        """Never shows a secret."""
        return f"ApplicationSnapshot({self.application_id!r}, version={self.version})"


class SnapshotReader:
    """Reads what a bridge needs of one deployment. Blocks; to be called outside of an event loop."""

    def __init__(
        self, deployment: Deployment, now: Callable[[], datetime] = lambda: datetime.now(tz=UTC)
    ) -> None:
        self._deployment = deployment
        self._now = now
        self._applications = Applications(deployment)
        self._secrets = TrunkSecrets(deployment)
        self._chain = ChangeChain(deployment)

    def load_snapshot(self) -> list[ApplicationSnapshot]:
        """All applications."""
        found = (self.load_application(application_id) for application_id in self._applications.ids())
        return [snapshot for snapshot in found if snapshot is not None]

    def load_application(self, application_id: str) -> ApplicationSnapshot | None:
        """One application; None when it does not exist."""
        credentials = self._applications.read(application_id)
        if credentials is None:
            return None
        version = 0
        trunks: list[StoredTrunk] = []
        rules: list[RoutingRule] = []
        # META, RULE# and TRUNK# sort in this order, so the version comes first.
        for item in query(self._deployment, application_pk(application_id), "META", "TRUNK#\U0010ffff"):
            sort_key = item["sk"]["S"]
            if sort_key == "META":
                version = int(from_item(item)["version"])
            elif sort_key.startswith("RULE#"):
                rules.append(stored_rule(item))
            elif sort_key.startswith("TRUNK#"):
                trunks.append(stored_trunk(item))
        return ApplicationSnapshot(
            application_id,
            version,
            credentials.api_key,
            credentials.api_secret,
            tuple(stored.trunk for stored in trunks),
            tuple(rules),
            self._secrets.read_many(trunks, self._now()),
        )

    def read_versions(self) -> dict[str, int]:
        """The version that each application is at."""
        found: dict[str, int] = {}
        for application_id in self._applications.ids():
            try:
                found[application_id] = self._chain.version(application_id)
            except NotFoundError:
                continue
        return found

    def read_trunk(self, application_id: str, trunk_id: str) -> tuple[Trunk, TrunkCredentials] | None:
        """A trunk and its credentials; None when it was deleted."""
        stored = read_stored_trunk(self._deployment, application_id, trunk_id)
        if stored is None:
            return None
        credentials = self._secrets.read(stored, self._now())
        return None if credentials is None else (stored.trunk, credentials)

    def read_rule(self, application_id: str, rule_id: str) -> RoutingRule | None:
        """A routing rule; None when it was deleted."""
        return read_stored_rule(self._deployment, application_id, rule_id)


def load_snapshot(deployment: Deployment) -> list[ApplicationSnapshot]:
    """All applications of a deployment: versions, trunks, rules and trunk credentials."""
    return SnapshotReader(deployment).load_snapshot()
