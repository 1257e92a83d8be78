"""One log line for a SIP call: always with its Call-ID and the call it belongs to, never with a secret."""

from __future__ import annotations

import logging
from typing import Any

from trunking.call_record import CallRecord

logger = logging.getLogger("bridge.calls")


def log_call(record: CallRecord, what: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log `what` happened to the call; `fields` become keys of the structured line."""
    if not logger.isEnabledFor(level):
        return
    extra = {
        "sip_call_id": record.sip_call_id,
        "call_record_id": record.id,
        "call_cid": record.call_cid,
        "trunk_id": record.trunk_id,
        **fields,
    }
    logger.log(level, what, extra={"fields": extra})
