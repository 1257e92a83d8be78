"""PIN protection and PIN routing: asking the caller, counting attempts, locking out across calls.

Digits are compared in constant time and go nowhere else: no log, no event, no record. Imports the trunking
core.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import OrderedDict

from bridge.calls.call_platform import CallDirectory
from bridge.calls.call_ports import CallPorts
from bridge.calls.call_settings import CallSettings
from bridge.calls.digit_collection import DigitCollection
from bridge.calls.prompts import Prompt, TonePrompts
from bridge.calls.sip_call import SipCall
from bridge.calls.token_bucket import TokenBucket
from trunking.call import CallIdentity
from trunking.routing import call_of_routing_number
from trunking.routing_rule import PinProtection
from trunking.termination import Termination

_KEPT = 10_000


class PinLockout:
    """Failed attempts across calls: ten in a row from one caller, a hundred at one rule, then slowly more.

    A PIN of four digits would fall in minutes to somebody who simply calls again.
    """

    def __init__(self) -> None:
        self._buckets: OrderedDict[tuple[str, str], TokenBucket] = OrderedDict()

    def locked(self, call: SipCall, now: float) -> bool:
        """Whether this caller, or anybody at this rule, may try no more for now."""
        return any(bucket.level(now) < 1.0 for bucket in self._of(call, now))

    def failed(self, call: SipCall, now: float) -> None:
        """An attempt was wrong."""
        for bucket in self._of(call, now):
            bucket.take(now)

    def _of(self, call: SipCall, now: float) -> tuple[TokenBucket, TokenBucket]:
        rule = call.route.rule.id
        caller = call.inbound.caller_number or call.source
        return (
            self._bucket((rule, caller), 1 / 180, 10.0, now),
            self._bucket((rule, ""), 1 / 10, 100.0, now),
        )

    def _bucket(self, key: tuple[str, str], rate: float, burst: float, now: float) -> TokenBucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= _KEPT:
                self._buckets.popitem(last=False)
            bucket = self._buckets[key] = TokenBucket(rate, burst, now)
        else:
            self._buckets.move_to_end(key)
        return bucket


class PinEntry:
    """Leads a caller through what the rule asks for."""

    def __init__(
        self,
        ports: CallPorts,
        settings: CallSettings,
        lockout: PinLockout,
        prompts: TonePrompts | None = None,
    ) -> None:
        self._ports = ports
        self._settings = settings
        self._lockout = lockout
        self._prompts = prompts or TonePrompts()

    def needed(self, call: SipCall) -> bool:
        """Whether the rule asks the caller for digits before joining."""
        return call.call is None or _protection(call) is not None

    async def run(self, call: SipCall, collection: DigitCollection) -> CallIdentity | Termination:
        """The call that the caller may join, or why not. The collection is closed by who made it."""
        if self._lockout.locked(call, self._ports.clock.monotonic()):
            await self._say(call, Prompt.HANGUP)
            return Termination.PIN_FAILED
        try:
            async with asyncio.timeout(self._settings.digits_timeout):
                identity = call.call or await self._routing_number(call, collection)
                if isinstance(identity, Termination):
                    return identity
                return await self._pin(call, identity, collection)
        except TimeoutError:
            return Termination.PIN_TIMEOUT

    async def _routing_number(self, call: SipCall, collection: DigitCollection) -> CallIdentity | Termination:
        application_id = call.route.trunk.application_id
        platform = self._ports.platform
        for _ in range(self._settings.max_attempts):
            await self._say(call, Prompt.ENTER)
            digits = await collection.entry(None)
            if not digits:
                return Termination.PIN_TIMEOUT
            if isinstance(platform, CallDirectory):
                identity = await platform.find_call(application_id, digits)
            else:
                identity = call_of_routing_number(application_id, digits)
            if identity is not None:
                await self._say(call, Prompt.SUCCESS)
                return identity
            if not await self._wrong(call):
                break
        await self._say(call, Prompt.HANGUP)
        return Termination.PIN_FAILED

    async def _pin(
        self, call: SipCall, identity: CallIdentity, collection: DigitCollection
    ) -> CallIdentity | Termination:
        protection = _protection(call)
        if protection is None:
            return identity
        platform = self._ports.platform
        pin = await platform.call_pin(identity) if isinstance(platform, CallDirectory) else None
        expected = pin or protection.default_pin
        if expected is None:
            # Protected, and nothing that could open it: closed.
            return Termination.PIN_FAILED
        for _ in range(protection.max_attempts or self._settings.max_attempts):
            await self._say(call, Prompt.ENTER)
            digits = await collection.entry(protection.required_pin_digits or len(expected))
            if not digits:
                return Termination.PIN_TIMEOUT
            if hmac.compare_digest(digits.encode(), expected.encode()):
                await self._say(call, Prompt.SUCCESS)
                return identity
            if not await self._wrong(call):
                break
        await self._say(call, Prompt.HANGUP)
        return Termination.PIN_FAILED

    async def _wrong(self, call: SipCall) -> bool:
        """Count a wrong attempt; whether another one may be made."""
        now = self._ports.clock.monotonic()
        self._lockout.failed(call, now)
        call.step(self._ports.clock.utc(), "digits_wrong")
        if self._lockout.locked(call, now):
            return False
        await self._say(call, Prompt.FAILED)
        return True

    async def _say(self, call: SipCall, prompt: Prompt) -> None:
        await self._ports.media.play(call.leg_id, self._prompts.audio(prompt, _text(call, prompt)))


def _protection(call: SipCall) -> PinProtection | None:
    protection = call.route.rule.pin_protection
    return protection if protection is not None and protection.enabled else None


def _text(call: SipCall, prompt: Prompt) -> str:
    """What the rule wants said; a voice that can speak takes it."""
    configured = call.route.rule.pin_routing
    if configured is None:
        return ""
    texts = {
        Prompt.ENTER: configured.pin_prompt,
        Prompt.SUCCESS: configured.pin_success_prompt,
        Prompt.FAILED: configured.pin_failed_attempt_prompt,
        Prompt.HANGUP: configured.pin_hangup_prompt,
    }
    return texts[prompt] or ""
