"""What goes wrong in Stream's SDK, in Trunkline's words: one `Termination` for each error and each end.

Pure mapping. Imports getstream_rtc's error and event types.
"""

from __future__ import annotations

from collections.abc import Iterable

import getstream_rtc as sdk

from bridge.adapters.stream_api import refusal
from bridge.calls.call_platform import CallPlatformError
from trunking.termination import Termination

_SIDE_ENDED = {
    "call.ended": "the call was ended in Stream",
    "call.deleted": "the call was deleted in Stream",
    "call.session_ended": "the call's session ended in Stream",
    "call.kicked_user": "the phone was removed from the call in Stream",
    "call.blocked_user": "the phone was blocked in Stream",
}
"""Coordinator events (Stream's webhook and WebSocket reference) that end a participation on purpose."""


def join_failure(error: sdk.RustError) -> CallPlatformError:
    """Why joining failed."""
    if isinstance(error, sdk.ApiError):
        return refusal(error.status_code, {"message": error.message})
    if isinstance(error, sdk.PermissionDeniedError):
        detail = f"Stream does not let the phone's user do {error.capability}"
        return CallPlatformError(Termination.CALL_PLATFORM_REFUSED, detail)
    if isinstance(error, sdk.ConfigError):
        return CallPlatformError(
            Termination.CALL_PLATFORM_REFUSED, "the application's Stream key, secret or URL cannot be used"
        )
    return CallPlatformError(Termination.CALL_PLATFORM_UNAVAILABLE, f"joining failed: {str(error)[:200]}")


def end_of_call(last_events: Iterable[sdk.CallEvent]) -> tuple[Termination, str]:
    """Why the SDK left the call by itself, from the last events that it gave."""
    for event in last_events:
        if isinstance(event, sdk.CallEnded):
            return Termination.CALL_SIDE_ENDED, "the call was ended in Stream"
        if isinstance(event, sdk.CoordinatorEvent) and event.name in _SIDE_ENDED:
            return Termination.CALL_SIDE_ENDED, _SIDE_ENDED[event.name]
    return Termination.CALL_PLATFORM_FAILED, "the SDK lost Stream's SFU and could not join again"
