"""The commands of local mode: run, demo, stop. Parses, prints and turns failures into words."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from local.process_end import stop_with_parent
from local.ready_file import read_ready_file, write_ready_file
from local.settings import DEFAULT_DIRECTORY, LocalSettings, SettingsError, add_run_arguments, read_settings

if TYPE_CHECKING:
    from local.stack import RunningStack

STOP_TIMEOUT = 15.0


class CommandError(Exception):
    """The command cannot be carried out; the message says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m local", description="Trunkline on one machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start the whole stack and keep it running until Ctrl-C")
    add_run_arguments(run)
    stop = commands.add_parser("stop", help="stop the stack that runs in a directory")
    stop.add_argument(
        "--directory", default=os.environ.get("TRUNKLINE_LOCAL_DIRECTORY", str(DEFAULT_DIRECTORY))
    )
    demo = commands.add_parser(
        "demo", help="place a real call through the stack that runs here, or one of its own, and measure it"
    )
    demo.add_argument(
        "--directory", default=os.environ.get("TRUNKLINE_LOCAL_DIRECTORY", str(DEFAULT_DIRECTORY))
    )
    demo.add_argument("--recordings", metavar="PATH", help="keep what was said and heard, as WAV files")
    demo.add_argument("--without-browser", action="store_true", help="an aiortc peer in place of Chromium")
    parsed = parser.parse_args(arguments)
    try:
        if parsed.command == "demo":
            return demonstrate(parsed)
        if parsed.command == "stop":
            return stop_stack(Path(parsed.directory).absolute())
        return run_stack(read_settings(parsed))
    except (CommandError, SettingsError) as error:
        print(f"trunkline: {error}", file=sys.stderr)
        return 1


def run_stack(settings: LocalSettings) -> int:
    """Start a stack and serve until SIGINT or SIGTERM."""
    if settings.stop_with_parent:
        stop_with_parent(os.getppid())
    settings.directory.mkdir(parents=True, exist_ok=True)
    terminal = sys.stdout

    def say(text: str) -> None:
        print(text, file=terminal, flush=True)

    with only_one(settings.directory), functions_log(settings.directory):
        return asyncio.run(_serve(settings, say))


def demonstrate(parsed: argparse.Namespace) -> int:
    """Place one call and report it."""
    # Only now: --help should not wait for numpy.
    from local.demo.command import run_demonstration

    recordings = Path(parsed.recordings) if parsed.recordings else None
    use_browser = False if parsed.without_browser else None
    return asyncio.run(run_demonstration(Path(parsed.directory).absolute(), recordings, use_browser))


def stop_stack(directory: Path) -> int:
    """End a running stack and wait until it is gone."""
    stack = read_ready_file(directory / "local.json")
    if stack is None:
        raise CommandError(f"no stack runs in {directory}")
    os.kill(stack.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT
    while time.monotonic() < deadline:
        try:
            os.kill(stack.pid, 0)
        except ProcessLookupError:
            print("stopped")
            return 0
        time.sleep(0.05)
    raise CommandError(f"process {stack.pid} has not ended after {STOP_TIMEOUT:.0f} s")


@contextlib.contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Hold the directory for one stack; raises `CommandError` when another one has it."""
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            running = read_ready_file(directory / "local.json")
            which = f" (process {running.pid}, {running.console_url})" if running else ""
            raise CommandError(f"a stack runs here already{which}; make stop ends it") from error
        yield


@contextlib.contextmanager
def functions_log(directory: Path) -> Iterator[TextIO]:
    """What functions print, as they print to CloudWatch elsewhere, goes to a file beside the bridge's log."""
    with (directory / "functions.log").open("w", buffering=1) as log, contextlib.redirect_stdout(log):
        yield log


async def _serve(settings: LocalSettings, say: Callable[[str], None]) -> int:
    # Only now: the emulated AWS takes a while to import, and --help and refusals should not.
    say("Starting Trunkline ...")
    from local.aws.saved_state import SavedStateError
    from local.aws.template import TemplateError
    from local.bridge_process import BridgeFailedError
    from local.demonstration import DemonstrationError
    from local.stack import PortTakenError, Stack

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    stack = Stack(settings, say)
    try:
        if not await _unless(stop, starting := asyncio.create_task(stack.start())):
            return 0
        write_ready_file(settings.ready_file, starting.result())
        say(greeting(settings, starting.result()))
        await _unless(stop, asyncio.create_task(stack.failed()))
        say("Stopping ...")
    except (PortTakenError, SavedStateError, TemplateError, BridgeFailedError, DemonstrationError) as error:
        raise CommandError(str(error)) from error
    finally:
        settings.ready_file.unlink(missing_ok=True)
        await stack.stop()
    say(f"Stopped. Trunks, rules and calls are kept in {settings.state_file}.")
    return 0


async def _unless(stop: asyncio.Event, work: asyncio.Task[Any]) -> bool:
    """Wait for the work unless told to stop first; whether it was done. Its exceptions pass through."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if work.done():
        work.result()
        return True
    work.cancel()
    await asyncio.wait({work})
    return False


def greeting(settings: LocalSettings, stack: RunningStack) -> str:
    """What a newcomer needs to place the first call."""
    demonstration = stack.demonstration
    where = f"""  Call page     {stack.call_url}
                Open it in a browser and join: you hear whoever calls {demonstration.number}."""
    if stack.stream_url:
        where = f"""  Stream        {stack.stream_url}, WebSocket {stack.stream_websocket_url}
                Calls live there; API key and secret as above. To hear one:
                .venv/bin/python -m local.stream.echo
                joins the call with Stream's SDK and repeats what the phone says."""
    return f"""
Trunkline runs (ready after {stack.seconds_to_start:.1f} s). Ctrl-C stops it.

  Console       {stack.console_url}
    API key     {demonstration.api_key}
    API secret  {demonstration.api_secret}

  Demo trunk    {demonstration.number} leads every caller into one call,
                {demonstration.dynamic_number} gives each caller a call
    SIP address {stack.sip_uri}
    username    {demonstration.username}
    password    {demonstration.password}

{where}

Place a test call
  with audio, measured:  make demo
  with any SIP phone:    account {demonstration.username}@{stack.sip_host}:{stack.sip_port}, no registration,
                         password as above; dial {demonstration.number}
Addresses and secrets for scripts: {settings.ready_file}
"""
