"""The call page's HTTP: what it takes, what it refuses and in which words, what stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bridge.adapters.call_page.access import CallAccess, CallApplication, OpenCallAccess, TokenCallAccess
from bridge.adapters.call_page.routes import CallPage, CallPageSettings, add_call_page_routes
from bridge.calls.media_engine import (
    LegFailed,
    LegStatistics,
    MediaEngine,
    MediaError,
    OfferRefusedError,
    RoomMember,
)
from trunking.errors import UnavailableError

CALL = "/calls/default/front-desk"
ROOM = "app-1/default:front-desk"
SDP = {"Content-Type": "application/sdp"}
SECRET = "a-secret-of-the-tests-that-is-long-enough"
Client = TestClient[web.Request, web.Application]


@dataclass
class FakeEngine:
    """Records what the page asks; offers `bad` and `full` fail as the engine's would."""

    legs: dict[str, RoomMember] = field(default_factory=dict)
    asked: int = 0
    broken: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def open_webrtc_leg(self, leg_id: str, room: str, name: str, offer: str) -> str:
        self.arrived.set()
        await self.gate.wait()
        if offer == "bad":
            raise OfferRefusedError("expected a session description that begins with v=0")
        if offer == "full":
            raise MediaError("no free port")
        assert room == ROOM
        self.legs[leg_id] = RoomMember(leg_id, "webrtc", name, 0.25, muted=False)
        return "v=0 answer"

    async def mute(self, leg_id: str, muted: bool) -> None:
        member = self.legs[leg_id]
        self.legs[leg_id] = RoomMember(leg_id, member.kind, member.name, member.level, muted)

    async def members(self, room: str) -> tuple[RoomMember, ...]:
        self.asked += 1
        if self.broken:
            raise MediaError("the media worker has failed")
        return tuple(self.legs.values()) if room == ROOM else ()

    async def close_leg(self, leg_id: str) -> LegStatistics:
        self.legs.pop(leg_id, None)
        self.closed.set()
        return LegStatistics()


@dataclass
class Served:
    """A client of the page and what is behind it."""

    client: Client
    engine: FakeEngine
    page: CallPage

    async def error(self, method: str, path: str, **request: Any) -> tuple[int, str, str]:
        """The status, code and message of a refused request."""
        async with self.client.request(method, path, **request) as response:
            error = (await response.json())["error"]
            assert response.headers["Cache-Control"] == "no-store"
            return response.status, error["code"], error["message"]

    async def join(self, name: str = "Ada", offer: str = "v=0", **request: Any) -> str:
        """Join; the resource's path."""
        request.setdefault("headers", SDP)
        async with self.client.post(f"{CALL}/participants?name={name}", data=offer, **request) as response:
            assert response.status == 201, await response.text()
            assert response.content_type == "application/sdp"
            assert await response.text() == "v=0 answer"
            assert response.headers["Participant-Id"] in self.engine.legs
            return response.headers["Location"]


@contextlib.asynccontextmanager
async def served(access: CallAccess | None = None, **settings: Any) -> AsyncIterator[Served]:
    """The routes on an application of their own."""
    engine = FakeEngine()
    application = web.Application()
    page = add_call_page_routes(
        application,
        cast(MediaEngine, engine),
        access or OpenCallAccess("app-1"),
        CallPageSettings(**settings),
    )
    async with TestClient(TestServer(application)) as client:
        yield Served(client, engine, page)


async def test_join_list_mute_leave() -> None:
    async with served() as call:
        resource = await call.join("Ada")
        async with call.client.get(f"{CALL}/participants") as response:
            (participant,) = (await response.json())["participants"]
            assert participant.pop("id").startswith("webrtc-")
            assert participant == {"kind": "webrtc", "name": "Ada", "level": 0.25, "muted": False}
        async with call.client.patch(resource, json={"muted": True}) as response:
            assert response.status == 204
        assert [member.muted for member in call.engine.legs.values()] == [True]
        async with call.client.delete(resource) as response:
            assert response.status == 204
        assert call.engine.legs == {}
        assert await call.error("DELETE", resource) == (
            404,
            "unknown_participant",
            "no such participant; it may have left already",
        )


async def test_the_resource_is_not_what_others_see() -> None:
    async with served() as call:
        resource = await call.join()
        async with call.client.get(f"{CALL}/participants") as response:
            assert resource.rsplit("/", 1)[1] not in await response.text()
        (leg_id,) = call.engine.legs
        assert (await call.error("DELETE", f"{CALL}/participants/{leg_id}"))[0] == 404
        other = resource.replace("front-desk", "other")
        assert (await call.error("DELETE", other))[0] == 404
        assert len(call.engine.legs) == 1


