"""Each application's calls go to its own platform; secrets are kept, and serve on when AWS does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from botocore.exceptions import EndpointConnectionError

from bridge.adapters.application_secret import LIFETIME, ApplicationSecrets, SecretUnavailableError
from bridge.adapters.embedded_platform import EmbeddedPlatform
from bridge.adapters.platform_choice import PlatformChoice
from bridge.calls.call_platform import (
    CallParticipant,
    CallPlatform,
    CallPlatformError,
    JoinRequest,
    ParticipantEnded,
    PlatformUser,
)
from tests.unit.stream.recording_engine import RecordingEngine
from trunking.call import CallIdentity
from trunking.termination import Termination


class _Stream:
    """A platform that notes who joined."""

    name = "stream"

    def __init__(self) -> None:
        self.joined: list[str] = []

    def room(self, call: CallIdentity, sip_call_id: str) -> str:
        return f"stream:{sip_call_id}"

    async def join(self, request: JoinRequest, ended: Callable[[ParticipantEnded], None]) -> CallParticipant:
        self.joined.append(request.leg_id)
        return _Participant()

    async def find_call(self, application_id: str, routing_number: str) -> CallIdentity | None:
        return CallIdentity(application_id, "default", f"found-{routing_number}")

    async def call_pin(self, call: CallIdentity) -> str | None:
        return "1234"

    async def close(self) -> None:
        return


class _Participant:
    async def send_dtmf(self, digit: str, duration_ms: int) -> None:
        return

    async def leave(self) -> None:
        return


def _request(application_id: str) -> JoinRequest:
    call = CallIdentity(application_id, "default", "support")
    return JoinRequest(call, PlatformUser("u", "Alice", {}), {}, "leg-1", "sip-1")


def _choice(secrets: Mapping[str, Mapping[str, str]]) -> tuple[PlatformChoice, _Stream, RecordingEngine]:
    engine, stream = RecordingEngine(), _Stream()

    async def find(application_id: str) -> Mapping[str, str]:
        if application_id not in secrets:
            raise SecretUnavailableError("EndpointConnectionError")
        return secrets[application_id]

    platforms: dict[str, CallPlatform] = {"stream": stream, "embedded": EmbeddedPlatform(engine)}
    return PlatformChoice(engine, "stream", platforms, find), stream, engine


async def test_bridges_own_setting_holds_for_most() -> None:
    choice, stream, engine = _choice({"app": {}})
    await choice.join(_request("app"), lambda ended: None)
    assert (stream.joined, engine.moved) == (["leg-1"], [])


async def test_application_may_stay_in_the_bridge() -> None:
    choice, stream, engine = _choice({"app": {"platform": "embedded"}})
    await choice.join(_request("app"), lambda ended: None)
    assert stream.joined == []
    assert engine.moved == [("leg-1", "app/default:support")]
    assert engine.joined == ["leg-1"]
    assert await choice.call_pin(_request("app").call) is None


async def test_call_and_pin_are_looked_up_where_calls_live() -> None:
    choice, _, _ = _choice({"app": {}})
    assert await choice.find_call("app", "55") == CallIdentity("app", "default", "found-55")
    assert await choice.call_pin(_request("app").call) == "1234"


@pytest.mark.parametrize(
    ("secrets", "termination"),
    [
        ({"app": {"platform": "elsewhere"}}, Termination.CALL_PLATFORM_REFUSED),
        ({}, Termination.CALL_PLATFORM_UNAVAILABLE),
    ],
)
async def test_no_platform_no_call(
    secrets: Mapping[str, Mapping[str, str]], termination: Termination
) -> None:
    choice, _, _ = _choice(secrets)
    with pytest.raises(CallPlatformError) as caught:
        await choice.join(_request("app"), lambda ended: None)
    assert caught.value.termination is termination


class _SecretsManager:
    """Answers, or does not; counts the questions."""

    def __init__(self) -> None:
        self.asked = 0
        self.reachable = True

    def read(self, application_id: str) -> Mapping[str, str]:
        self.asked += 1
        if not self.reachable:
            raise EndpointConnectionError(endpoint_url="https://secretsmanager")
        return {"version": str(self.asked)}


async def test_secret_is_read_once_a_minute() -> None:
    service, now = _SecretsManager(), [0.0]
    secrets = ApplicationSecrets(service.read, lambda: now[0])
    assert await secrets.find("app") == {"version": "1"}
    now[0] = LIFETIME - 1
    assert await secrets.find("app") == {"version": "1"}
    now[0] = LIFETIME + 1
    assert await secrets.find("app") == {"version": "2"}


async def test_known_secret_serves_on_without_aws() -> None:
    service, now = _SecretsManager(), [0.0]
    secrets = ApplicationSecrets(service.read, lambda: now[0])
    await secrets.find("app")
    service.reachable, now[0] = False, LIFETIME + 1
    assert await secrets.find("app") == {"version": "1"}
    with pytest.raises(SecretUnavailableError):
        await secrets.find("another")
