"""The whole of Trunkline on one machine: starts its parts in order and stops them in the reverse order.

The emulated AWS, the gateway with the functions and the change stream live in this process; the bridge is a
child, as it is a container elsewhere. None of them knows of local mode: AWS's own variables lead them here.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import boto3

from local.aws.deployment import Deployment as TemplateDeployment
from local.aws.environment import lead_to_emulation
from local.aws.saved_state import restore_state, save_state
from local.aws.server import AwsServer
from local.aws.template import Template, load_template
from local.bridge_process import BridgeProcess
from local.call_announcements import CallAnnouncements
from local.change_stream import ChangeStream
from local.demonstration import (
    APPLICATION_ID,
    CALL_TYPE,
    FIXED_CALL_ID,
    Demonstration,
    ensure_application,
    ensure_demonstration,
)
from local.gateway.functions import load_functions
from local.gateway.routes import read_routes
from local.gateway.server import Gateway
from local.settings import LocalSettings
from trunking.aws.applications import ApplicationCredentials
from trunking.aws.deployment import Deployment

ROOT = Path(__file__).parents[1]
SOURCE_ROOTS = (ROOT / "layers" / "trunking", ROOT / "functions", ROOT / "bridge_container", ROOT)
DRAIN_SECONDS = 1
"""Running calls end soon after Ctrl-C; nobody waits for a call on a development machine."""
SAVE_INTERVAL = 10.0
FREE_PORT_TRIES = 20

Progress = Callable[[str], None]


class PortTakenError(Exception):
    """A port is in use; says which and how to choose another."""


@dataclass(frozen=True)
class RunningStack:
    """How to reach a stack that serves."""

    api_url: str
    call_base_url: str
    sip_host: str
    sip_port: int
    demonstration: Demonstration
    seconds_to_start: float
    stream_url: str = ""
    """The local Stream's API; empty when calls live in the bridge."""
    stream_websocket_url: str = ""

    @property
    def console_url(self) -> str:
        """The operator's page."""
        return f"{self.api_url}/console"

    @property
    def call_url(self) -> str:
        """The page of the call that the demonstration's number leads to."""
        return f"{self.call_base_url}/calls/{CALL_TYPE}/{FIXED_CALL_ID}"

    @property
    def sip_uri(self) -> str:
        """Whom a phone calls."""
        return f"sip:{self.demonstration.number}@{self.sip_host}:{self.sip_port}"


def free_port(host: str, port: int, flag: str) -> int:
    """`port`, or one that is free for 0, for UDP and TCP alike; raises `PortTakenError`."""
    for _ in range(1 if port else FREE_PORT_TRIES):
        try:
            return _bindable(host, port)
        except OSError as error:
            why = os.strerror(error.errno or 0)
    raise PortTakenError(
        f"{host} port {port} cannot be used: {why}. "
        f'Choose another one:  make run ARGS="{flag} {port + 20 if port else 0}"'
    )


