"""The SFU's WebSocket: joining, health checks and leaving, in binary protobuf; a lost one may return."""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web
from google.protobuf.message import DecodeError

from local.stream.api_error import ApiError
from local.stream.directory import Directory
from local.stream.protocol import events_pb2, models_pb2
from local.stream.session_description import OPUS_PAYLOAD_TYPE
from local.stream.sfu import AUDIO, FAST_RECONNECT_SECONDS, Participant, Sfu, SfuEdge
from local.stream.tokens import Tokens

JOIN_TIMEOUT = 10.0
MAX_MESSAGE = 256 * 1024

PUBLISH_OPTIONS = [
    models_pb2.PublishOption(
        track_type=AUDIO,
        id=1,
        bitrate=64_000,
        codec=models_pb2.Codec(
            payload_type=OPUS_PAYLOAD_TYPE,
            name="opus",
            clock_rate=48_000,
            encoding_parameters="2",
            fmtp="minptime=10;useinbandfec=1",
        ),
    )
]


class _JoinRefusedError(Exception):
    """The first message cannot be accepted."""

    def __init__(self, code: models_pb2.ErrorCode, message: str) -> None:
        super().__init__(message)
        self.event = events_pb2.SfuEvent(
            error=events_pb2.Error(
                error=models_pb2.Error(code=code, message=message, should_retry=False),
                reconnect_strategy=models_pb2.WEBSOCKET_RECONNECT_STRATEGY_DISCONNECT,
            )
        )


class SfuSockets:
    """Serves the WebSockets of all edges."""

    def __init__(self, sfu: Sfu, tokens: Tokens, directory: Directory) -> None:
        self._sfu = sfu
        self._tokens = tokens
        self._directory = directory
        self._removals: set[asyncio.Task[None]] = set()

    def add_routes(self, app: web.Application) -> None:
        """Serve each edge's WebSocket."""
        app.router.add_get("/sfu/{edge}/ws", self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        edge = self._sfu.edges.get(request.match_info["edge"])
        if edge is None or edge.draining or not edge.available:
            return web.Response(status=503)
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE)
        await socket.prepare(request)
        try:
            participant = await self._join(socket, edge)
        except _JoinRefusedError as refusal:
            await socket.send_bytes(refusal.event.SerializeToString())
            await socket.close()
            return socket
        await self._converse(socket, participant)
        return socket

    async def _join(self, socket: web.WebSocketResponse, edge: SfuEdge) -> Participant:
        try:
            request = events_pb2.SfuRequest.FromString(await socket.receive_bytes(timeout=JOIN_TIMEOUT))
        except (TimeoutError, TypeError, DecodeError) as error:
            raise _JoinRefusedError(
                models_pb2.ERROR_CODE_REQUEST_VALIDATION_FAILED, "expected a JoinRequest"
            ) from error
        join = request.join_request
        participant, reconnected = self._session(join, edge)
        if not reconnected:
            await participant.room.add(participant)
        response = events_pb2.JoinResponse(
            call_state=participant.room.state(),
            reconnected=reconnected,
            fast_reconnect_deadline_seconds=FAST_RECONNECT_SECONDS,
            publish_options=PUBLISH_OPTIONS,
        )
        await participant.open(socket, response)
        if reconnected:
            await participant.subscriber.restart_ice()
        await participant.room.hear_everybody(participant)
        await self._replace_previous_session(join, participant)
        return participant

    def _session(self, join: events_pb2.JoinRequest, edge: SfuEdge) -> tuple[Participant, bool]:
        try:
            claims = self._tokens.sfu_claims(join.token)
        except ApiError as error:
            raise _JoinRefusedError(models_pb2.ERROR_CODE_UNAUTHENTICATED, error.message) from error
        if claims["edge"] != edge.name or not join.session_id:
            raise _JoinRefusedError(models_pb2.ERROR_CODE_UNAUTHENTICATED, "the token is not for this edge")
        room = self._sfu.room(claims["call_cid"])
        known = room.participants.get(join.session_id)
        if known is not None and known.edge is edge and known.user_id == claims["user_id"]:
            if known.removal is not None:
                known.removal.cancel()
            return known, True
        user = self._directory.user(claims["user_id"])
        return Participant(join.session_id, user.id, user.name, edge, room), False

    async def _replace_previous_session(self, join: events_pb2.JoinRequest, new: Participant) -> None:
        """A rejoin or migration names the session that it follows (ReconnectDetails)."""
        details = join.reconnect_details
        if details.strategy == models_pb2.WEBSOCKET_RECONNECT_STRATEGY_MIGRATE:
            complete = events_pb2.ParticipantMigrationComplete()
            await new.send(events_pb2.SfuEvent(participant_migration_complete=complete))
        previous = new.room.participants.get(details.previous_session_id)
        if previous is None or previous is new or previous.user_id != new.user_id:
            return
        # While its WebSocket lives the SDK still uses it: a migration drops it only when the new one is up.
        previous.superseded = True
        if previous.socket is None:
            await self._sfu.leave(previous)

    async def _converse(self, socket: web.WebSocketResponse, participant: Participant) -> None:
        left = False
        async for message in socket:
            if message.type is not WSMsgType.BINARY:
                continue
            try:
                request = events_pb2.SfuRequest.FromString(message.data)
            except DecodeError:
                break
            if request.HasField("health_check_request"):
                await self._answer_health_check(participant)
            elif request.HasField("leave_call_request"):
                left = True
                break
        if left or participant.superseded:
            await self._sfu.leave(participant)
            await socket.close()
        elif participant.socket is socket:
            participant.socket = None
            self._remove_later(participant)

    @staticmethod
    async def _answer_health_check(participant: Participant) -> None:
        count = models_pb2.ParticipantCount(total=len(participant.room.participants))
        response = events_pb2.HealthCheckResponse(participant_count=count)
        await participant.send(events_pb2.SfuEvent(health_check_response=response))

    def _remove_later(self, participant: Participant) -> None:
        """The session survives a lost WebSocket for as long as the join response promised."""

        def remove() -> None:
            task = asyncio.ensure_future(self._sfu.leave(participant))
            self._removals.add(task)
            task.add_done_callback(self._removals.discard)

        participant.removal = asyncio.get_running_loop().call_later(FAST_RECONNECT_SECONDS, remove)
