"""Why a SIP call ended: one bounded word, the same in log, event, metric, record and console."""

from __future__ import annotations

from enum import StrEnum


class Termination(StrEnum):
    """The one reason of a SIP call's end. `docs/terminations.md` gives the SIP status of each."""

    CALLER_HUNG_UP = "caller_hung_up"
    CALL_SIDE_ENDED = "call_side_ended"
    CANCELLED = "cancelled"
    AUTHENTICATION_FAILED = "authentication_failed"
    SOURCE_NOT_ALLOWED = "source_not_allowed"
    UNKNOWN_NUMBER = "unknown_number"
    TRUNK_DISABLED = "trunk_disabled"
    NO_ROUTING_RULE = "no_routing_rule"
    INVALID_ROUTE = "invalid_route"
    TRUNK_LIMIT = "trunk_limit"
    SOURCE_LIMIT = "source_limit"
    BRIDGE_FULL = "bridge_full"
    DRAINING = "draining"
    NOT_READY = "not_ready"
    BAD_REQUEST = "bad_request"
    UNACCEPTABLE_MEDIA = "unacceptable_media"
    PIN_FAILED = "pin_failed"
    PIN_TIMEOUT = "pin_timeout"
    CALL_PLATFORM_UNAVAILABLE = "call_platform_unavailable"
    CALL_PLATFORM_REFUSED = "call_platform_refused"
    CALL_PLATFORM_FAILED = "call_platform_failed"
    ACK_TIMEOUT = "ack_timeout"
    SESSION_EXPIRED = "session_expired"
    TRANSPORT_FAILED = "transport_failed"
    MEDIA_TIMEOUT = "media_timeout"
    MEDIA_WORKER_FAILED = "media_worker_failed"
    TRANSFERRED = "transferred"
    MAX_DURATION = "max_duration"
    DRAIN_DEADLINE = "drain_deadline"
    INTERNAL_ERROR = "internal_error"
