"""Headless Chromium, driven over its DevTools protocol: opens pages, runs scripts in them, takes screenshots.

Debian's browser and the HTTP client that is here anyway; no driver of another maker. Knows nothing of calls.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from local import process_end

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
START_TIMEOUT = 60.0
POLL_INTERVAL = 0.05
FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    # A page that is not looked at must not be slowed down.
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    # Calls within one machine, also where it has no network at all.
    "--allow-loopback-in-peer-connection",
    "--remote-debugging-port=0",
)


class BrowserError(Exception):
    """The browser did not start, or a script in a page failed."""


def find_chromium() -> str | None:
    """The path of the browser, None when it is not installed."""
    return next((path for program in PROGRAMS if (path := shutil.which(program))), None)


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.console: list[str] = []
        """What the page wrote to its console, and its uncaught errors."""
        self._reader = asyncio.create_task(self._read())

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a DevTools command; its result. Raises `BrowserError`."""
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        return await answer

    async def prepare(self, *, width: int, height: int, script: str = "") -> None:
        """Set the window's size, and a script that runs before any of a page's own."""
        for domain in ("Page", "Runtime", "Log"):
            await self.command(f"{domain}.enable")
        await self.resize(width, height)
        if script:
            # What the script adds is not the page's: its content security policy would forbid it.
            await self.command("Page.setBypassCSP", enabled=True)
            await self.command("Page.addScriptToEvaluateOnNewDocument", source=script)

    async def resize(self, width: int, height: int) -> None:
        """Set the window's size in CSS pixels; below 500 wide it is a phone's."""
        await self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )

    async def go(self, url: str) -> None:
        """Load a page; returns when its scripts can be talked to."""
        await self.command("Page.navigate", url=url)
        await self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, promises awaited. Raises `BrowserError` when it throws."""
        answer = await self.command(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    async def wait_for(self, expression: str, timeout: float = 30.0) -> None:  # noqa: ASYNC109 - says what was waited for
        """Return once the expression is true; raises `BrowserError` when that takes too long."""
        deadline = asyncio.get_running_loop().time() + timeout
        while asyncio.get_running_loop().time() < deadline:
            if await self.evaluate(f"Boolean({expression})"):
                return
            await asyncio.sleep(POLL_INTERVAL)
        said = "; ".join(self.console[-5:])
        raise BrowserError(f"after {timeout:.0f} s the page still has not: {expression}. Its console: {said}")

    async def press(self, key: str, code: int = 0) -> None:
        """Press and release a key, such as Tab (9) or Enter (13)."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            await self.command(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text
            )

    async def type_text(self, text: str) -> None:
        """Type into what has the focus."""
        await self.command("Input.insertText", text=text)

    async def screenshot(self) -> bytes:
        """What the page shows, all of it, as PNG."""
        answer = await self.command("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(answer["data"])

    async def close(self) -> None:
        """Close the tab."""
        self._reader.cancel()
        await self._socket.close()

    async def _read(self) -> None:
        async for message in self._socket:
            content = json.loads(message.data)
            if "id" in content:
                answer = self._answers.pop(content["id"])
                if "error" in content:
                    answer.set_exception(BrowserError(content["error"]["message"]))
                elif not answer.done():
                    answer.set_result(content.get("result", {}))
            else:
                self._note(content["method"], content["params"])
        for waiting in self._answers.values():
            waiting.set_exception(BrowserError("the browser closed the connection"))

    def _note(self, method: str, parameters: dict[str, Any]) -> None:
        if method == "Runtime.consoleAPICalled":
            values = (str(each.get("value", each.get("description"))) for each in parameters["args"])
            self.console.append(" ".join(values))
        elif method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.console.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded":
            self.console.append(parameters["entry"]["text"])


class Chromium:
    """A running browser."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._pages: list[Page] = []

    async def open(self, url: str, *, width: int = 1000, height: int = 800, script: str = "") -> Page:
        """Open a page in a new tab; `script` runs in it before its own."""
        async with self._session.put("/json/new?about:blank") as response:
            target = await response.json()
        socket = await self._session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0)
        page = Page(socket)
        self._pages.append(page)
        await page.prepare(width=width, height=height, script=script)
        await page.go(url)
        return page

    async def close_pages(self) -> None:
        """Close all tabs."""
        for page in self._pages:
            await page.close()


@asynccontextmanager
async def chromium(*, microphone: Path | None = None) -> AsyncIterator[Chromium]:
    """A browser with a profile of its own; pages hear `microphone`, a WAV file, once from its beginning.

    Raises `BrowserError` when there is no Chromium, or it does not start.
    """
    program = find_chromium()
    if program is None:
        raise BrowserError("Chromium is not installed:  sudo apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="trunkline-chromium-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(process_end.__file__)),
            str(os.getpid()),
            program,
            *FLAGS,
            *_microphone_flags(microphone),
            f"--user-data-dir={profile}",
            # The sandbox needs what root, as containers run, does not have.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            "about:blank",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            port = await _debugging_port(Path(profile), process)
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                browser = Chromium(session)
                try:
                    yield browser
                finally:
                    await browser.close_pages()
        finally:
            # All its processes are in the session that the first one leads.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _microphone_flags(microphone: Path | None) -> Sequence[str]:
    if microphone is None:
        return ()
    return (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
    )


async def _debugging_port(profile: Path, process: asyncio.subprocess.Process) -> int:
    """The port that the browser chose, as it writes it into its profile."""
    deadline = asyncio.get_running_loop().time() + START_TIMEOUT
    file = profile / "DevToolsActivePort"
    while asyncio.get_running_loop().time() < deadline:
        if process.returncode is not None:
            raise BrowserError(f"Chromium ended with status {process.returncode} while it started")
        if file.exists() and (lines := file.read_text().splitlines()):
            return int(lines[0])
        await asyncio.sleep(POLL_INTERVAL)
    raise BrowserError(f"Chromium did not start within {START_TIMEOUT:.0f} s")
