"""The phone as a program: one call, told by JSON on standard input, reported as JSON on standard output.

Input: host, port, username, password, number, voice (a WAV file), directory, and optionally local_host.
It says `answered` when it is, talks at the first line that comes, hangs up at the second, and leaves what it
said and heard in the directory.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from local.demo.phone import Account, CallRefusedError, Phone
from local.demo.timeline import read_wav


def report(**facts: Any) -> None:
    """Tell whoever started the phone."""
    print(json.dumps(facts), flush=True)


async def read_line() -> str:
    """A line of standard input, waited for without holding up the call."""
    return await asyncio.to_thread(sys.stdin.readline)


async def call(order: dict[str, Any]) -> int:
    """Carry out the order; the exit code."""
    account = Account(order["host"], order["port"], order["username"], order["password"])
    directory = Path(order["directory"])
    phone = Phone(account, order.get("local_host", "127.0.0.1"))
    await phone.open()
    try:
        answered = await phone.call(order["number"])
    except (CallRefusedError, TimeoutError) as error:
        report(event="failed", why=str(error) or "no answer")
        phone.close()
        return 1
    report(
        event="answered",
        seconds_to_ring=answered.seconds_to_ring,
        seconds_to_answer=answered.seconds_to_answer,
    )
    await read_line()
    phone.rtp.say(read_wav(Path(order["voice"])))
    await read_line()
    await phone.hang_up()
    phone.rtp.said.save(directory / "phone-said.wav")
    phone.rtp.heard.save(directory / "phone-heard.wav")
    phone.close()
    report(event="ended")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(call(json.loads(sys.stdin.readline()))))
