"""Whole stacks as a user starts them: `python -m local run`, on free ports, in a directory of their own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
import pytest_asyncio

from local.demo.command import temporary_stack
from local.demo.phone import Account, Phone
from local.ready_file import LocalStack

TRUNKS = "/api/v2/video/sip/inbound_trunks"
RULES = "/api/v2/video/sip/inbound_routing_rules"


@pytest.fixture(scope="module")
def stack_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the module's stack keeps its files."""
    return tmp_path_factory.mktemp("stack")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(stack_directory: Path) -> AsyncIterator[LocalStack]:
    """A stack for all tests of a module; they use numbers and calls of their own."""
    async with temporary_stack(stack_directory) as started:
        yield started


class Api:
    """The stack's HTTP API with the demonstration's key."""

    def __init__(self, session: aiohttp.ClientSession, stack: LocalStack) -> None:
        self._session = session
        self._stack = stack

    async def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The answer's JSON; the status has to be a success."""
        token = jwt.encode({"server": True}, self._stack.api_secret, algorithm="HS256")
        async with self._session.request(
            method,
            f"{self._stack.api_url}{path}",
            params={"api_key": self._stack.api_key},
            headers={"Authorization": token, "stream-auth-type": "jwt"},
            json=body,
        ) as response:
            content: dict[str, Any] = await response.json()
            assert response.status in (200, 201), content
            return content


@asynccontextmanager
async def api_of(stack: LocalStack) -> AsyncIterator[Api]:
    """A client of the stack's API."""
    async with aiohttp.ClientSession() as session:
        yield Api(session, stack)


@asynccontextmanager
async def phone_of(stack: LocalStack, **credentials: str) -> AsyncIterator[Phone]:
    """A phone with the demonstration trunk's account, or another one."""
    account = {"username": stack.username, "password": stack.password, **credentials}
    phone = Phone(Account(stack.sip_host, stack.sip_port, **account))
    await phone.open()
    try:
        yield phone
    finally:
        phone.close()


def rule_of(trunk_id: str, number: str, call_id: str) -> dict[str, Any]:
    """A routing rule from a number to a call."""
    return {
        "name": f"To {call_id}",
        "trunk_ids": [trunk_id],
        "called_numbers": [number],
        "caller_configs": {"id": "phone-{{caller_number}}"},
        "direct_routing_configs": {"call_type": "default", "call_id": call_id},
    }


def descendants(pid: int) -> set[int]:
    """The process and all that it started, as the kernel knows them."""
    children: dict[int, list[int]] = {}
    for process, parent in _processes():
        children.setdefault(parent, []).append(process)
    found, waiting = set[int](), [pid]
    while waiting:
        current = waiting.pop()
        found.add(current)
        waiting += children.get(current, ())
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that still run; a zombie does not."""
    return {pid for pid in pids if _state(pid) not in ("", "Z", "X")}


async def gone(pids: set[int], seconds: float) -> set[int]:
    """Wait until none of them runs; those that still do after `seconds`."""
    deadline = time.monotonic() + seconds
    while (left := alive(pids)) and time.monotonic() < deadline:  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(0.05)
    return left


def _processes() -> Iterator[tuple[int, int]]:
    for name in os.listdir("/proc"):
        if name.isdecimal() and (stat := _stat(int(name))):
            yield int(name), int(stat[1])


def _state(pid: int) -> str:
    stat = _stat(pid)
    return stat[0] if stat else ""


def _stat(pid: int) -> list[str]:
    """State, parent and so on; what follows the program's name, which may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
