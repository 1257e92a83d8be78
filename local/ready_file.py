"""`.trunkline/local.json`: there while a stack runs, with all that it takes to reach it, secrets included."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.files import write_private

if TYPE_CHECKING:
    from local.stack import RunningStack


@dataclass(frozen=True)
class LocalStack:
    """The file's content."""

    api_url: str
    api_key: str
    api_secret: str = field(repr=False)
    console_url: str
    sip_uri: str
    sip_host: str
    sip_port: int
    number: str
    """Leads all callers into one call."""
    dynamic_number: str
    """Gives each caller a call."""
    username: str
    password: str = field(repr=False)
    call_url: str
    pid: int
    stream_url: str = ""
    """The local Stream's API, with `--platform stream`; its key and secret are the API's."""
    stream_websocket_url: str = ""


def write_ready_file(path: Path, stack: RunningStack) -> None:
    """Tell where the stack is. Atomic, mode 0600."""
    demonstration = stack.demonstration
    content = {
        "api_url": stack.api_url,
        "api_key": demonstration.api_key,
        "api_secret": demonstration.api_secret,
        "console_url": stack.console_url,
        "sip_uri": stack.sip_uri,
        "sip_host": stack.sip_host,
        "sip_port": stack.sip_port,
        "number": demonstration.number,
        "dynamic_number": demonstration.dynamic_number,
        "username": demonstration.username,
        "password": demonstration.password,
        "call_url": stack.call_url,
        "pid": os.getpid(),
        "stream_url": stack.stream_url,
        "stream_websocket_url": stack.stream_websocket_url,
    }
    write_private(path, json.dumps(content, indent=2) + "\n")


def read_ready_file(path: Path) -> LocalStack | None:
    """The stack that runs, or None; a file left by one that was killed counts as none."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        stack = LocalStack(**content)
        os.kill(stack.pid, 0)
    except (FileNotFoundError, ProcessLookupError, ValueError, TypeError):
        return None
    return stack
