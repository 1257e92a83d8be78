"""Builds the object graph of one bridge from its settings, starts it in the right order and stops it.

The order of the start: the event queue exists, HTTP answers (not ready), the routing table is loaded, SIP is
accepted. The order of the stop: drain, then the reverse.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from bridge.adapters.call_commands import CallCommands
from bridge.adapters.call_reports import BusCallEvents, TableCallRecords
from bridge.adapters.clock import SystemClock
from bridge.adapters.event_queue import EventQueueReader, make_own_queue, remove_own_queue
from bridge.adapters.heartbeat import Heartbeat
from bridge.adapters.http_server import HttpServer
from bridge.adapters.media_metrics import MediaMetrics
from bridge.adapters.metrics import BridgeMetrics
from bridge.adapters.quality_reports import TableQualityReports
from bridge.adapters.routing_source import TableRoutingSource
from bridge.adapters.routing_subscription import SOURCE_ERRORS, RoutingSubscription
from bridge.adapters.settings import BridgeSettings
from bridge.adapters.sip_driver import SipDriver
from bridge.adapters.task_protection import TaskProtection
from bridge.bootstrap.call_page import CallPageMount
from bridge.bootstrap.media import build_media
from bridge.bootstrap.platform import build_platform
from bridge.bootstrap.sip import SipListeners, digest_key, endpoint_settings, media_capabilities
from bridge.calls.admission import Admission, AdmissionLimits
from bridge.calls.call_control import CallControl
from bridge.calls.call_ports import CallPorts
from bridge.calls.call_settings import CallSettings
from bridge.calls.live_quality import LiveQuality
from bridge.calls.media_engine import MediaEvent
from bridge.calls.media_negotiation import MediaNegotiation
from bridge.calls.reception import CallDecisions
from bridge.calls.routing_table import RoutingTable
from bridge.calls.source_guard import GuardLimits, SourceGuard
from bridge.calls.termination_status import TERMINATION_STATUS
from bridge.sip.digest import DigestAuthenticator
from bridge.sip.endpoint import SipEndpoint
from trunking.aws.applications import Applications
from trunking.aws.bridges import Bridges
from trunking.aws.call_records import CallRecords
from trunking.aws.deployment import Deployment
from trunking.aws.live_quality import LiveQuality as LiveQualityTable
from trunking.bridge_status import BridgeStatus
from trunking.template_compilation import prepare_rendering
from trunking.termination import Termination

logger = logging.getLogger("bridge")


class Bridge:
    """One bridge. Build it on the loop that it is to run on."""

    def __init__(self, settings: BridgeSettings) -> None:
        loop = asyncio.get_running_loop()
        self.settings = settings
        self.metrics = BridgeMetrics()
        self.table = RoutingTable()
        self._deployment = Deployment(
            table=settings.table,
            secret_prefix=settings.secret_prefix,
            bus=settings.bus,
            parameter_validation=False,
        )
        self.admission = Admission(
            AdmissionLimits(
                settings.max_calls, settings.max_calls_per_source, settings.max_calls_per_second_per_source
            )
        )
        self.guard = SourceGuard(
            GuardLimits(
                unanswered_challenges=settings.scanner_challenges,
                failures=settings.scanner_failures,
                shun_seconds=settings.scanner_shun_seconds,
            )
        )
        self.media = build_media(settings)
        self.metrics.registry.register(MediaMetrics(self.media.loads))
        self.platform = build_platform(settings, self.media, self._deployment)
        self.events = BusCallEvents(self._deployment, self.metrics.reports_lost("events"))
        self.records = TableCallRecords(
            CallRecords(self._deployment).put_many, self.metrics.reports_lost("records")
        )
        self.subscription = RoutingSubscription(
            self.table,
            TableRoutingSource(self._deployment),
            reconcile_seconds=settings.reconcile_seconds,
            counted=self.metrics.routing_change,
        )
        self.listeners = SipListeners(settings, self.metrics)
        self.driver = SipDriver(
            SipEndpoint(endpoint_settings(settings, self.listeners), secrets.token_bytes),
            loop,
            self._listens_to,
            lambda: self.metrics.refused("shunned"),
        )
        self.control = self._build_control(loop)
        self.quality = LiveQuality(
            self.media,
            TableQualityReports(
                LiveQualityTable(self._deployment),
                settings.id,
                settings.quality_seconds,
                self.metrics.reports_lost("quality"),
            ),
            self.metrics,
            SystemClock(),
            loop,
            connected=self.control.connected,
            period=settings.quality_seconds,
        )
        self.driver.connect(self.control.sip_event)
        self.media.subscribe(self._media_event)
        self.http = HttpServer(
            healthy=lambda: self.admission.serving,
            ready=lambda: self.admission.accepting,
            metrics=self.metrics.page,
        )
        CallCommands(self.http.application, self.control, Applications(self._deployment).by_api_key)
        self.call_page = CallPageMount(settings, self.http.application, self.media, self._deployment)
        self.metrics.table_sizes(self.table.sizes)
        self._started_at = datetime.now(UTC)
        self.heartbeat = Heartbeat(
            Bridges(self._deployment), self._status, self._metric if settings.embedded_metrics else None
        )
        self.protection = TaskProtection(os.environ.get("ECS_AGENT_URI", ""), lambda: self.control.calls)
        self._queue: EventQueueReader | None = None
        self._own_queue_url = ""
        self.http_address = ("", 0)

    def _build_control(self, loop: asyncio.AbstractEventLoop) -> CallControl:
        prepare_rendering()
        settings = self.settings
        ports = CallPorts(
            signalling=self.driver,
            media=self.media,
            platform=self.platform,
            records=self.records,
            events=self.events,
            meters=self.metrics,
            clock=SystemClock(),
            scheduler=loop,
        )
        decisions = CallDecisions(
            table=self.table,
            authenticator=DigestAuthenticator(
                settings.digest_realm, digest_key(settings), algorithms=settings.digest_algorithms
            ),
            admission=self.admission,
            guard=self.guard,
            negotiation=MediaNegotiation(media_capabilities(settings), secrets.token_bytes),
        )
        return CallControl(
            ports,
            decisions,
            CallSettings(
                bridge_id=settings.id,
                setup_timeout=settings.setup_seconds,
                max_duration=settings.max_call_seconds,
                drop_unknown_callers=settings.unknown_callers == "drop",
                called_number_headers=settings.called_number_headers,
                early_prompts=settings.prompts == "early",
            ),
        )

    async def start(self) -> None:
        """Start; returns when calls are taken."""
        settings, loop = self.settings, asyncio.get_running_loop()
        self.events.start()
        self.records.start()
        await self.media.start()
        self.http_address = await self.http.start(settings.http_host, settings.http_port)
        # The queue first, the snapshot second: no change can fall between them.
        queue_url = settings.events_queue_url
        if settings.events_topic_arn:
            queue_url = self._own_queue_url = await asyncio.to_thread(
                make_own_queue, settings.events_topic_arn, f"{settings.events_queue_prefix}{settings.id}"
            )
        self.listeners.start(self.driver, loop)
        await self.subscription.load()
        if queue_url:
            self._queue = EventQueueReader(queue_url, self.subscription.take)
            self._queue.start(loop)
        self.subscription.start_reconciling()
        self.admission.set_ready()
        self.metrics.ready(True)
        self.heartbeat.start()
        self.quality.start()
        self.protection.start()
        self.events.publish("sip.bridge.started", None, 1, self._subject())
        logger.info("bridge started", extra={"fields": {"sip": self.listeners.addresses()}})

    def start_draining(self) -> None:
        """Take no new calls; running ones go on."""
        if self.admission.draining:
            return
        self.admission.start_draining()
        self.driver.start_draining(TERMINATION_STATUS[Termination.DRAINING].retry_after or 0)
        self.metrics.ready(False)
        self.events.publish("sip.bridge.draining", None, 2, self._subject())
        logger.info("draining", extra={"fields": {"calls": self.control.calls}})

    async def show_draining(self) -> None:
        """Let the list of bridges show it without waiting for the next beat."""
        await self.heartbeat.beat()

    async def stop(self) -> None:
        """End what still runs and free everything."""
        self.start_draining()
        self.control.end_all(Termination.DRAIN_DEADLINE, "the bridge stops")
        await self.control.finished()
        self.driver.stop()
        if self._queue is not None:
            self._queue.stop()
        await self.quality.close()
        await self.protection.close()
        await self.heartbeat.close()
        await self.subscription.close()
        await self.call_page.close()
        await self.platform.close()
        await self.http.close()
        await self.listeners.close(asyncio.get_running_loop())
        await self.media.close()
        self.events.publish("sip.bridge.stopped", None, 3, self._subject())
        seconds = self.settings.report_seconds
        await asyncio.gather(self.events.close(seconds), self.records.close(seconds))
        await self._remove_own_queue()

    async def _remove_own_queue(self) -> None:
        if not self._own_queue_url:
            return
        try:
            await asyncio.to_thread(remove_own_queue, self.settings.events_topic_arn, self._own_queue_url)
        except SOURCE_ERRORS as error:
            logger.warning("the event queue stays", extra={"fields": {"error": str(error)[:300]}})

    def _listens_to(self, source: str, now: float) -> bool:
        return self.guard.listens_to(source, now) or self.table.trusts_source(source)

    def _media_event(self, event: MediaEvent) -> None:
        if not self.call_page.media_event(event):
            self.control.media_event(event)

    def _status(self) -> BridgeStatus:
        host, port = next(iter(self.listeners.advertised().values()))
        state = "draining" if self.admission.draining else "ready"
        return BridgeStatus(
            id=self.settings.id,
            state=state,
            version=_product_version(),
            sip_address=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            calls=self.control.calls,
            capacity=self.settings.max_calls,
            started_at=self._started_at,
            seen_at=datetime.now(UTC),
        )

    def _metric(self) -> str:
        return self.metrics.embedded_metric(self.settings.id, self.control.calls, self.settings.max_calls)

    def _subject(self) -> dict[str, object]:
        return {
            "id": self.settings.id,
            "calls": self.control.calls,
            "capacity": self.settings.max_calls,
        }


def _product_version() -> str:
    try:
        return version("trunkline")
    except PackageNotFoundError:
        return "unpackaged"
