"""Stream's REST API as the bridge uses it: users, calls, custom events. Plain HTTP, server tokens.

Answers are values; refusals and failures become `CallPlatformError` with the termination that fits. A request
that Stream answers with 429 or 5xx is tried again within the time that the caller allows. Imports aiohttp.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from bridge.adapters.stream_application import StreamApplication
from bridge.calls.call_platform import CallPlatformError
from trunking.call import CallIdentity
from trunking.termination import Termination

FIRST_RETRY_DELAY = 0.2
LONGEST_RETRY_DELAY = 2.0
ATTEMPTS = 4
MAX_ANSWER = 1 << 20
_REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=8.0, connect=3.0)


class StreamApi:
    """Talks to the coordinators of all applications over one connection pool."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def upsert_user(
        self, application: StreamApplication, user_id: str, fields: Mapping[str, Any]
    ) -> None:
        """Create the user or give it these fields (`name`, `custom`)."""
        await self._request(
            application, "POST", "/api/v2/users", {"users": {user_id: {"id": user_id, **fields}}}
        )

    async def create_call(
        self, application: StreamApplication, call: CallIdentity, user_id: str, custom: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """The call object, made with this custom data when it did not exist."""
        body = {"data": {"created_by_id": user_id, "custom": dict(custom)}}
        return _call_object(await self._request(application, "POST", _call_path(call), body))

    async def read_call(self, application: StreamApplication, call: CallIdentity) -> Mapping[str, Any] | None:
        """The call object; None when the call does not exist."""
        answer = await self._request(application, "GET", _call_path(call), None, absent=404)
        return None if answer is None else _call_object(answer)

    async def find_call(
        self, application: StreamApplication, routing_number: str
    ) -> Mapping[str, Any] | None:
        """The call object with this routing number; None when there is none."""
        body = {"filter_conditions": {"routing_number": routing_number}, "limit": 1}
        answer = await self._request(application, "POST", "/api/v2/video/calls", body)
        calls = answer.get("calls") if isinstance(answer, Mapping) else None
        return _call_object(calls[0]) if isinstance(calls, list) and calls else None

    async def send_event(
        self, application: StreamApplication, call: CallIdentity, user_id: str, custom: Mapping[str, Any]
    ) -> None:
        """Send a custom event to everybody in the call."""
        body = {"user_id": user_id, "custom": dict(custom)}
        await self._request(application, "POST", _call_path(call) + "/event", body)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _request(
        self,
        application: StreamApplication,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        absent: int | None = None,
    ) -> Any:
        """The answer's JSON. None when the status is `absent`."""
        delay = FIRST_RETRY_DELAY
        for attempt in range(1, ATTEMPTS + 1):
            try:
                status, answer = await self._send(application, method, path, body)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                failure = CallPlatformError(
                    Termination.CALL_PLATFORM_UNAVAILABLE, f"Stream did not answer: {type(error).__name__}"
                )
                failure.__cause__ = error
            else:
                if status < 300:
                    return answer
                if status == absent:
                    return None
                failure = refusal(status, answer)
            if attempt == ATTEMPTS or failure.termination is not Termination.CALL_PLATFORM_UNAVAILABLE:
                raise failure
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_RETRY_DELAY)
        raise AssertionError("every attempt returns or raises")

    async def _send(
        self, application: StreamApplication, method: str, path: str, body: Mapping[str, Any] | None
    ) -> tuple[int, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_REQUEST_TIMEOUT)
        async with self._session.request(
            method,
            application.base_url + path,
            params={"api_key": application.api_key},
            headers={
                "Authorization": application.server_token(self._clock()),
                "stream-auth-type": "jwt",
                "X-Stream-Client": "trunkline",
            },
            json=body,
            allow_redirects=False,
        ) as response:
            content = await response.content.read(MAX_ANSWER)
            if response.content_type != "application/json":
                return response.status, {}
            return response.status, json.loads(content)


def refusal(status: int, answer: Any) -> CallPlatformError:
    """What an HTTP status of Stream means for the phone. Stream's message is for the operator."""
    message = str(answer.get("message", ""))[:200] if isinstance(answer, Mapping) else ""
    detail = f"Stream answered {status}: {message}" if message else f"Stream answered {status}"
    if status == 401:
        detail += " (check the application's Stream key and secret)"
    temporary = status == 429 or status >= 500
    return CallPlatformError(
        Termination.CALL_PLATFORM_UNAVAILABLE if temporary else Termination.CALL_PLATFORM_REFUSED, detail
    )


def _call_path(call: CallIdentity) -> str:
    return f"/api/v2/video/call/{quote(call.call_type, safe='')}/{quote(call.call_id, safe='')}"


def _call_object(answer: Any) -> Mapping[str, Any]:
    found = answer.get("call") if isinstance(answer, Mapping) else None
    if not isinstance(found, Mapping):
        raise CallPlatformError(Termination.CALL_PLATFORM_UNAVAILABLE, "Stream's answer holds no call")
    return found
