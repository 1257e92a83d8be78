"""The SFU: rooms of participants that hear each other, behind one or more edges that may go away and return.

An edge is where SDKs connect: a WebSocket, a Twirp endpoint and a media socket. Rooms span edges, so a
participant can migrate from one to the other while the call goes on. Audio only.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable

from aiohttp import web

from local.stream.media_socket import MediaSocket
from local.stream.peer_connection import PublisherConnection, SubscriberConnection
from local.stream.protocol import events_pb2, models_pb2

AUDIO = models_pb2.TRACK_TYPE_AUDIO
FAST_RECONNECT_SECONDS = 5


class Participant:
    """One session of a user in a room."""

    def __init__(self, session_id: str, user_id: str, name: str, edge: SfuEdge, room: Room) -> None:
        self.session_id = session_id
        self.user_id = user_id
        self.name = name
        self.edge = edge
        self.room = room
        self.prefix = secrets.token_hex(8)
        self.track_id = ""
        """The audio track that was set up with SetPublisher; empty before."""
        self.muted = True
        self.socket: web.WebSocketResponse | None = None
        self._held_back: list[events_pb2.SfuEvent] | None = []
        """Events that came before the join response was out; None once it is."""
        self.superseded = False
        """The user has another session that follows this one: it goes with its WebSocket."""
        self.removal: asyncio.TimerHandle | None = None
        self.joined_at = time.time()
        self.packets_received = 0
        self.publisher = PublisherConnection(edge.media, edge.host, self._receive)
        self.subscriber = SubscriberConnection(edge.media, edge.host, self._send_offer)

    def describe(self) -> models_pb2.Participant:
        """As the SFU's events show the participant."""
        described = models_pb2.Participant(
            user_id=self.user_id,
            session_id=self.session_id,
            name=self.name,
            track_lookup_prefix=self.prefix,
            published_tracks=[] if self.muted else [AUDIO],
            roles=["user"],
        )
        described.joined_at.FromNanoseconds(int(self.joined_at * 1e9))
        return described

    async def open(self, socket: web.WebSocketResponse, response: events_pb2.JoinResponse) -> None:
        """Send the join response, and events from then on: SDKs ignore what comes before it."""
        self._held_back = []
        await socket.send_bytes(events_pb2.SfuEvent(join_response=response).SerializeToString())
        self.socket, held_back, self._held_back = socket, self._held_back, None
        for event in held_back:
            await self.send(event)

    async def send(self, event: events_pb2.SfuEvent) -> None:
        """Send an event, when the WebSocket is there."""
        if self._held_back is not None:
            self._held_back.append(event)
        elif self.socket is not None and not self.socket.closed:
            try:
                await self.socket.send_bytes(event.SerializeToString())
            except ConnectionError:
                return

    def close(self, *, notify: bool = True) -> None:
        """End both connections."""
        if self.removal is not None:
            self.removal.cancel()
        self.publisher.close(notify=notify)
        self.subscriber.close(notify=notify)

    def _receive(self, packet: bytes) -> None:
        self.packets_received += 1
        if not self.muted:
            self.room.forward(self.session_id, packet)

    async def _send_offer(self, sdp: str) -> None:
        await self.send(events_pb2.SfuEvent(subscriber_offer=events_pb2.SubscriberOffer(sdp=sdp)))


class Room:
    """The participants of one call."""

    def __init__(self, cid: str) -> None:
        self.cid = cid
        self.participants: dict[str, Participant] = {}
        self.started_at = time.time()

    def state(self) -> models_pb2.CallState:
        """As a join response shows the call."""
        state = models_pb2.CallState(
            participants=[each.describe() for each in self.participants.values()],
            participant_count=models_pb2.ParticipantCount(total=len(self.participants)),
        )
        state.started_at.FromNanoseconds(int(self.started_at * 1e9))
        return state

    async def add(self, joined: Participant) -> None:
        """Let a participant in and tell the others."""
        self.participants[joined.session_id] = joined
        event = events_pb2.ParticipantJoined(call_cid=self.cid, participant=joined.describe())
        await self.tell(events_pb2.SfuEvent(participant_joined=event), but=joined)

    async def hear_everybody(self, listener: Participant) -> None:
        """Offer the listener all audio that is published."""
        for other in self._others(listener):
            if other.track_id:
                await listener.subscriber.add_track(
                    other.session_id, f"{other.prefix}:TRACK_TYPE_AUDIO", other.track_id
                )

    async def publish(self, speaker: Participant) -> None:
        """The speaker's audio can be heard from now on."""
        speaker.muted = False
        for other in self._others(speaker):
            await other.subscriber.add_track(
                speaker.session_id, f"{speaker.prefix}:TRACK_TYPE_AUDIO", speaker.track_id
            )
        event = events_pb2.TrackPublished(
            user_id=speaker.user_id,
            session_id=speaker.session_id,
            type=AUDIO,
            participant=speaker.describe(),
        )
        await self.tell(events_pb2.SfuEvent(track_published=event), but=speaker)

    async def mute(self, speaker: Participant) -> None:
        """The speaker's audio is heard no more; its track stays."""
        speaker.muted = True
        event = events_pb2.TrackUnpublished(
            user_id=speaker.user_id,
            session_id=speaker.session_id,
            type=AUDIO,
            cause=models_pb2.TRACK_UNPUBLISH_REASON_USER_MUTED,
            participant=speaker.describe(),
        )
        await self.tell(events_pb2.SfuEvent(track_unpublished=event), but=speaker)

    async def remove(self, leaving: Participant, *, notify: bool = True) -> None:
        """Let a participant out and tell the others."""
        if self.participants.get(leaving.session_id) is not leaving:
            return
        del self.participants[leaving.session_id]
        leaving.close(notify=notify)
        for other in tuple(self.participants.values()):
            await other.subscriber.remove_track(leaving.session_id)
        event = events_pb2.ParticipantLeft(call_cid=self.cid, participant=leaving.describe())
        await self.tell(events_pb2.SfuEvent(participant_left=event))

    async def tell(self, event: events_pb2.SfuEvent, but: Participant | None = None) -> None:
        """Send an event to all participants but one."""
        for participant in tuple(self.participants.values()):
            if participant is not but:
                await participant.send(event)

    def forward(self, publisher: str, packet: bytes) -> None:
        """Send one RTP packet to everybody else."""
        for session_id, participant in self.participants.items():
            if session_id != publisher:
                participant.subscriber.forward(publisher, packet)

    def _others(self, participant: Participant) -> Iterable[Participant]:
        return tuple(each for each in self.participants.values() if each is not participant)


