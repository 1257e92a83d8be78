"""The demonstration's one call: a phone program and a browser talk through a stack, and are measured."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from local.demo.aiortc_participant import AiortcParticipant, aiortc_in_call
from local.demo.browser_participant import BrowserParticipant, browser_in_call
from local.demo.call_report import MAX_DELAY_SECONDS, CallReport
from local.demo.chromium import find_chromium
from local.demo.comparison import compare
from local.demo.phone_process import PhoneProgram, phone_program
from local.demo.timeline import SAMPLE_RATE, Timeline, write_wav
from local.demo.voice import browser_voice, phone_voice
from local.ready_file import LocalStack

SETTLING_SECONDS = 1.0
"""Until the browser's jitter buffer has settled, as it has when a person says hello."""
LAST_WORDS_SECONDS = 1.0
"""After the last word, for what is still on its way."""
PAUSE_SECONDS = 1.0
"""At the end of the microphone's file, which the browser plays over and over."""


async def place_call(
    stack: LocalStack, directory: Path, say: Callable[[str], None], *, use_browser: bool | None = None
) -> CallReport:
    """Call the stack's number and measure; recordings stay in `directory`.

    The other side is a browser where there is one, unless `use_browser` says otherwise.
    """
    with_browser = find_chromium() is not None if use_browser is None else use_browser
    join_call, listener = (browser_in_call, "Browser") if with_browser else (aiortc_in_call, "Peer")
    seconds = await asyncio.to_thread(_prepare_voices, directory)
    if with_browser:
        say("A browser opens the call page and joins ...")
    else:
        say("An aiortc peer joins the call in place of a browser ...")
    microphone = directory / "browser-voice.wav"
    async with join_call(stack.call_url, microphone, listener) as participant, phone_program() as phone:
        say(f"A phone calls {stack.number} ...")
        await phone.tell(json.dumps(_order(stack, directory)))
        answered = await phone.hear("answered")
        say(f"They talk for {seconds:.0f} seconds ...")
        await _talk(phone, participant, seconds, directory)
    return _compare(directory, answered["seconds_to_ring"], answered["seconds_to_answer"], listener)


def _prepare_voices(directory: Path) -> float:
    """Write both voices to files; seconds that it takes to say them."""
    phone_says, browser_says = phone_voice(), browser_voice()
    write_wav(directory / "phone-voice.wav", phone_says)
    pause = np.zeros(int(PAUSE_SECONDS * SAMPLE_RATE), np.float32)
    write_wav(directory / "browser-voice.wav", np.concatenate([browser_says, pause]))
    return max(len(phone_says), len(browser_says)) / SAMPLE_RATE + LAST_WORDS_SECONDS


def _order(stack: LocalStack, directory: Path) -> dict[str, object]:
    return {
        "host": stack.sip_host,
        "port": stack.sip_port,
        "username": stack.username,
        "password": stack.password,
        "number": stack.number,
        "voice": str(directory / "phone-voice.wav"),
        "directory": str(directory),
    }


async def _talk(
    phone: PhoneProgram, participant: BrowserParticipant | AiortcParticipant, seconds: float, directory: Path
) -> None:
    """Let both talk and hang up; all four recordings are in the directory then."""
    await asyncio.sleep(SETTLING_SECONDS)
    await phone.tell("talk")
    await asyncio.sleep(seconds)
    await phone.tell("hang up")
    await phone.hear("ended")
    for name in ("heard", "said"):
        recording = await participant.recording(name)
        recording.save(directory / f"browser-{name}.wav")


def _compare(
    directory: Path, seconds_to_ring: float | None, seconds_to_answer: float, listener: str
) -> CallReport:
    phone_heard = Timeline.load(directory / "phone-heard.wav")
    # The other side talks all the time: what it said before and after the call nobody could hear.
    said_in_call = Timeline.load(directory / "browser-said.wav").between(
        phone_heard.began_at, phone_heard.began_at + phone_heard.seconds - MAX_DELAY_SECONDS
    )
    return CallReport(
        seconds_to_ring=seconds_to_ring,
        seconds_to_answer=seconds_to_answer,
        phone_to_browser=compare(
            Timeline.load(directory / "phone-said.wav"), Timeline.load(directory / "browser-heard.wav")
        ),
        browser_to_phone=compare(said_in_call, phone_heard),
        listener=listener,
    )
