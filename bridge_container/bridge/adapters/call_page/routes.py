"""HTTP of the call page: the page and its files, joining by SDP offer, leaving, muting, and who is here.

Handlers translate and nothing more: the request's parts are checked here, the rest is `CallPageParticipants`
and `CallAccess`. Negotiation is WHIP's (RFC 9725) with audio in both directions. Imports aiohttp.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import resources
from typing import NoReturn

from aiohttp import web

from bridge.adapters.call_page.access import Admission, CallAccess, Refusal
from bridge.adapters.call_page.participants import CallIsFullError, CallPageParticipant, CallPageParticipants
from bridge.calls.media_engine import MediaEngine, MediaError, MediaEvent, OfferRefusedError
from trunking.call import CALL_ID_PATTERN, CALL_TYPE_PATTERN, CallIdentity

_CALL = "/calls/{type}/{id}"
_ASSETS = "/call-page"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]{1,64}")
"""A display name: no control characters and nothing that turns the direction of the text around it."""
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_REFUSAL_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "2"}}
_LONGEST_MUTE = 256


@dataclass(frozen=True, slots=True)
class CallPageSettings:
    """What a stranger may send."""

    longest_offer: int = 32768
    """Bytes of an SDP offer."""
    body_seconds: float = 10.0
    """How long a request's body may take to come."""
    participants: int = 500
    """Browsers in all calls of this bridge."""
    participants_per_call: int = 200
    negotiations: int = 16
    """Browsers that may be joining at once."""


class CallPage:
    """The routes' state; the bridge forwards media events to it and closes it."""

    def __init__(self, engine: MediaEngine, access: CallAccess, settings: CallPageSettings) -> None:
        self._access = access
        self._settings = settings
        self._participants = CallPageParticipants(
            engine,
            most=settings.participants,
            per_call=settings.participants_per_call,
            negotiations=settings.negotiations,
        )
        self._assets = _load_assets()

    def media_event(self, event: MediaEvent) -> None:
        """Hear of a leg whose id begins with `webrtc-`; others are ignored."""
        self._participants.media_event(event)

    async def close(self) -> None:
        """End all browsers' legs."""
        await self._participants.close()

    async def page(self, request: web.Request) -> web.Response:
        """The page itself; it holds nothing about the call."""
        call = _call(request, "")
        if self._access.page_needs_host:
            await self._admitted(request, call)
        return self._asset("call.html")

    async def asset(self, request: web.Request) -> web.Response:
        """A file of the page."""
        name = request.match_info["name"]
        if name not in self._assets:
            _fail(404, "unknown_file", "the page has no such file")
        return self._asset(name)

    async def list(self, request: web.Request) -> web.Response:
        """Who is here, with levels."""
        call = await self._call(request)
        try:
            listing = await self._participants.listing(_room(call))
        except MediaError as error:
            _fail(503, "media_failed", str(error), **{"Retry-After": "2"})
        return web.json_response(text=listing, headers={"Cache-Control": "no-store"})

    async def join(self, request: web.Request) -> web.Response:
        """An SDP offer in, 201 with the SDP answer out (RFC 9725 section 4.2)."""
        call, admission = await self._call_and_admission(request)
        if request.content_type != "application/sdp":
            found = request.content_type
            _fail(
                415, "not_sdp", f"expected application/sdp, found {found[:100]!r}", Accept="application/sdp"
            )
        name = request.query.get("name", "").strip() or admission.user_id[:64]
        if _NAME.fullmatch(name) is None:
            _fail(400, "bad_name", "expected name to be 1 to 64 printable characters")
        offer = await self._body(request, self._settings.longest_offer)
        try:
            participant, answer = await self._participants.join(_room(call), name, offer)
        except OfferRefusedError as error:
            _fail(400, "bad_offer", str(error))
        except CallIsFullError as error:
            if error.busy:
                _fail(503, "busy", str(error), **{"Retry-After": "1"})
            _fail(409, "call_full", str(error))
        except MediaError as error:
            _fail(503, "media_failed", str(error), **{"Retry-After": "5"})
        headers = {
            "Location": f"{request.path}/{participant.resource}",
            "Participant-Id": participant.leg_id,
            "Cache-Control": "no-store",
        }
        return web.Response(status=201, text=answer, content_type="application/sdp", headers=headers)

    async def mute(self, request: web.Request) -> web.Response:
        """`{"muted": true}`: what others hear of this participant."""
        participant = await self._participant(request)
        body = await self._body(request, _LONGEST_MUTE)
        try:
            wanted = json.loads(body)
        except ValueError:
            wanted = None
        muted = wanted.get("muted") if isinstance(wanted, dict) else None
        if not isinstance(muted, bool):
            _fail(400, "bad_body", 'expected {"muted": true} or {"muted": false}')
        try:
            await self._participants.mute(participant, muted)
        except MediaError as error:
            _fail(503, "media_failed", str(error))
        return web.Response(status=204)

    async def leave(self, request: web.Request) -> web.Response:
        """End the participant's leg."""
        participant = await self._participant(request)
        try:
            await self._participants.leave(participant)
        except MediaError as error:
            _fail(503, "media_failed", str(error))
        return web.Response(status=204)

    async def _call(self, request: web.Request) -> CallIdentity:
        return (await self._call_and_admission(request))[0]

    async def _call_and_admission(self, request: web.Request) -> tuple[CallIdentity, Admission]:
        unnamed = _call(request, "")
        admission = await self._admitted(request, unnamed)
        return _call(request, admission.application_id), admission

    async def _admitted(self, request: web.Request, call: CallIdentity) -> Admission:
        verdict = await self._access.admit(request, call.cid)
        if isinstance(verdict, Refusal):
            _fail(verdict.status, verdict.code, verdict.why, **_REFUSAL_HEADERS.get(verdict.status, {}))
        return verdict

    async def _participant(self, request: web.Request) -> CallPageParticipant:
        call = await self._call(request)
        participant = self._participants.find(_room(call), request.match_info["resource"])
        if participant is None:
            _fail(404, "unknown_participant", "no such participant; it may have left already")
        return participant

    async def _body(self, request: web.Request, longest: int) -> str:
        # Read with our own cap: the application's client_max_size is for all its routes.
        body = b""
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                while len(body) <= longest and (chunk := await request.content.read(longest + 1 - len(body))):
                    body += chunk
        except TimeoutError:
            seconds = f"{self._settings.body_seconds:g}"
            _fail(408, "too_slow", f"expected the body within {seconds} s", Connection="close")
        if len(body) > longest:
            _fail(413, "too_long", f"expected at most {longest} bytes")
        try:
            return body.decode()
        except UnicodeDecodeError:
            _fail(400, "not_utf8", "expected a body in UTF-8")

    def _asset(self, name: str) -> web.Response:
        kind = _TYPES[name[name.rindex(".") :]]
        headers = _HEADERS | {"Cache-Control": "no-cache"}
        return web.Response(body=self._assets[name], content_type=kind, charset="utf-8", headers=headers)