async def test_what_was_expected_and_what_came() -> None:
    async with served() as call:
        path = f"{CALL}/participants?name=Ada"
        status, code, message = await call.error("POST", path, json={})
        assert (status, code) == (415, "not_sdp")
        assert message == "expected application/sdp, found 'application/json'"
        assert (await call.error("POST", path, data="bad", headers=SDP))[:2] == (400, "bad_offer")
        assert (await call.error("POST", path, data=b"\xff\xfe", headers=SDP))[:2] == (400, "not_utf8")
        assert (await call.error("POST", path, data="full", headers=SDP))[:2] == (503, "media_failed")
        for name in ("", "x" * 65, "a%0Ab", "%E2%80%AEabc", "%20%20"):
            refused = await call.error("POST", f"{CALL}/participants?name={name}", data="v=0", headers=SDP)
            assert refused[:2] == (400, "bad_name"), name
        resource = await call.join()
        for body in (b"", b"[]", b'{"muted": 1}', b"\x80"):
            assert (await call.error("PATCH", resource, data=body))[0] == 400
        assert (await call.error("GET", "/calls/default/a.b"))[:2] == (404, "no_such_call")
        async with call.client.put(f"{CALL}/participants") as response:
            assert response.status == 405
            assert set(response.headers["Allow"].split(",")) >= {"GET", "POST"}


async def test_caps() -> None:
    async with served(longest_offer=100, participants_per_call=2, negotiations=1) as call:
        path = f"{CALL}/participants?name=Ada"
        assert (await call.error("POST", path, data="v" * 101, headers=SDP))[:2] == (413, "too_long")
        call.engine.gate.clear()
        joining = asyncio.ensure_future(call.join())
        await call.engine.arrived.wait()
        assert (await call.error("POST", path, data="v=0", headers=SDP))[:2] == (503, "busy")
        call.engine.gate.set()
        await joining
        await call.join("Grace")
        assert (await call.error("POST", path, data="v=0", headers=SDP))[:2] == (409, "call_full")


async def test_the_bridge_has_a_limit_too() -> None:
    async with served(participants=2) as call:
        await call.join()
        await call.join("Grace")
        refused = await call.error("POST", f"{CALL}/participants?name=Ada", data="v=0", headers=SDP)
        assert refused == (503, "busy", "expected at most 2 browsers on this bridge")


