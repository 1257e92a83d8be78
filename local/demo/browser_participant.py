"""A person at the call page: headless Chromium with a file for a microphone, and what it said and heard."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from local.demo.chromium import Page, chromium
from local.demo.timeline import Timeline, resample

RATE = 48000
LISTENING = Path(__file__).with_name("listening_script.js")


class BrowserParticipant:
    """One browser in one call."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def recording(self, name: str) -> Timeline:
        """What was `said` or `heard` so far; nothing yet is an empty timeline."""
        recorded = await self.page.evaluate(f"trunklineRecording({name!r})")
        if recorded is None:
            return Timeline(np.zeros(0, np.float32), 0.0)
        samples = np.frombuffer(base64.b64decode(recorded["samples"]), "<i2").astype(np.float32)
        return Timeline(resample(samples / np.float32(32768), RATE), recorded["began_at"])

    async def leave(self) -> None:
        """Leave the call."""
        await self.page.evaluate("document.getElementById('leave').click()")


@asynccontextmanager
async def browser_in_call(call_url: str, microphone: Path, name: str) -> AsyncIterator[BrowserParticipant]:
    """Open the call page as a person does, and join; raises `BrowserError` when that fails."""
    async with chromium(microphone=microphone) as browser:
        page = await browser.open(call_url, script=LISTENING.read_text())
        await page.wait_for("document.getElementById('join')?.checkVisibility()")
        await page.evaluate(f"document.getElementById('name').value = {name!r}")
        await page.evaluate("document.getElementById('join').click()")
        await page.wait_for("document.getElementById('state').dataset.state === 'connected'")
        yield BrowserParticipant(page)
