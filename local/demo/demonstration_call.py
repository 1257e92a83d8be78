"""The demonstration's one call: a phone program and a browser talk through a stack, and are measured."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from local.demo.aiortc_participant import aiortc_in_call
from local.demo.browser_participant import browser_in_call
from local.demo.chromium import find_chromium
from local.demo.comparison import Comparison, compare
from local.demo.demonstration_error import DemonstrationFailedError
from local.demo.timeline import SAMPLE_RATE, Timeline, write_wav
from local.demo.voice import browser_voice, phone_voice
from local.ready_file import LocalStack

SETTLING_SECONDS = 1.0
"""Until the browser's jitter buffer has settled, as it has when a person says hello."""
LAST_WORDS_SECONDS = 1.0
"""After the last word, for what is still on its way."""
PAUSE_SECONDS = 1.0
"""At the end of the microphone's file, which the browser plays over and over."""

MAX_SETUP_SECONDS = 0.3
MAX_DELAY_SECONDS = 0.12


@dataclass(frozen=True)
class CallReport:
    """What was measured."""

    seconds_to_ring: float | None
    seconds_to_answer: float
    phone_to_browser: Comparison
    browser_to_phone: Comparison
    listener: str = "Browser"
    """Who was in the call."""

    @property
    def audible_both_ways(self) -> bool:
        """Whether each understood the other."""
        return self.phone_to_browser.understood and self.browser_to_phone.understood

    @property
    def shortcomings(self) -> tuple[str, ...]:
        """What misses its target, in words."""
        found = []
        if self.seconds_to_answer > MAX_SETUP_SECONDS:
            found.append(
                f"set-up took {self.seconds_to_answer * 1000:.0f} ms, target {MAX_SETUP_SECONDS * 1000:.0f}"
            )
        for name, direction in (
            (f"phone to {self.listener.lower()}", self.phone_to_browser),
            (f"{self.listener.lower()} to phone", self.browser_to_phone),
        ):
            if not direction.understood:
                found.append(f"{name}: not understood")
            elif direction.delay is not None and direction.delay > MAX_DELAY_SECONDS:
                found.append(
                    f"{name}: {direction.delay * 1000:.0f} ms late, target {MAX_DELAY_SECONDS * 1000:.0f}"
                )
        return tuple(found)


class _PhoneProgram:
    """The phone's process and the conversation with it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()

    async def hear(self, event: str) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 20)
        report: dict[str, Any] = json.loads(line) if line else {"event": "failed", "why": "the phone ended"}
        if report["event"] != event:
            raise DemonstrationFailedError(f"the phone's call failed: {report.get('why', report['event'])}")
        return report


@asynccontextmanager
async def _phone_program() -> AsyncIterator[_PhoneProgram]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "local.demo.phone_program",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env=os.environ,
    )
    try:
        yield _PhoneProgram(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def place_call(
    stack: LocalStack, directory: Path, say: Callable[[str], None], *, use_browser: bool | None = None
) -> CallReport:
    """Call the stack's number and measure; recordings stay in `directory`.

    The other side is a browser where there is one, unless `use_browser` says otherwise.
    """
    with_browser = find_chromium() is not None if use_browser is None else use_browser
    join_call = browser_in_call if with_browser else aiortc_in_call
    phone_says, browser_says = await asyncio.gather(
        asyncio.to_thread(phone_voice), asyncio.to_thread(browser_voice)
    )
    phone_file, microphone = directory / "phone-voice.wav", directory / "browser-voice.wav"
    write_wav(phone_file, phone_says)
    write_wav(
        microphone, np.concatenate([browser_says, np.zeros(int(PAUSE_SECONDS * SAMPLE_RATE), np.float32)])
    )
    if with_browser:
        say("A browser opens the call page and joins ...")
    else:
        say("An aiortc peer joins the call in place of a browser ...")
    listener = "Browser" if with_browser else "Peer"
    async with join_call(stack.call_url, microphone, listener) as browser, _phone_program() as phone:
        say(f"A phone calls {stack.number} ...")
        order = {
            "host": stack.sip_host,
            "port": stack.sip_port,
            "username": stack.username,
            "password": stack.password,
            "number": stack.number,
            "voice": str(phone_file),
            "directory": str(directory),
        }
        await phone.tell(json.dumps(order))
        answered = await phone.hear("answered")
        await asyncio.sleep(SETTLING_SECONDS)
        await phone.tell("talk")
        seconds = max(len(phone_says), len(browser_says)) / SAMPLE_RATE + LAST_WORDS_SECONDS
        say(f"They talk for {seconds:.0f} seconds ...")
        await asyncio.sleep(seconds)
        await phone.tell("hang up")
        await phone.hear("ended")
        browser_heard = await browser.recording("heard")
        browser_said = await browser.recording("said")
    browser_heard.save(directory / "browser-heard.wav")
    browser_said.save(directory / "browser-said.wav")
    phone_said = Timeline.load(directory / "phone-said.wav")
    phone_heard = Timeline.load(directory / "phone-heard.wav")
    # The browser talks all the time: what it said before and after the call nobody could hear.
    said_in_call = browser_said.between(
        phone_heard.began_at, phone_heard.began_at + phone_heard.seconds - MAX_DELAY_SECONDS
    )
    return CallReport(
        seconds_to_ring=answered["seconds_to_ring"],
        seconds_to_answer=answered["seconds_to_answer"],
        phone_to_browser=compare(phone_said, browser_heard),
        browser_to_phone=compare(said_in_call, phone_heard),
        listener=listener,
    )
