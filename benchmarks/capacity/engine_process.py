"""The bridge's engine in a process of its own on one core; told by pipe what to open, it reports its use."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from bridge.adapters.garbage import GarbageSchedule
from bridge.adapters.media_engine import TickMediaEngine
from bridge.adapters.media_settings import MediaSettings
from bridge.adapters.webrtc_socket import WebRtcSettings, WebRtcSocket
from bridge.calls.media_engine import Codec, PhoneLegParameters
from bridge.media.codec import WIDEBAND

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """What the process used so far, and what its legs counted."""

    cpu_seconds: float
    resident_bytes: int
    lost: int
    discarded: int
    concealed_share: float
    late_ticks: int


def run_engine(pipe: Connection, core: int, complexity: int, max_speakers: int) -> None:
    """The process's main function."""
    os.sched_setaffinity(0, {core})
    settings = MediaSettings(
        complexity=complexity, adapt_complexity=False, load_limit=9.0, max_speakers=max_speakers
    )
    asyncio.run(
        _serve(pipe, TickMediaEngine(settings, WebRtcSocket(WebRtcSettings(maximum_playback_rate=WIDEBAND))))
    )


async def _serve(pipe: Connection, engine: TickMediaEngine) -> None:
    await engine.start()
    garbage = GarbageSchedule()
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    running: set[asyncio.Task[None]] = set()

    def read() -> None:
        try:
            command = pipe.recv()
        except EOFError:  # the load generator was ended
            loop.remove_reader(pipe.fileno())
            stopped.set()
            return
        task = loop.create_task(_obey(pipe, engine, command, stopped))
        running.add(task)
        task.add_done_callback(running.discard)

    loop.add_reader(pipe.fileno(), read)
    pipe.send("serving")
    while not stopped.is_set():
        await asyncio.sleep(1.0)
        garbage.collect()
    await engine.close()


async def _obey(
    pipe: Connection, engine: TickMediaEngine, command: tuple[object, ...], stopped: asyncio.Event
) -> None:
    match command:
        case ("phone", str() as leg_id, str() as room, str() as codec, int() as payload_type, int() as port):
            address = await engine.open_phone_leg(leg_id, room)
            parameters = PhoneLegParameters(Codec(codec, payload_type, 8000), "127.0.0.1", port, 101)
            await engine.configure_phone_leg(leg_id, parameters)
            await engine.join_room(leg_id, leg_id)
            pipe.send(address.port)
        case ("browser", str() as leg_id, str() as room, str() as offer):
            pipe.send(await engine.open_webrtc_leg(leg_id, room, leg_id, offer))
        case ("close", str() as leg_id):
            await engine.close_leg(leg_id)
            pipe.send(leg_id)
        case ("usage", list() as leg_ids):
            pipe.send(await _usage(engine, leg_ids))
        case ("stop",):
            stopped.set()
        case _:
            raise ValueError(f"unknown command {command[0]}")


async def _usage(engine: TickMediaEngine, leg_ids: list[str]) -> Usage:
    figures = [await engine.statistics(leg_id) for leg_id in leg_ids]
    load = engine.load()
    return Usage(
        cpu_seconds=time.process_time(),
        resident_bytes=_resident_bytes(),
        lost=sum(figure.packets_lost for figure in figures),
        discarded=sum(figure.packets_discarded for figure in figures),
        concealed_share=sum(figure.concealed_ratio for figure in figures) / max(len(figures), 1),
        late_ticks=load.late_ticks,
    )


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
