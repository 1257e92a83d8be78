"""The whole stack on one machine: calls follow changes, callers hear each other, nothing is left behind."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import stat
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from local.demo.command import ROOT, temporary_stack
from local.demo.comparison import compare
from local.demo.phone import CallRefusedError, Phone
from local.demo.timeline import SAMPLE_RATE, Samples
from local.demo.voice import melody
from local.ready_file import LocalStack, read_ready_file
from tests.e2e.conftest import RULES, TRUNKS, alive, api_of, descendants, gone, phone_of, rule_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER_NUMBER = "+15551239999"
CHANGED_NUMBER = "+15551238000"
ANOTHER_NUMBER = "+15551239998"
SECONDS = 4


async def test_the_ready_file_tells_how_to_reach_everything(stack: LocalStack, stack_directory: Path) -> None:
    ready_file = stack_directory / "local.json"
    assert stat.S_IMODE(ready_file.stat().st_mode) == 0o600
    async with aiohttp.ClientSession() as session:
        for url in (stack.console_url, stack.call_url):
            async with session.get(url) as response:
                assert response.status == 200
                assert response.content_type == "text/html"
    async with api_of(stack) as api:
        trunks = (await api.call("GET", TRUNKS))["sip_trunks"]
        assert [trunk["username"] for trunk in trunks] == [stack.username]
        assert stack.number in trunks[0]["numbers"]
        assert trunks[0]["uri"].endswith(f"{stack.sip_host}:{stack.sip_port}")
    logs = "".join(path.read_text() for path in log_files(stack_directory))
    assert stack.password not in logs
    assert stack.api_secret not in logs


def log_files(directory: Path) -> list[Path]:
    """What the stack logged, of all its parts."""
    found = sorted(directory.glob("*.log"))
    assert {path.name for path in found} >= {"bridge.log", "functions.log"}
    return found


async def test_a_change_over_http_routes_a_call(stack: LocalStack) -> None:
    async with api_of(stack) as api:
        created = await api.call("POST", TRUNKS, {"name": "Other", "numbers": [CHANGED_NUMBER]})
        trunk = created["sip_trunk"]
        await api.call("POST", RULES, rule_of(trunk["id"], CHANGED_NUMBER, "other"))
        await call_until_answered(stack, trunk, CHANGED_NUMBER)


async def call_until_answered(stack: LocalStack, trunk: dict[str, Any], number: str) -> None:
    """Call until the change has come to the bridge; how fast that is, is in benchmarks/change_to_call.

    Ever more slowly: until the bridge knows the trunk, its calls are wrong guesses that get a source shunned.
    """
    pauses = (0.05 * 2**tries for tries in itertools.count())
    async with asyncio.timeout(60):
        while True:
            async with phone_of(stack, username=trunk["username"], password=trunk["password"]) as phone:
                try:
                    await phone.call(number)
                except CallRefusedError:
                    await asyncio.sleep(next(pauses))
                    continue
                await phone.hang_up()
                return


@pytest.mark.parametrize(
    ("number", "password", "status"),
    [("", "wrong", 403), ("+15551238888", "", 404)],
    ids=["password", "number"],
)
async def test_a_refused_call_has_its_status(
    stack: LocalStack, number: str, password: str, status: int
) -> None:
    credentials = {"password": password} if password else {}
    async with phone_of(stack, **credentials) as phone:
        with pytest.raises(CallRefusedError) as refused:
            await phone.call(number or stack.number)
    assert refused.value.status in (401, 403) if password else refused.value.status == status


async def test_two_callers_hear_each_other_and_not_themselves(stack: LocalStack) -> None:
    voices = melody(SECONDS, seed=11), melody(SECONDS, seed=12)
    async with phone_of(stack) as one, phone_of(stack) as other:
        await asyncio.gather(one.call(stack.number), other.call(stack.number))
        await asyncio.gather(one.rtp.first_packet.wait(), other.rtp.first_packet.wait())
        await talk((one, other), voices)
        await asyncio.gather(one.hang_up(), other.hang_up())
        for speaker, listener in ((one, other), (other, one)):
            assert compare(speaker.rtp.said, listener.rtp.heard).understood
            assert not compare(speaker.rtp.said, speaker.rtp.heard).understood


async def test_callers_of_the_dynamic_number_are_each_in_a_call_of_their_own(stack: LocalStack) -> None:
    voices = melody(SECONDS, seed=21), melody(SECONDS, seed=22)
    async with phone_of(stack) as one, phone_of(stack) as other:
        await asyncio.gather(one.call(stack.dynamic_number), other.call(stack.dynamic_number))
        await talk((one, other), voices)
        for speaker, listener in ((one, other), (other, one)):
            assert not compare(speaker.rtp.said, listener.rtp.heard).understood
        await asyncio.gather(one.hang_up(), other.hang_up())


async def talk(phones: tuple[Phone, ...], voices: tuple[Samples, ...]) -> None:
    """Let phones say their voices at once, and wait until the last word has arrived."""
    for phone, voice in zip(phones, voices, strict=True):
        phone.rtp.say(voice)
    async with asyncio.timeout(30):
        await asyncio.gather(*(phone.rtp.all_said.wait() for phone in phones))
    # Real time is what is tested here: the tail of what was said is still on its way.
    await asyncio.sleep(1)
    for phone, voice in zip(phones, voices, strict=True):
        assert phone.rtp.said.seconds == pytest.approx(len(voice) / SAMPLE_RATE)


async def test_a_restart_keeps_trunks_rules_and_credentials(tmp_path: Path) -> None:
    async with temporary_stack(tmp_path) as before, api_of(before) as api:
        trunk = (await api.call("POST", TRUNKS, {"name": "Kept", "numbers": [OTHER_NUMBER]}))["sip_trunk"]
        await api.call("POST", RULES, rule_of(trunk["id"], OTHER_NUMBER, "kept"))
    assert not (tmp_path / "local.json").exists()
    async with temporary_stack(tmp_path) as after, api_of(after) as api:
        assert (after.api_key, after.api_secret) == (before.api_key, before.api_secret)
        assert (after.username, after.password) == (before.username, before.password)
        trunks = {each["id"]: each for each in (await api.call("GET", TRUNKS))["sip_trunks"]}
        assert len(trunks) == 2
        assert trunks[trunk["id"]]["password"] == trunk["password"]
        async with phone_of(after, username=trunk["username"], password=trunk["password"]) as phone:
            await phone.call(OTHER_NUMBER)
            await phone.hang_up()
        # The version chain goes on where it was: a new change arrives at the bridge.
        added = (await api.call("POST", TRUNKS, {"name": "Added", "numbers": [ANOTHER_NUMBER]}))["sip_trunk"]
        await api.call("POST", RULES, rule_of(added["id"], ANOTHER_NUMBER, "added"))
        await call_until_answered(after, added, ANOTHER_NUMBER)


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name
)
async def test_a_stopped_stack_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    async with temporary_stack(tmp_path) as stack:
        processes = descendants(stack.pid)
        assert len(alive(processes)) >= 2
        async with phone_of(stack) as phone:
            await phone.call(stack.number)
            os.kill(stack.pid, number)
            # Without its AWS, the bridge gives up only after some tries to report its end.
            assert not await gone(processes, 30)
    assert number is signal.SIGKILL or not (tmp_path / "local.json").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
async def test_what_make_run_started_ends_with_make(tmp_path: Path, number: signal.Signals) -> None:
    arguments = f"--directory {tmp_path} --api-port 0 --call-port 0 --sip-port 0 --rtp-ports 0"
    make = await asyncio.create_subprocess_exec(
        *("make", "--no-print-directory", "run", f"ARGS={arguments}"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=ROOT,
    )
    try:
        async with asyncio.timeout(90):
            while read_ready_file(tmp_path / "local.json") is None:  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.05)
        processes = descendants(make.pid)
        assert len(processes) >= 3
    finally:
        make.send_signal(number)
        await make.wait()
    assert not await gone(processes, 30)


async def run_refused(tmp_path: Path, *arguments: str) -> str:
    """What a start says that is to be refused."""
    ports = ("--api-port", "0", "--call-port", "0", "--sip-port", "0", "--rtp-ports", "0")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "local", "run", "--directory", str(tmp_path), *ports, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    return output.decode()


@pytest.mark.parametrize("flag", ["--sip-port", "--api-port", "--call-port"])
async def test_a_taken_port_is_named_with_what_to_do(tmp_path: Path, flag: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = await run_refused(tmp_path, flag, str(port))
    assert f"port {port}" in said
    assert f'make run ARGS="{flag}' in said
    assert "Traceback" not in said


async def test_a_second_stack_in_the_same_place_is_refused(stack: LocalStack, stack_directory: Path) -> None:
    said = await run_refused(stack_directory)
    assert f"process {stack.pid}" in said
    assert alive({stack.pid})