def add_call_page_routes(
    app: web.Application, engine: MediaEngine, access: CallAccess, settings: CallPageSettings | None = None
) -> CallPage:
    """Mount the page on the bridge's HTTP application, before it starts."""
    page = CallPage(engine, access, settings or CallPageSettings())
    app.router.add_get(_CALL, _answering(page.page))
    app.router.add_get(_ASSETS + "/{name}", _answering(page.asset))
    app.router.add_get(_CALL + "/participants", _answering(page.list))
    app.router.add_post(_CALL + "/participants", _answering(page.join))
    app.router.add_patch(_CALL + "/participants/{resource}", _answering(page.mute))
    app.router.add_delete(_CALL + "/participants/{resource}", _answering(page.leave))
    return page


class _RefusedError(Exception):
    """Carries an error response out of nested checks."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(response.status)
        self.response = response


def _answering(
    handler: Callable[[web.Request], Awaitable[web.Response]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except _RefusedError as refused:
            return refused.response

    return handle


def _fail(status: int, code: str, message: str, **headers: str) -> NoReturn:
    body = {"error": {"code": code, "message": message}}
    raise _RefusedError(
        web.json_response(body, status=status, headers={"Cache-Control": "no-store"} | headers)
    )


def _call(request: web.Request, application_id: str) -> CallIdentity:
    call_type, call_id = request.match_info["type"], request.match_info["id"]
    if CALL_TYPE_PATTERN.fullmatch(call_type) is None or CALL_ID_PATTERN.fullmatch(call_id) is None:
        _fail(404, "no_such_call", "expected a call type and id of letters, digits, '-' and '_'")
    return CallIdentity(application_id, call_type, call_id)


def _room(call: CallIdentity) -> str:
    return f"{call.application_id}/{call.cid}"


def _load_assets() -> dict[str, bytes]:
    folder = resources.files("bridge.adapters.call_page") / "assets"
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}
