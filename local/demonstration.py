"""The application, trunk and routing rules that a newcomer finds in a local stack; made once, then kept.

Made over HTTP like anybody's, so that starting the stack is also a first test of it. Imports no handler.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import jwt

from trunking.aws.applications import ApplicationCredentials, Applications, create_application
from trunking.aws.deployment import Deployment

APPLICATION_ID = "demo"
TRUNK_NAME = "Demo trunk"
FIXED_NUMBER = "+15551230001"
DYNAMIC_NUMBER = "+15551230002"
CALL_TYPE = "default"
FIXED_CALL_ID = "hospital-fixed-line"

TRUNKS = "/api/v2/video/sip/inbound_trunks"
RULES = "/api/v2/video/sip/inbound_routing_rules"


def demonstration_rules(trunk_id: str) -> tuple[Mapping[str, Any], ...]:
    """One rule that leads all callers into the same call, and one that gives each caller a call."""
    caller = {"id": "phone-{{caller_number}}", "custom_data": {"name": "{{caller_number}}"}}
    return tuple(
        {
            "name": name,
            "trunk_ids": [trunk_id],
            "called_numbers": [number],
            "caller_configs": caller,
            "direct_routing_configs": {"call_type": CALL_TYPE, "call_id": call_id},
        }
        for name, number, call_id in (
            ("Hospital, one room for all", FIXED_NUMBER, FIXED_CALL_ID),
            ("Hospital, a room for each caller", DYNAMIC_NUMBER, "hospital-line-{{uuid}}"),
        )
    )


@dataclass(frozen=True)
class Demonstration:
    """What a newcomer calls with."""

    api_key: str
    api_secret: str = field(repr=False)
    trunk_id: str
    username: str
    password: str = field(repr=False)
    number: str = FIXED_NUMBER
    dynamic_number: str = DYNAMIC_NUMBER


class DemonstrationError(Exception):
    """The API refused what the demonstration needs; has its answer."""


def ensure_application(deployment: Deployment) -> ApplicationCredentials:
    """The demonstration's application, made when it is not there. Blocks."""
    found = Applications(deployment).read(APPLICATION_ID)
    return found or create_application(deployment, application_id=APPLICATION_ID)


async def ensure_demonstration(api_url: str, application: ApplicationCredentials) -> Demonstration:
    """The demonstration's trunk and rules, made where they are not there; changed ones stay as they are."""
    token = jwt.encode({"server": True}, application.api_secret, algorithm="HS256")
    headers = {"Authorization": token, "stream-auth-type": "jwt"}
    async with aiohttp.ClientSession(api_url, headers=headers) as session:
        client = _ApiClient(session, application.api_key)
        trunk = await _ensure_trunk(client)
        await _ensure_rules(client, str(trunk["id"]))
    return Demonstration(
        api_key=application.api_key,
        api_secret=application.api_secret,
        trunk_id=str(trunk["id"]),
        username=str(trunk["username"]),
        password=str(trunk["password"]),
    )


@dataclass(frozen=True)
class _ApiClient:
    session: aiohttp.ClientSession
    api_key: str

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer's JSON; raises `DemonstrationError` for anything but success."""
        async with self.session.request(
            method, path, params={"api_key": self.api_key}, json=body
        ) as response:
            if response.status not in (200, 201):
                raise DemonstrationError(
                    f"{method} {path} was answered {response.status}: {await response.text()}"
                )
            return await response.json()


async def _ensure_trunk(client: _ApiClient) -> Mapping[str, Any]:
    trunks: list[dict[str, Any]] = (await client.call("GET", TRUNKS))["sip_trunks"]
    for trunk in trunks:
        if FIXED_NUMBER in trunk["numbers"]:
            return trunk
    created: dict[str, Any] = (
        await client.call("POST", TRUNKS, {"name": TRUNK_NAME, "numbers": [FIXED_NUMBER, DYNAMIC_NUMBER]})
    )["sip_trunk"]
    return created


async def _ensure_rules(client: _ApiClient, trunk_id: str) -> None:
    answer = await client.call("GET", RULES)
    taken = {number for rule in answer["sip_inbound_routing_rules"] for number in rule["called_numbers"]}
    for rule in demonstration_rules(trunk_id):
        if not taken.intersection(rule["called_numbers"]):
            await client.call("POST", RULES, rule)
