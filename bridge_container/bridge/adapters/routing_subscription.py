"""Keeps the routing table true: snapshot, then change events by version, gaps read, versions compared.

An event is a hint: what changed is read anew, so that a late or repeated one does no harm. The queue exists
before the snapshot is read; what changes in between is applied again. When every AWS service is down, the
table stays as it is and calls go on. Runs on the signalling loop; blocking reads run in a thread.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from bridge.adapters.routing_source import RoutingSource
from bridge.calls.routing_table import RoutingTable
from trunking.change import ChangeKind
from trunking.errors import ThrottledError, UnavailableError

logger = logging.getLogger("bridge.routing")
Result = TypeVar("Result")

SOURCE_ERRORS = (BotoCoreError, ClientError, ThrottledError, UnavailableError)
_TRUNK_KINDS = frozenset(kind for kind in ChangeKind if kind.value.startswith("trunk."))
_LARGEST_GAP = 200
"""A larger gap is healed faster by reading the application as a whole."""
_FIRST_RETRY = 0.5
_LONGEST_RETRY = 15.0


@dataclass(frozen=True, slots=True)
class ChangeHint:
    """What a change event says."""

    application_id: str
    version: int
    kind: ChangeKind
    subject_id: str


def parse_event(body: str) -> ChangeHint | None:
    """The change that an event on the bus tells of; None for every other event and for malformed ones."""
    try:
        event = json.loads(body)
        detail = event["detail"]
        kind = ChangeKind(str(event["detail-type"]).removeprefix("sip."))
        return ChangeHint(
            str(detail["application"]), int(detail["version"]), kind, str(detail["subject"]["id"])
        )
    except (ValueError, KeyError, TypeError):
        return None


class RoutingSubscription:
    """Loads the table, then keeps it."""

    def __init__(
        self,
        table: RoutingTable,
        source: RoutingSource,
        *,
        reconcile_seconds: float,
        counted: Callable[[str], None],
    ) -> None:
        """`counted(what)` counts `applied`, `duplicate`, `gap`, `snapshot`, `malformed` and `failed`."""
        self._table = table
        self._source = source
        self._reconcile_seconds = reconcile_seconds
        self._counted = counted
        self._lock = asyncio.Lock()
        self._thread = ThreadPoolExecutor(2, thread_name_prefix="routing-source")
        self._reconciler: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Read the snapshot; tries until it works, because a bridge without a table is of no use."""
        pause = _FIRST_RETRY
        while True:
            try:
                contents = await self._read(self._source.snapshot)
            except SOURCE_ERRORS as error:
                self._failed("snapshot", error)
                await asyncio.sleep(pause)
                pause = min(_LONGEST_RETRY, pause * 2)
                continue
            for content in contents:
                self._table.replace_application(content)
            self._counted("snapshot")
            trunks, rules = self._table.sizes()
            logger.info(
                "routing table loaded",
                extra={"fields": {"applications": len(contents), "trunks": trunks, "rules": rules}},
            )
            return

    def start_reconciling(self) -> None:
        """Compare versions from now on: what no event told of is found within that time."""
        self._reconciler = asyncio.ensure_future(self._reconcile())

    async def close(self) -> None:
        """Stop; the table stays as it is."""
        if self._reconciler is not None:
            self._reconciler.cancel()
            await asyncio.gather(self._reconciler, return_exceptions=True)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def take(self, bodies: Sequence[str]) -> None:
        """Apply events in their order. Raises one of `SOURCE_ERRORS` when they have to come again."""
        for body in bodies:
            hint = parse_event(body)
            if hint is None:
                self._counted("malformed")
                continue
            async with self._lock:
                await self._apply(hint)

    async def reconcile(self) -> None:
        """Compare every application's version with the table's, and catch up."""
        versions = await self._read(self._source.versions)
        for application_id, version in versions.items():
            async with self._lock:
                if version > self._table.version(application_id):
                    await self._catch_up(application_id)
        for application_id in set(self._table.versions) - set(versions):
            self._table.remove_application(application_id)

    async def _apply(self, hint: ChangeHint) -> None:
        known = self._table.version(hint.application_id)
        if hint.version <= known:
            self._counted("duplicate")
        elif hint.version == known + 1:
            await self._read_subject(hint.application_id, hint.kind, hint.subject_id)
            self._table.set_version(hint.application_id, hint.version)
            self._counted("applied")
        else:
            await self._catch_up(hint.application_id)

    async def _catch_up(self, application_id: str) -> None:
        known = self._table.version(application_id)
        self._counted("gap")
        changes = await self._read(lambda: self._source.changes(application_id, known))
        versions = [change.version for change in changes]
        if len(changes) > _LARGEST_GAP or versions != list(range(known + 1, known + 1 + len(changes))):
            # Changes are kept for a week: what is older has to come from the entities themselves.
            changes = []
        if not changes:
            await self._replace(application_id)
            return
        subjects = {(change.kind in _TRUNK_KINDS, change.subject_id): change for change in changes}
        for change in subjects.values():
            await self._read_subject(application_id, change.kind, change.subject_id)
        self._table.set_version(application_id, versions[-1])
        self._counted("applied")

    async def _replace(self, application_id: str) -> None:
        content = await self._read(lambda: self._source.application(application_id))
        if content is None:
            if application_id in self._table.versions:
                self._table.remove_application(application_id)
            return
        self._table.replace_application(content)
        self._counted("snapshot")

    async def _read_subject(self, application_id: str, kind: ChangeKind, subject_id: str) -> None:
        if kind in _TRUNK_KINDS:
            found = await self._read(lambda: self._source.trunk(application_id, subject_id))
            if found is None:
                self._table.remove_trunk(subject_id)
                return
            trunk, credentials = found
            self._table.set_trunk(trunk)
            self._table.set_credentials(credentials)
            return
        rule = await self._read(lambda: self._source.rule(application_id, subject_id))
        if rule is None:
            self._table.remove_rule(subject_id)
        else:
            self._table.set_rule(rule)

    async def _reconcile(self) -> None:
        while True:
            await asyncio.sleep(self._reconcile_seconds)
            try:
                await self.reconcile()
            except SOURCE_ERRORS as error:
                self._failed("reconcile", error)

    async def _read(self, read: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    def _failed(self, what: str, error: Exception) -> None:
        self._counted("failed")
        logger.warning("%s failed", what, extra={"fields": {"error": str(error)[:300]}})