def _bindable(host: str, port: int) -> int:
    """The port once both transports could bind it; raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind((host, port))
        bound: int = tcp.getsockname()[1]
        # The kernel chose a port that is free for TCP; a call's audio may have it for UDP.
        udp.bind((host, bound))
        return bound


class Stack:
    """One local stack, started and stopped once."""

    def __init__(self, settings: LocalSettings, progress: Progress) -> None:
        self._settings = settings
        self._progress = progress
        self._parts = AsyncExitStack()
        self._bridge: BridgeProcess | None = None
        self._unsaved = threading.Event()

    async def start(self) -> RunningStack:
        """Start everything. What had started is stopped again when a part fails."""
        try:
            return await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Save the state and stop everything. Stopping twice is no error."""
        await self._parts.aclose()

    async def failed(self) -> None:
        """Return never; raises when a part ends by itself."""
        assert self._bridge is not None, "start() first"
        await self._bridge.wait()

    async def _start(self) -> RunningStack:
        began = time.monotonic()
        settings = self._settings
        settings.directory.mkdir(parents=True, exist_ok=True)
        sip_port = free_port(settings.sip_host, settings.sip_port, "--sip-port")
        api_port = free_port(settings.host, settings.api_port, "--api-port")
        call_port = free_port(settings.host, settings.call_port, "--call-port")
        self._progress("Starting the embedded AWS ...")
        aws = self._start_aws()
        session = boto3.Session()
        template = await asyncio.to_thread(load_template, ROOT / "template.yaml")
        deployed = TemplateDeployment(
            template, session, {"SipHost": f"{settings.advertised_host}:{sip_port}"}
        )
        await asyncio.to_thread(deployed.create)
        table = deployed.only("AWS::DynamoDB::Table").ref
        await self._restore(session, table)
        self._progress("Starting the API ...")
        api_url = await self._start_functions(aws, session, template, deployed, api_port)
        application = await asyncio.to_thread(ensure_application, Deployment.from_environment())
        demonstration = await ensure_demonstration(api_url, application)
        stream_url = stream_websocket_url = ""
        if settings.platform == "stream":
            self._progress("Starting the local Stream ...")
            stream_url, stream_websocket_url = await self._start_stream(application)
        self._progress("Starting the bridge ...")
        announcements = CallAnnouncements(session, Deployment.from_environment().bus, self._progress)
        await asyncio.to_thread(announcements.start)
        self._parts.push_async_callback(asyncio.to_thread, announcements.stop)
        call_url = await self._start_bridge(deployed, sip_port, call_port)
        return RunningStack(
            api_url=api_url,
            call_base_url=call_url,
            sip_host=settings.advertised_host,
            sip_port=sip_port,
            demonstration=demonstration,
            seconds_to_start=time.monotonic() - began,
            stream_url=stream_url,
            stream_websocket_url=stream_websocket_url,
        )

    def _start_aws(self) -> AwsServer:
        aws = AwsServer()
        aws.start()
        self._parts.callback(aws.stop)
        lead_to_emulation(aws.endpoint_url)
        return aws

    async def _restore(self, session: boto3.Session, table: str) -> None:
        path = self._settings.state_file
        if self._settings.fresh:
            path.unlink(missing_ok=True)
        elif await asyncio.to_thread(restore_state, path, session, table):
            self._progress(f"Restored trunks, rules and calls from {path}")
        self._parts.callback(save_state, path, session, table)
        saving = asyncio.create_task(self._keep_saved(session, table))
        self._parts.callback(saving.cancel)

    async def _keep_saved(self, session: boto3.Session, table: str) -> None:
        """Save now and then what changed, so that even a killed stack starts again with most of it."""
        while True:
            await asyncio.sleep(SAVE_INTERVAL)
            if self._unsaved.is_set():
                self._unsaved.clear()
                await asyncio.to_thread(save_state, self._settings.state_file, session, table)

    async def _start_functions(
        self,
        aws: AwsServer,
        session: boto3.Session,
        template: Template,
        deployed: TemplateDeployment,
        port: int,
    ) -> str:
        mappings = template.of_type("AWS::Lambda::EventSourceMapping")
        publishers = {mapping["FunctionName"]["Ref"] for mapping in mappings.values()}
        routes = read_routes(template)
        behind_api = {route.function for route in routes}
        load = asyncio.to_thread
        functions = await load(load_functions, template, deployed.intrinsics, behind_api)
        # Apart from those behind the API: a slow request must not hold up a change.
        publishing = await load(load_functions, template, deployed.intrinsics, publishers)
        streams = [
            ChangeStream(session, mapping, deployed.intrinsics, publishing[mapping["FunctionName"]["Ref"]])
            for mapping in mappings.values()
        ]
        for stream in streams:
            stream.start()
            self._parts.push_async_callback(asyncio.to_thread, stream.stop)

        def written() -> None:
            self._unsaved.set()
            for stream in streams:
                stream.wake()

        aws.on_write(written)
        gateway = Gateway(routes, functions)
        self._parts.push_async_callback(gateway.close)
        port = await gateway.start(self._settings.host, port)
        return f"http://{self._settings.host}:{port}"

    async def _start_stream(self, application: ApplicationCredentials) -> tuple[str, str]:
        # Imported here: the embedded platform needs none of Stream's packages.
        from local.stream.account import account_of, put_account
        from local.stream.server import LocalStream

        # The demonstration's own key: who has it can also try Stream's SDKs against this Stream.
        key, secret = application.api_key, application.api_secret
        stream = LocalStream(api_key=key, api_secret=secret, edges=2)
        self._parts.push_async_callback(stream.close)
        await stream.start()
        deployment = Deployment.from_environment()
        account = account_of(stream, key, secret)
        await asyncio.to_thread(put_account, deployment, application.application_id, account)
        return stream.base_url, stream.websocket_url

    async def _start_bridge(self, deployed: TemplateDeployment, sip_port: int, call_port: int) -> str:
        settings = self._settings
        function_environment = Deployment.from_environment()
        environment = {
            "PYTHONPATH": os.pathsep.join(map(str, SOURCE_ROOTS)),
            "BRIDGE_TABLE": function_environment.table,
            "BRIDGE_BUS": function_environment.bus,
            "BRIDGE_SECRET_PREFIX": function_environment.secret_prefix,
            "BRIDGE_EVENTS_QUEUE_URL": deployed.only("AWS::SNS::Topic").attributes["QueueUrl"],
            "BRIDGE_SIP_HOST": settings.sip_host,
            "BRIDGE_SIP_PORT": str(sip_port),
            "BRIDGE_ADVERTISED_SIP_HOST": settings.advertised_host,
            "BRIDGE_RTP_HOST": settings.sip_host,
            "BRIDGE_ADVERTISED_MEDIA_HOST": settings.advertised_host,
            "BRIDGE_RTP_PORTS": settings.rtp_ports,
            "BRIDGE_HTTP_HOST": settings.host,
            "BRIDGE_HTTP_PORT": str(call_port),
            "BRIDGE_CALL_ACCESS": "open",
            "BRIDGE_CALL_APPLICATION": APPLICATION_ID,
            "BRIDGE_PLATFORM": settings.platform,
            "BRIDGE_DIGEST_ALGORITHMS": settings.digest_algorithms,
            # Writes cost nothing here, and who tries it out wants to see something soon.
            "BRIDGE_QUALITY_SECONDS": "2",
            "BRIDGE_DRAIN_SECONDS": str(DRAIN_SECONDS),
        }
        self._bridge = BridgeProcess(environment, settings.directory)
        self._parts.push_async_callback(self._bridge.stop)
        addresses = await self._bridge.start()
        return f"http://{settings.host}:{addresses.http_port}"
