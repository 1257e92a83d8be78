"""`make demo`: finds the running stack or starts one, places the call, prints what was measured."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from local.demo.chromium import BrowserError
from local.demo.demonstration_call import place_call
from local.demo.demonstration_error import DemonstrationFailedError
from local.demo.report import describe
from local.ready_file import LocalStack, read_ready_file

START_TIMEOUT = 90.0
ROOT = Path(__file__).parents[2]


async def run_demonstration(directory: Path, recordings: Path | None, use_browser: bool | None) -> int:
    """Place one call; the exit code: 0 only when each understood the other."""
    with tempfile.TemporaryDirectory(prefix="trunkline-demo-") as temporary:
        kept = recordings or Path(temporary)
        kept.mkdir(parents=True, exist_ok=True)
        try:
            async with _some_stack(directory, Path(temporary)) as stack:
                report = await place_call(stack, kept, say, use_browser=use_browser)
        except (DemonstrationFailedError, BrowserError) as error:
            print(f"The demonstration failed: {error}", file=sys.stderr)
            return 1
    print(describe(report))
    if recordings is not None:
        print(f"Recordings: {recordings}")
    return 0 if report.audible_both_ways else 1


def say(text: str) -> None:
    """Tell what goes on."""
    print(text, flush=True)


@asynccontextmanager
async def _some_stack(directory: Path, temporary: Path) -> AsyncIterator[LocalStack]:
    running = read_ready_file(directory / "local.json")
    if running is not None:
        say(f"Using the stack that runs (process {running.pid}).")
        yield running
        return
    say("No stack runs here: starting one for this call ...")
    async with temporary_stack(temporary / "stack") as started:
        yield started


@asynccontextmanager
async def temporary_stack(directory: Path, *arguments: str) -> AsyncIterator[LocalStack]:
    """A stack of its own on free ports, gone afterwards; raises `DemonstrationFailedError`."""
    ports = ("--api-port", "0", "--call-port", "0", "--sip-port", "0", "--rtp-ports", "0")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "local",
        "run",
        "--stop-with-parent",
        "--directory",
        str(directory),
        *ports,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
        env=os.environ,
    )
    output = bytearray()

    async def read_output() -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            output.extend(line)

    reading = asyncio.create_task(read_output())
    try:
        stack = None
        deadline = asyncio.get_running_loop().time() + START_TIMEOUT
        while stack is None:
            if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                raise DemonstrationFailedError(f"the stack did not start:\n{output.decode()}")
            await asyncio.sleep(0.05)
            stack = read_ready_file(directory / "local.json")
        yield stack
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await reading