class SfuEdge:
    """Where SDKs connect to the SFU."""

    def __init__(self, name: str, host: str) -> None:
        self.name = name
        self.host = host
        self.media = MediaSocket(host)
        self.available = True
        """False while the edge is down: it answers nothing."""
        self.draining = False
        """The edge serves those whom it has, and takes nobody new."""
        self.signal_url = ""
        """The Twirp root that join credentials name."""
        self.websocket_url = ""


class Sfu:
    """All edges and rooms."""

    def __init__(self, host: str, edge_count: int) -> None:
        self.edges = {name: SfuEdge(name, host) for name in (f"local-{n + 1}" for n in range(edge_count))}
        self.rooms: dict[str, Room] = {}

    def start(self, http_authority: str) -> None:
        """Open the edges' media sockets; `http_authority` is where the HTTP server listens."""
        for edge in self.edges.values():
            edge.media.open()
            edge.signal_url = f"http://{http_authority}/sfu/{edge.name}/twirp"
            edge.websocket_url = f"ws://{http_authority}/sfu/{edge.name}/ws"

    def edge_for_join(self, avoided: Iterable[str]) -> SfuEdge:
        """The edge that a participant should use; those to avoid come last."""
        refused = set(avoided)

        def reluctance(edge: SfuEdge) -> tuple[bool, bool, str]:
            return edge.name in refused, edge.draining or not edge.available, edge.name

        return min(self.edges.values(), key=reluctance)

    def participant_count(self, cid: str) -> int:
        """How many are in a call now."""
        room = self.rooms.get(cid)
        return 0 if room is None else len(room.participants)

    def room(self, cid: str) -> Room:
        """The call's room, made when it is needed."""
        return self.rooms.setdefault(cid, Room(cid))

    def participant(self, edge: SfuEdge, session_id: str) -> Participant | None:
        """The session of a participant on this edge."""
        for room in self.rooms.values():
            found = room.participants.get(session_id)
            if found is not None and found.edge is edge:
                return found
        return None

    async def leave(self, participant: Participant, *, notify: bool = True) -> None:
        """Take a participant out of its room; an empty room goes."""
        await participant.room.remove(participant, notify=notify)
        if not participant.room.participants:
            self.rooms.pop(participant.room.cid, None)

    async def end_call(self, cid: str) -> None:
        """Tell everybody that the call has ended and close it."""
        room = self.rooms.get(cid)
        if room is None:
            return
        ended = events_pb2.CallEnded(reason=models_pb2.CALL_ENDED_REASON_ENDED)
        await room.tell(events_pb2.SfuEvent(call_ended=ended))
        for participant in tuple(room.participants.values()):
            await self.leave(participant)

    async def take_down(self, edge: SfuEdge) -> None:
        """The edge crashes: no goodbye, its sessions are lost, nothing connects until `bring_up`."""
        edge.available = False
        for participant in self._participants():
            if participant.edge is edge:
                socket, participant.socket = participant.socket, None
                await self.leave(participant, notify=False)
                if socket is not None:
                    await socket.close(code=1011)

    def bring_up(self, edge: SfuEdge) -> None:
        """The edge is back, without sessions."""
        edge.available, edge.draining = True, False

    async def drain(self, edge: SfuEdge) -> None:
        """Ask all participants of the edge to migrate to another one."""
        edge.draining = True
        go_away = events_pb2.GoAway(reason=models_pb2.GO_AWAY_REASON_REBALANCE)
        for participant in self._participants():
            if participant.edge is edge:
                await participant.send(events_pb2.SfuEvent(go_away=go_away))

    async def cut_websockets(self) -> None:
        """Lose all WebSockets; sessions and media stay for those who come back in time."""
        for participant in self._participants():
            if participant.socket is not None:
                await participant.socket.close(code=1011)

    def connected_websockets(self) -> int:
        """How many participants have a WebSocket now."""
        return sum(each.socket is not None and not each.socket.closed for each in self._participants())

    def participants_at(self, edge: SfuEdge) -> int:
        """How many participants use this edge."""
        return sum(each.edge is edge for each in self._participants())

    def _participants(self) -> list[Participant]:
        return [each for room in self.rooms.values() for each in room.participants.values()]

    async def close(self) -> None:
        """Close all sessions and sockets."""
        for edge in self.edges.values():
            await self.take_down(edge)
            edge.media.close()