async def test_a_body_that_does_not_come() -> None:
    async with served(body_seconds=0.05) as call:
        reader, writer = await asyncio.open_connection(call.client.host, call.client.port)
        host = f"{call.client.host}:{call.client.port}"
        head = (
            f"POST {CALL}/participants?name=A HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/sdp\r\n"
        )
        writer.write(f"{head}Content-Length: 100\r\n\r\nv=0".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        assert b"too_slow" in await reader.readuntil(b"}}")
        writer.close()


async def test_a_failed_join_leaves_no_trace() -> None:
    async with served(participants_per_call=1) as call:
        for offer in ("bad", "full") * 3:
            await call.error("POST", f"{CALL}/participants?name=Ada", data=offer, headers=SDP)
        assert len(call.page._participants) == 0
        await call.join()


async def test_a_lost_leg_is_closed_and_its_place_is_free() -> None:
    async with served(participants_per_call=1) as call:
        resource = await call.join()
        (leg_id,) = call.engine.legs
        call.page.media_event(LegFailed("somebody-elses", "peer_left"))
        call.page.media_event(LegFailed(leg_id, "peer_left"))
        await call.engine.closed.wait()
        assert (await call.error("DELETE", resource))[0] == 404
        await call.join()


async def test_closing_ends_all() -> None:
    async with served() as call:
        for name in ("Ada", "Grace", "Katherine"):
            await call.join(name)
        await call.page.close()
        assert call.engine.legs == {}


async def test_a_failed_worker_is_told_and_asked_again() -> None:
    async with served() as call:
        call.engine.broken = True
        assert (await call.error("GET", f"{CALL}/participants"))[:2] == (503, "media_failed")
        call.engine.broken = False
        # A listing, failed ones too, serves everybody for a moment.
        while True:
            async with call.client.get(f"{CALL}/participants") as response:
                if response.status == 200:
                    break
        assert call.engine.asked == 2


async def test_many_who_ask_at_once_cost_one_question() -> None:
    async with served() as call:
        await call.join()

        async def ask() -> int:
            async with call.client.get(f"{CALL}/participants") as response:
                return len((await response.json())["participants"])

        assert await asyncio.gather(*(ask() for _ in range(20))) == [1] * 20
        assert call.engine.asked <= 2


@pytest.mark.parametrize(
    "host", ["attacker.example", "attacker.example:8080", "127.0.0.1.attacker.example", ""]
)
async def test_open_access_is_for_this_machine(host: str) -> None:
    async with served() as call:
        for method, path in (
            ("GET", CALL),
            ("GET", f"{CALL}/participants"),
            ("POST", f"{CALL}/participants?name=A"),
        ):
            assert (await call.error(method, path, headers={"Host": host}))[:2] == (403, "wrong_host")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_other_sites_pages_may_not_join(headers: dict[str, str]) -> None:
    async with served() as call:
        refused = await call.error("POST", f"{CALL}/participants?name=A", data="v=0", headers=SDP | headers)
        assert refused[:2] == (403, "wrong_origin")
        assert call.engine.legs == {}


async def test_the_page_itself_may_join() -> None:
    async with served() as call:
        origin = str(call.client.make_url("/").origin())
        await call.join(headers=SDP | {"Origin": origin, "Sec-Fetch-Site": "same-origin"})


async def test_the_pages_files_and_headers() -> None:
    async with served() as call:
        for path, kind in (
            (CALL, "text/html"),
            ("/call-page/call.js", "text/javascript"),
            ("/call-page/call.css", "text/css"),
        ):
            async with call.client.get(path) as response:
                assert response.status == 200
                assert response.content_type == kind
                policy = response.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
                assert "frame-ancestors 'none'" in policy
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                body = await response.text()
                assert "http://" not in body.replace("http://www.w3.org/2000/svg", "")
                assert "https://" not in body
        for path in ("/call-page/..%2froutes.py", "/call-page/nothing.js", "/call-page/%2e%2e"):
            async with call.client.get(path) as response:
                assert response.status == 404


def token(claims: dict[str, Any], secret: str = SECRET, algorithm: str = "HS256") -> dict[str, str]:
    """Headers with a user token."""
    return SDP | {"Authorization": jwt.encode(claims, secret, algorithm=algorithm)}


def token_access() -> TokenCallAccess:
    """One application, `key-1`."""

    async def find(api_key: str) -> CallApplication | None:
        return CallApplication("app-1", SECRET) if api_key == "key-1" else None

    return TokenCallAccess(find)


@pytest.mark.parametrize(
    "claims",
    [
        {"user_id": "ada"},
        {"user_id": "ada", "exp": 60, "iat": 0},
        {"user_id": "ada", "call_cids": ["default:front-desk"]},
    ],
)
async def test_a_user_token_lets_in(claims: dict[str, Any]) -> None:
    # Times are given in seconds from now; the list above is read when all tests are collected.
    now = time.time()
    claims = {name: value + now if name in ("exp", "iat") else value for name, value in claims.items()}
    async with served(token_access()) as call:
        path = f"{CALL}/participants?api_key=key-1"
        async with call.client.post(path, data="v=0", headers=token(claims)) as response:
            assert response.status == 201
        assert [member.name for member in call.engine.legs.values()] == ["ada"]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        (SDP, 401, "token_missing"),
        (SDP | {"Authorization": "Bearer rubbish"}, 401, "token_refused"),
        (SDP | {"Authorization": "x" * 5000}, 401, "token_refused"),
        (token({"user_id": "ada"}, "another-secret-that-is-long-enough-too"), 401, "token_refused"),
        (token({"user_id": "ada"}, "", "none"), 401, "token_refused"),
        (token({"user_id": "ada"}, SECRET * 2, "HS512"), 401, "token_refused"),
        (token({"user_id": "ada", "exp": time.time() - 60}), 401, "token_refused"),
        (token({"user_id": ""}), 401, "token_refused"),
        (token({"user_id": 7}), 401, "token_refused"),
        (token({"server": True}), 401, "token_refused"),
        (token({"user_id": "ada", "call_cids": ["default:other"]}), 403, "other_call"),
        (token({"user_id": "ada", "call_cids": "default:front-desk"}), 403, "other_call"),
        (token({"user_id": "ada"}) | {"Origin": "https://attacker.example"}, 403, "wrong_origin"),
    ],
)
async def test_a_wrong_token_does_not(headers: dict[str, str], status: int, code: str) -> None:
    async with served(token_access()) as call:
        path = f"{CALL}/participants?api_key=key-1&name=Ada"
        assert (await call.error("POST", path, data="v=0", headers=headers))[:2] == (status, code)
        assert call.engine.legs == {}


async def test_an_unknown_key_looks_like_a_wrong_token() -> None:
    async with served(token_access()) as call:
        answers = [
            await call.error("GET", f"{CALL}/participants?api_key={key}", headers=headers)
            for key, headers in (
                ("key-2", token({"user_id": "a"})),
                ("key-1", token({"user_id": "a"}, SECRET * 2)),
            )
        ]
        assert answers[0] == answers[1]


async def test_tokens_that_cannot_be_checked_now() -> None:
    async def fail(api_key: str) -> CallApplication | None:
        raise UnavailableError("DynamoDB")

    async with served(TokenCallAccess(fail)) as call:
        refused = await call.error(
            "GET", f"{CALL}/participants?api_key=key-1", headers=token({"user_id": "a"})
        )
        assert refused[:2] == (503, "accounts_unavailable")


@pytest.mark.parametrize("access", [lambda: OpenCallAccess("app-1"), token_access])
async def test_no_secret_in_representations(access: Callable[[], CallAccess]) -> None:
    async with served(access()) as call:
        assert SECRET not in repr(call.page) + repr(access()) + repr(CallApplication("app-1", SECRET))
