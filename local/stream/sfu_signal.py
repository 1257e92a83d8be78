"""The SFU's Twirp service: publishing, answers to our offers, mute states; the rest is accepted.

ICE candidates are not needed: our side is ICE-lite and learns the peer's address from its checks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from google.protobuf.message import DecodeError, Message

from bridge.calls.media_engine import OfferRefusedError
from local.stream.api_error import ApiError
from local.stream.protocol import SIGNAL_SERVICE, models_pb2, signal_pb2
from local.stream.sfu import AUDIO, Participant, Sfu
from local.stream.tokens import Tokens

Method = Callable[[Participant, Any], Awaitable[Message]]


class SfuSignal:
    """Serves the Twirp methods of all edges."""

    def __init__(self, sfu: Sfu, tokens: Tokens) -> None:
        self._sfu = sfu
        self._tokens = tokens
        self._methods: dict[str, tuple[type[Message], Method]] = {
            "SetPublisher": (signal_pb2.SetPublisherRequest, self._set_publisher),
            "SendAnswer": (signal_pb2.SendAnswerRequest, self._send_answer),
            "UpdateMuteStates": (signal_pb2.UpdateMuteStatesRequest, self._update_mute_states),
            "UpdateSubscriptions": (
                signal_pb2.UpdateSubscriptionsRequest,
                _accept(signal_pb2.UpdateSubscriptionsResponse),
            ),
            "IceTrickle": (models_pb2.ICETrickle, _accept(signal_pb2.ICETrickleResponse)),
            "IceRestart": (signal_pb2.ICERestartRequest, self._restart_ice),
            "SendStats": (signal_pb2.SendStatsRequest, _accept(signal_pb2.SendStatsResponse)),
            "SendMetrics": (signal_pb2.SendMetricsRequest, _accept(signal_pb2.SendMetricsResponse)),
        }

    def add_routes(self, app: web.Application) -> None:
        """Serve each edge's Twirp root."""
        app.router.add_post(f"/sfu/{{edge}}/twirp/{SIGNAL_SERVICE}/{{method}}", self._serve)

    async def _serve(self, request: web.Request) -> web.Response:
        edge = self._sfu.edges.get(request.match_info["edge"])
        if edge is None or not edge.available:
            return _error(503, "unavailable", "this edge is down")
        if request.match_info["method"] not in self._methods:
            return _error(404, "bad_route", "no such method")
        kind, method = self._methods[request.match_info["method"]]
        try:
            claims = self._tokens.sfu_claims(request.headers.get("Authorization", "").removeprefix("Bearer "))
            message: Any = kind.FromString(await request.read())
        except ApiError as error:
            return _error(401, "unauthenticated", error.message)
        except DecodeError:
            return _error(400, "malformed", "the body is not the method's request")
        participant = self._sfu.participant(edge, message.session_id)
        if participant is None or participant.user_id != claims["user_id"]:
            return _error(404, "not_found", "participant not found")
        try:
            response = await method(participant, message)
        except OfferRefusedError as refusal:
            return _error(400, "invalid_argument", str(refusal))
        return web.Response(body=response.SerializeToString(), content_type="application/protobuf")

    @staticmethod
    async def _set_publisher(
        participant: Participant, request: signal_pb2.SetPublisherRequest
    ) -> signal_pb2.SetPublisherResponse:
        answer = participant.publisher.answer(request.sdp)
        audio = next((track for track in request.tracks if track.track_type == AUDIO), None)
        if audio is not None:
            participant.track_id = audio.track_id
            if audio.muted:
                participant.muted = True
            else:
                await participant.room.publish(participant)
        return signal_pb2.SetPublisherResponse(sdp=answer, session_id=participant.session_id)

    @staticmethod
    async def _send_answer(
        participant: Participant, request: signal_pb2.SendAnswerRequest
    ) -> signal_pb2.SendAnswerResponse:
        await participant.subscriber.accept_answer(request.sdp)
        return signal_pb2.SendAnswerResponse()

    @staticmethod
    async def _update_mute_states(
        participant: Participant, request: signal_pb2.UpdateMuteStatesRequest
    ) -> signal_pb2.UpdateMuteStatesResponse:
        for state in request.mute_states:
            if state.track_type != AUDIO or state.muted == participant.muted:
                continue
            if state.muted:
                await participant.room.mute(participant)
            elif participant.track_id:
                await participant.room.publish(participant)
        return signal_pb2.UpdateMuteStatesResponse()

    @staticmethod
    async def _restart_ice(
        participant: Participant, request: signal_pb2.ICERestartRequest
    ) -> signal_pb2.ICERestartResponse:
        if request.peer_type == models_pb2.PEER_TYPE_SUBSCRIBER:
            await participant.subscriber.restart_ice()
        return signal_pb2.ICERestartResponse()


def _accept(response: type[Message]) -> Method:
    async def accept(participant: Participant, request: Message) -> Message:
        return response()

    return accept


def _error(status: int, code: str, message: str) -> web.Response:
    """A Twirp error (its specification, section Error Codes)."""
    return web.json_response({"code": code, "msg": message}, status=status)
