"""The waiting part of a SIP call: leg, offer and answer, ringing, digits, joining, answering; re-offers.

Every wait may end in the call's end: the caller cancels this work's task, or the call is no longer alive when
it goes on. Imports sip and the trunking core.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from bridge.calls.call_platform import JoinRequest, ParticipantEnded, PlatformUser
from bridge.calls.call_ports import CallPorts
from bridge.calls.call_settings import CallSettings
from bridge.calls.call_state import Trigger
from bridge.calls.digit_collection import DigitCollection
from bridge.calls.media_engine import MediaError
from bridge.calls.media_negotiation import (
    MediaNegotiation,
    UnacceptableMediaError,
    leg_parameters,
    names_ipv6,
)
from bridge.calls.pin_entry import PinEntry, PinLockout
from bridge.calls.sip_call import SipCall
from trunking.call import CallIdentity
from trunking.termination import Termination

Advance = Callable[[SipCall, Trigger], bool]


class End(Protocol):
    """Ends a call with its one termination."""

    def __call__(self, call: SipCall, termination: Termination, detail: str) -> None:
        """End it; an ended call stays as it is."""
        ...


class SetupError(Exception):
    """The set-up cannot go on; the termination says what the caller is told."""

    def __init__(self, termination: Termination, detail: str) -> None:
        super().__init__(detail)
        self.termination = termination
        self.detail = detail


class CallSetup:
    """Leads calls from their route to their connection, one coroutine each."""

    def __init__(self, ports: CallPorts, negotiation: MediaNegotiation, settings: CallSettings) -> None:
        self._ports = ports
        self._negotiation = negotiation
        self._settings = settings
        self._pin_entry = PinEntry(ports, settings, PinLockout())
        self._collections: dict[str, DigitCollection] = {}

    async def run(
        self, call: SipCall, advance: Advance, participant_ended: Callable[[ParticipantEnded], None]
    ) -> None:
        """From routed to connected. Raises `SetupError`, `CallPlatformError` or `MediaError`."""
        await self._open_leg(call)
        advance(call, Trigger.LEG_READY)
        self._ports.signalling.ring(call.handle)
        self._step(call, "ringing")
        if self._pin_entry.needed(call):
            await self._collect(call, advance)
        identity = call.call
        if identity is None:
            raise SetupError(Termination.INTERNAL_ERROR, "the route names no call")
        await self._join(call, identity, participant_ended)
        if not call.answered:
            self._answer(call)
        advance(call, Trigger.JOINED)

    def digit(self, call: SipCall, digit: str) -> None:
        """A digit before the call is joined: part of what the caller was asked for, or of nothing."""
        collection = self._collections.get(call.leg_id)
        if collection is not None:
            collection.digit(digit)

    async def reoffer(self, call: SipCall, method: str, offer: bytes | None, end: End) -> None:
        """Answer a re-INVITE or UPDATE and change the leg accordingly (RFC 3264 section 8)."""
        signalling, media = self._ports.signalling, call.media
        if offer is None and (method == "UPDATE" or media is None):
            # RFC 4028 section 7.4: a refresh without a session description changes nothing.
            signalling.accept_reinvite(call.handle, None)
            return
        if media is None:
            # RFC 3311 section 5.2: the first offer has no answer yet.
            signalling.reject_reinvite(call.handle, 491)
            return
        if offer is None:
            signalling.accept_reinvite(call.handle, self._negotiation.offer(call.leg_id))
            return
        try:
            negotiated = self._negotiation.answer(call.leg_id, offer)
        except UnacceptableMediaError as refusal:
            # RFC 3261 section 14.2: a refused re-INVITE leaves the session as it was.
            self._step(call, "reoffer_refused", expected=refusal.expected, received=refusal.received)
            signalling.reject_reinvite(call.handle, refusal.status)
            return
        try:
            await self._ports.media.configure_phone_leg(call.leg_id, leg_parameters(negotiated))
        except MediaError as failure:
            end(call, Termination.MEDIA_WORKER_FAILED, str(failure))
            return
        if call.alive:
            call.media = negotiated
            self._step(call, "reoffered", send=negotiated.send, receive=negotiated.receive)
            signalling.accept_reinvite(call.handle, negotiated.sdp)

    async def take_answer(self, call: SipCall, answer: bytes, end: End) -> None:
        """The ACK brings the answer to the offer in our 200 (RFC 3264 section 4)."""
        try:
            negotiated = self._negotiation.take_answer(call.leg_id, answer)
            await self._ports.media.configure_phone_leg(call.leg_id, leg_parameters(negotiated))
        except UnacceptableMediaError as refusal:
            detail = f"expected {refusal.expected}, received {refusal.received}"
            end(call, Termination.UNACCEPTABLE_MEDIA, detail)
        except MediaError as failure:
            end(call, Termination.MEDIA_WORKER_FAILED, str(failure))
        else:
            call.media = negotiated
            call.record = replace(call.record, codec=negotiated.codec)

    def forget(self, call: SipCall) -> None:
        """The call is over."""
        self._negotiation.forget(call.leg_id)
        self._collections.pop(call.leg_id, None)

    async def _open_leg(self, call: SipCall) -> None:
        media = self._ports.media
        call.leg_open = True
        # Without an offer the peer's own address tells what it can reach.
        ipv6 = ":" in call.source if call.offer is None else names_ipv6(call.offer)
        address = await media.open_phone_leg(call.leg_id, self._room(call), prefer_ipv6=ipv6)
        self._negotiation.begin(call.leg_id, address)
        if call.offer is None:
            return
        try:
            negotiated = self._negotiation.answer(call.leg_id, call.offer)
        except UnacceptableMediaError as refusal:
            termination = Termination.BAD_REQUEST if refusal.status == 400 else Termination.UNACCEPTABLE_MEDIA
            detail = f"expected {refusal.expected}, received {refusal.received}"
            raise SetupError(termination, detail) from refusal
        await media.configure_phone_leg(call.leg_id, leg_parameters(negotiated))
        call.media = negotiated
        call.record = replace(call.record, codec=negotiated.codec)
        self._step(call, "media_prepared", codec=negotiated.codec)

    def _room(self, call: SipCall) -> str:
        if call.call is not None:
            return self._ports.platform.room(call.call, call.record.sip_call_id)
        # The call has no name before its routing number is keyed in: alone until then.
        return f"{call.route.trunk.application_id}/entry:{call.leg_id}"

    async def _collect(self, call: SipCall, advance: Advance) -> None:
        if self._settings.early_prompts and call.media is not None:
            self._ports.signalling.ring(call.handle, call.media.sdp)
            self._step(call, "early_media")
        else:
            # Many carriers pass on digits and prompts only in an answered call.
            self._answer(call)
        advance(call, Trigger.DIGITS_ASKED)
        self._step(call, "digits_asked")
        collection = DigitCollection(self._ports.scheduler, self._settings)
        self._collections[call.leg_id] = collection
        try:
            entered = await self._pin_entry.run(call, collection)
        finally:
            del self._collections[call.leg_id]
            collection.close()
        if isinstance(entered, Termination):
            raise SetupError(entered, "the digits that were asked for did not come")
        call.call = entered
        call.record = replace(call.record, call_cid=entered.cid)
        advance(call, Trigger.DIGITS_ACCEPTED)
        self._step(call, "digits_accepted", call_cid=entered.cid)

    async def _join(
        self, call: SipCall, identity: CallIdentity, ended: Callable[[ParticipantEnded], None]
    ) -> None:
        inbound, route = call.inbound, call.route
        name = inbound.caller_name or inbound.caller_number or "Anonymous"
        request = JoinRequest(
            call=identity,
            user=PlatformUser(route.user_id, name, route.user_custom_data, inbound.caller_number),
            call_custom_data=route.call_custom_data,
            leg_id=call.leg_id,
            sip_call_id=call.record.sip_call_id,
        )
        try:
            async with asyncio.timeout(self._settings.setup_timeout):
                if route.call is None:
                    room = self._ports.platform.room(identity, call.record.sip_call_id)
                    await self._ports.media.move_leg(call.leg_id, room)
                call.participant = await self._ports.platform.join(request, ended)
        except TimeoutError as error:
            detail = f"the call platform did not answer in {self._settings.setup_timeout:g} s"
            raise SetupError(Termination.CALL_PLATFORM_UNAVAILABLE, detail) from error
        self._step(call, "joined", call_cid=identity.cid, platform=self._ports.platform.name)

    def _answer(self, call: SipCall) -> None:
        sdp = call.media.sdp if call.media is not None else self._negotiation.offer(call.leg_id)
        call.answered = True
        at = self._ports.clock.utc()
        call.record = replace(call.record, answered_at=at, sip_status=200)
        self._step(call, "answered")
        self._ports.signalling.answer(call.handle, sdp)

    def _step(self, call: SipCall, what: str, **detail: object) -> None:
        call.step(self._ports.clock.utc(), what, **detail)
