"""Logs as one JSON object a line on standard output, written by a thread of its own so that no call waits.

Fields come from a record's `fields`; what is logged where is decided where it is logged.
"""

from __future__ import annotations

import json
import logging
import queue
import sys
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener

_QUEUE_LENGTH = 20_000


class JsonFormatter(logging.Formatter):
    """One line for one record."""

    def __init__(self, bridge_id: str) -> None:
        super().__init__()
        self._bridge_id = bridge_id

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger, message, bridge, the record's fields, and the exception if any."""
        line: dict[str, object] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "bridge_id": self._bridge_id,
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update({name: value for name, value in fields.items() if value is not None})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class _DroppingQueueHandler(QueueHandler):
    """Drops when the writer cannot keep up: a blocked pipe must not stop calls."""

    def __init__(self, lines: queue.Queue[logging.LogRecord]) -> None:
        super().__init__(lines)
        self.dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Records stay in this process: nothing has to be rendered before it is queued."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1


def start_logging(level: str, bridge_id: str) -> QueueListener:
    """Send all logs to standard output; stop what this returns at the very end."""
    lines: queue.Queue[logging.LogRecord] = queue.Queue(_QUEUE_LENGTH)
    output = logging.StreamHandler(sys.stdout)
    output.setFormatter(JsonFormatter(bridge_id))
    root = logging.getLogger()
    root.handlers = [_DroppingQueueHandler(lines)]
    root.setLevel(level)
    # Third parties' detail is not the operator's, and botocore's debug lines would show requests' bodies.
    for name in ("botocore", "boto3", "urllib3", "aiohttp.access", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    listener = QueueListener(lines, output)
    listener.start()
    return listener
