"""The control plane for tests: emulated AWS, the real handlers, and an HTTP server in front of them."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import jwt

from local.aws.deployment import Deployment as TemplateDeployment
from local.aws.server import AwsServer
from local.aws.template import REGION, load_template
from local.gateway.functions import InvocationContext, load_functions
from local.gateway.routes import read_routes
from local.gateway.server import Gateway
from trunking.aws.applications import ApplicationCredentials, create_application
from trunking.aws.deployment import Deployment

ROOT = Path(__file__).resolve().parents[2]
API_FUNCTIONS = {"TrunksApi", "RulesApi", "SipApi", "CallsApi", "ApiDocument", "Console"}
SIP = "/api/v2/video/sip"
_counter = itertools.count(1)


@contextmanager
def emulated_aws() -> Iterator[AwsServer]:
    """A locked moto server that AWS's own environment variables point at."""
    server = AwsServer()
    server.start()
    environment = {
        "AWS_ENDPOINT_URL": server.endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "POWERTOOLS_METRICS_DISABLED": "true",
        "POWERTOOLS_LOG_LEVEL": "ERROR",
    }
    kept = {
        name: value for name, value in os.environ.items() if name not in ("AWS_PROFILE", "AWS_SESSION_TOKEN")
    }
    with patch.dict(os.environ, {**kept, **environment}, clear=True):
        try:
            yield server
        finally:
            server.stop()


def create_table(deployment: Deployment) -> None:
    """A table as the template's, for tests that need nothing else of the template."""
    deployment.dynamodb.create_table(
        TableName=deployment.table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )


@dataclass(frozen=True)
class Answer:
    """What a handler answered."""

    status: int
    headers: Mapping[str, str]
    body: Any


def server_token(application: ApplicationCredentials) -> str:
    """A token as Stream's server-side clients make it."""
    return jwt.encode({}, application.api_secret, algorithm="HS256")


def http_event(
    method: str,
    path: str,
    *,
    application: ApplicationCredentials | None = None,
    body: Any = None,
    raw_body: str | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A payload-v2 event of one request, authenticated as `application` where one is given."""
    sent = {"content-type": "application/json"}
    asked = dict(query or {})
    if application is not None:
        asked = {"api_key": application.api_key, **asked}
        sent |= {"authorization": server_token(application), "stream-auth-type": "jwt"}
    event: dict[str, Any] = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": urlencode(asked),
        "queryStringParameters": asked,
        "headers": {**sent, **(headers or {})},
        "requestContext": {
            "requestId": "test",
            "http": {"method": method, "path": path, "sourceIp": "127.0.0.1"},
        },
        "isBase64Encoded": False,
    }
    text = raw_body if raw_body is not None else None if body is None else json.dumps(body)
    if text is not None:
        event["body"] = text
    parts = path.removeprefix(SIP).strip("/").split("/")
    if len(parts) >= 2:
        event["pathParameters"] = {"id": parts[1]}
    return event


@dataclass(frozen=True)
class ControlPlane:
    """Handlers called directly, as Lambda calls them."""

    deployment: Deployment
    application: ApplicationCredentials
    handlers: Mapping[str, Callable[[Mapping[str, Any], object], dict[str, Any]]]

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        application: ApplicationCredentials | None = None,
    ) -> Answer:
        """One authenticated request below `/api/v2/video/sip`."""
        event = http_event(
            method,
            SIP + path,
            application=application or self.application,
            body=body,
            headers=headers,
            query=query,
        )
        return self.invoke(event)

    def invoke(self, event: Mapping[str, Any]) -> Answer:
        """One request as an event."""
        area = event["rawPath"].removeprefix(SIP).strip("/").split("/")[0]
        handler = self.handlers[_FUNCTION_OF_AREA.get(area, "ApiDocument")]
        answer = handler(event, InvocationContext("test", 512, 10.0))
        return Answer(answer["statusCode"], answer["headers"], json.loads(answer["body"]))


_FUNCTION_OF_AREA = {
    "inbound_trunks": "TrunksApi",
    "inbound_routing_rules": "RulesApi",
    "auth": "SipApi",
    "resolve": "SipApi",
    "explain": "SipApi",
    "calls": "CallsApi",
    "bridges": "CallsApi",
}


@contextmanager
def running_control_plane() -> Iterator[ControlPlane]:
    """Emulated AWS with a table, an application, and the API's handlers."""
    from api_document.handler import handler as api_document
    from calls_api.handler import handler as calls_api
    from rules_api.handler import handler as rules_api
    from sip_api.handler import handler as sip_api
    from trunks_api.handler import handler as trunks_api

    # Moto keeps one state for the whole process, so each control plane has names of its own.
    name = f"trunkline-{next(_counter)}"
    deployed = Deployment(name, f"{name}/", name, "sip.example.com:5060")
    names = {
        "TRUNKLINE_TABLE": deployed.table,
        "TRUNKLINE_BUS": deployed.bus,
        "TRUNKLINE_SECRET_PREFIX": deployed.secret_prefix,
        "TRUNKLINE_SIP_HOST": deployed.sip_host,
    }
    with emulated_aws(), patch.dict(os.environ, names):
        create_table(deployed)
        deployed.events.create_event_bus(Name=deployed.bus)
        yield ControlPlane(
            deployed,
            create_application(deployed),
            {
                "TrunksApi": trunks_api,
                "RulesApi": rules_api,
                "SipApi": sip_api,
                "CallsApi": calls_api,
                "ApiDocument": api_document,
            },
        )


@dataclass(frozen=True)
class ServedControlPlane:
    """The template's API over HTTP."""

    url: str
    deployment: Deployment
    application: ApplicationCredentials


@contextmanager
def served_control_plane() -> Iterator[ServedControlPlane]:
    """The template deployed in emulated AWS, its API served over HTTP by a thread of its own."""
    import boto3

    with emulated_aws() as aws:
        urlopen(Request(f"{aws.endpoint_url}/moto-api/reset", method="POST"), timeout=10).close()
        template = load_template(ROOT / "template.yaml")
        deployed = TemplateDeployment(template, boto3.Session(), {"SipHost": "sip.example.com:5060"})
        deployed.create()
        functions = load_functions(template, deployed.intrinsics, API_FUNCTIONS)
        routes = [route for route in read_routes(template) if route.function in functions]
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="gateway", daemon=True)
        thread.start()
        gateway = Gateway(routes, functions)

        async def start() -> int:
            return await gateway.start("127.0.0.1", 0)

        port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        deployment = Deployment.from_environment()
        try:
            url = f"http://127.0.0.1:{port}"
            yield ServedControlPlane(url, deployment, create_application(deployment))
        finally:
            asyncio.run_coroutine_threadsafe(gateway.close(), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
