"""When every AWS service is down, calls still route from memory, and their reports hold nobody up."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from local.demo.phone import Account, CallRefusedError, Phone
from tests.support.running_bridge import (
    DIGEST_NUMBER,
    NUMBER,
    PASSWORD,
    SOURCE_ROOTS,
    carrier_world,
    running_bridge,
)
from tests.support.waiting import until

LOST = 'trunkline_reports_lost_total{what="quality"}'


async def test_calls_go_on_without_aws(tmp_path: Path) -> None:
    settings = {"REPORT_SECONDS": "1", "QUALITY_SECONDS": "1"}
    with carrier_world() as world, running_bridge(world, tmp_path, settings) as bridge:
        await asyncio.to_thread(world.aws.stop)
        account = Account("127.0.0.1", bridge.udp_port, world.digest_trunk.username, PASSWORD)
        for number in range(5):
            phone = Phone(account)
            await phone.open()
            answered = await phone.call(DIGEST_NUMBER)
            assert answered.seconds_to_answer < 5.0
            if number == 4:
                # How it sounds cannot be shown either: counted, and nothing waits for it.
                await until(lambda: bridge.metrics().get(LOST, 0) > 0, 60.0)
            await phone.hang_up()
            phone.close()
        ended = 'trunkline_sip_calls_ended_total{answered="yes",termination="caller_hung_up"}'
        assert bridge.metrics()[ended] == 5
    # The bridge ended in time although nothing took its records.
    assert "reports given up" in bridge.log()


def free_port(kind: socket.SocketKind) -> int:
    """A port that nobody uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_bridge_that_cannot_load_says_so_and_stops_when_told() -> None:
    sip_port, http_port = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, SOURCE_ROOTS)),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port(socket.SOCK_STREAM)}",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "BRIDGE_TABLE": "none",
        "BRIDGE_REPORT_SECONDS": "0.5",
        "BRIDGE_SIP_PORT": str(sip_port),
        "BRIDGE_HTTP_PORT": str(http_port),
    }
    process = started(environment)
    try:
        # Up, and not for calls yet: a load balancer that looks at it sends none.
        await until(lambda: health(http_port) == 503, 60.0)
        phone = Phone(Account("127.0.0.1", sip_port, "nobody", "nothing"))
        await phone.open()
        with pytest.raises(CallRefusedError) as refused:
            await phone.call(NUMBER)
        phone.close()
        assert refused.value.status == 503
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 60) == 0
    finally:
        process.kill()
        process.wait()


def started(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A bridge, not ready yet."""
    return subprocess.Popen([sys.executable, "-m", "bridge"], env=environment, stdout=subprocess.DEVNULL)


def health(port: int) -> int:
    """Status of /healthz; 0 while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
