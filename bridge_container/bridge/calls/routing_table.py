"""The bridge's routing table: every application's trunks, credentials and rules, in memory.

It changes between decisions, never during one: the signalling loop alone writes and reads it. It knows
nothing of where its content comes from. Imports the trunking core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.calls.source_index import SourceIndex
from trunking.routing import InboundCall, Rejection, Route, RoutingIndex
from trunking.routing_rule import RoutingRule
from trunking.trunk import Trunk, TrunkCredentials


@dataclass(frozen=True, slots=True)
class ApplicationContent:
    """All that the table holds of one application, at one version of its chain."""

    application_id: str
    version: int
    trunks: Sequence[Trunk]
    rules: Sequence[RoutingRule]
    credentials: Sequence[TrunkCredentials]


class RoutingTable:
    """Trunks by number, username and source; rules by trunk; the version of each application."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}
        self._trunks: dict[str, Trunk] = {}
        self._credentials: dict[str, TrunkCredentials] = {}
        self._trunk_of_number: dict[str, str] = {}
        self._trunk_of_username: dict[str, str] = {}
        self._rules = RoutingIndex()
        self._trunks_of_application: dict[str, set[str]] = {}
        self._rules_of_application: dict[str, set[str]] = {}
        self._sources = SourceIndex()

    # What the signalling side asks

    def trunk_of_number(self, number: str) -> Trunk | None:
        """The one trunk that has claimed an E.164 number."""
        trunk_id = self._trunk_of_number.get(number)
        return None if trunk_id is None else self._trunks[trunk_id]

    def trunk_of_username(self, username: str) -> Trunk | None:
        """The one trunk that a digest username belongs to."""
        trunk_id = self._trunk_of_username.get(username)
        return None if trunk_id is None else self._trunks.get(trunk_id)

    def credentials(self, trunk_id: str) -> TrunkCredentials | None:
        """What the trunk's carrier authenticates with; None until they are known."""
        return self._credentials.get(trunk_id)

    def allows_source(self, trunk_id: str, source: str) -> bool:
        """Whether the address may call this trunk without digest."""
        return self._sources.allows(trunk_id, source)

    def trusts_source(self, source: str) -> bool:
        """Whether the address may call any trunk at all without digest."""
        return bool(self._sources.holders(source))

    def countries_of_source(self, source: str, limit: int = 16) -> tuple[str, ...]:
        """The number plans of trunks that allow the address: national numbers are tried in these."""
        countries: dict[str, None] = {}
        for trunks in self._sources.holders(source):
            for seen, trunk_id in enumerate(trunks):
                if seen >= limit or len(countries) >= limit:
                    break
                country = self._trunks[trunk_id].country
                if country is not None:
                    countries[country] = None
        return tuple(countries)

    def resolve(self, call: InboundCall, trunk: Trunk) -> Route | Rejection:
        """Which rule takes the call, or why none does."""
        return self._rules.resolve(call, trunk)

    # What the subscription tells

    @property
    def versions(self) -> dict[str, int]:
        """A copy of each known application's version."""
        return dict(self._versions)

    def version(self, application_id: str) -> int:
        """The version that the table shows of an application; 0 when it is unknown."""
        return self._versions.get(application_id, 0)

    def sizes(self) -> tuple[int, int]:
        """How many trunks and how many rules there are."""
        return len(self._trunks), len(self._rules)

    def replace_application(self, content: ApplicationContent) -> None:
        """Take over an application as a whole; what it no longer has is gone."""
        application_id = content.application_id
        kept_trunks = {trunk.id for trunk in content.trunks}
        kept_rules = {rule.id for rule in content.rules}
        for trunk_id in self._trunks_of_application.get(application_id, set()) - kept_trunks:
            self.remove_trunk(trunk_id)
        for rule_id in self._rules_of_application.get(application_id, set()) - kept_rules:
            self.remove_rule(rule_id)
        for trunk in content.trunks:
            self.set_trunk(trunk)
        for credentials in content.credentials:
            self.set_credentials(credentials)
        for rule in content.rules:
            self.set_rule(rule)
        self._versions[application_id] = content.version

    def remove_application(self, application_id: str) -> None:
        """Forget an application that is no more."""
        self.replace_application(ApplicationContent(application_id, 0, (), (), ()))
        for known in (self._versions, self._trunks_of_application, self._rules_of_application):
            known.pop(application_id, None)

    def set_version(self, application_id: str, version: int) -> None:
        """Say that every change up to `version` is in the table."""
        self._versions[application_id] = version

    def set_trunk(self, trunk: Trunk) -> None:
        """Add a trunk or replace it."""
        old = self._trunks.get(trunk.id)
        if old is not None:
            self._forget_names(old)
        self._trunks[trunk.id] = trunk
        self._trunks_of_application.setdefault(trunk.application_id, set()).add(trunk.id)
        for number in trunk.numbers:
            self._trunk_of_number[number] = trunk.id
        self._trunk_of_username[trunk.username] = trunk.id
        self._sources.set_trunk(trunk.id, trunk.allowed_ips)

    def set_credentials(self, credentials: TrunkCredentials) -> None:
        """Set what a trunk's carrier authenticates with; a username that is not the trunk's counts too."""
        self._credentials[credentials.trunk_id] = credentials
        self._trunk_of_username[credentials.username] = credentials.trunk_id

    def remove_trunk(self, trunk_id: str) -> None:
        """Forget a trunk and its credentials; an unknown one is no error."""
        trunk = self._trunks.pop(trunk_id, None)
        if trunk is not None:
            self._forget_names(trunk)
            self._trunks_of_application[trunk.application_id].discard(trunk_id)
        credentials = self._credentials.pop(trunk_id, None)
        if credentials is not None and self._trunk_of_username.get(credentials.username) == trunk_id:
            del self._trunk_of_username[credentials.username]
        self._sources.remove_trunk(trunk_id)

    def set_rule(self, rule: RoutingRule) -> None:
        """Add a routing rule or replace it."""
        self._rules.put(rule)
        self._rules_of_application.setdefault(rule.application_id, set()).add(rule.id)

    def remove_rule(self, rule_id: str) -> None:
        """Forget a routing rule; an unknown one is no error."""
        rule = self._rules.get(rule_id)
        if rule is not None:
            self._rules.remove(rule_id)
            self._rules_of_application[rule.application_id].discard(rule_id)

    def _forget_names(self, trunk: Trunk) -> None:
        for number in trunk.numbers:
            if self._trunk_of_number.get(number) == trunk.id:
                del self._trunk_of_number[number]
        if self._trunk_of_username.get(trunk.username) == trunk.id:
            del self._trunk_of_username[trunk.username]
