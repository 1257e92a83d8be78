"""Calls with PJSIP: audio both ways, SDES-SRTP, 100rel, SHA digests, digits, hold and resume."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from tests.interop.pjsip import PjsipPhone, PjsipSettings, pjsip_missing, pjsip_phone
from tests.support.running_bridge import (
    DIGEST_NUMBER,
    NUMBER,
    PASSWORD,
    CarrierWorld,
    RunningBridge,
    wait_until,
)
from trunking.call_record import CallRecord

pytestmark = pytest.mark.usefixtures("pjsip")


@pytest.fixture(scope="module")
def pjsip() -> None:
    """PJSIP is installed; the test is skipped with the reason when it is not."""
    if missing := pjsip_missing():
        pytest.skip(missing)


def strongest_tone(phone: PjsipPhone) -> float:
    """Hertz of what it heard most of."""
    samples, rate = phone.heard()
    assert np.abs(samples).max() > 2000, "heard next to nothing"
    spectrum = np.abs(np.fft.rfft(samples.astype(float)))
    return float(spectrum.argmax()) * rate / len(samples)


def record_of(world: CarrierWorld, caller: str) -> CallRecord:
    """The ended call's record."""
    found: list[CallRecord] = []

    def is_there() -> bool:
        found[:] = [record for record in world.records() if record.caller_number == caller][:1]
        return bool(found) and found[0].ended_at is not None

    wait_until(is_there, 30, "no record of the ended call")
    return found[0]


@pytest.mark.parametrize("srtp", [False, True], ids=["RTP", "SRTP"])
@pytest.mark.parametrize("codec", ["PCMU", "G722"])
def test_audio_both_ways(bridge: RunningBridge, tmp_path: Path, codec: str, srtp: bool) -> None:
    first = PjsipSettings(codec=codec, srtp=srtp, tone_hertz=440.0)
    second = PjsipSettings(user="+12125550144", codec="PCMA", tone_hertz=700.0)
    with pjsip_phone(first, tmp_path / "one") as one, pjsip_phone(second, tmp_path / "two") as two:
        one.call(NUMBER, "127.0.0.1", bridge.udp_port)
        two.call(NUMBER, "127.0.0.1", bridge.udp_port)
        media = one.wait_for("media", status=1)
        assert (media["codec"], media["protected"]) == (codec, srtp)
        time.sleep(2)  # Real phones talk in real time.
        one.hang_up()
        two.hang_up()
        assert strongest_tone(one) == pytest.approx(700.0, abs=2)
        assert strongest_tone(two) == pytest.approx(440.0, abs=2)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_connections(
    bridge: RunningBridge, world: CarrierWorld, certificate: Path, tmp_path: Path, transport: str
) -> None:
    settings = PjsipSettings(
        user="+12125550177",
        transport=transport,
        srtp=transport == "tls",
        certificate_authority=str(certificate) if transport == "tls" else "",
    )
    with pjsip_phone(settings, tmp_path / "phone") as phone:
        phone.call(NUMBER, "127.0.0.1", bridge.sip[transport][1], transport)
        assert phone.wait_for("media", status=1)["protected"] is (transport == "tls")
        time.sleep(1)  # Real phones talk in real time.
        phone.hang_up()
    record = record_of(world, settings.user)
    assert record.source.startswith(f"{transport}:")
    assert record.quality["packets_received"] > 20


def test_reliable_ringing(bridge: RunningBridge, world: CarrierWorld, tmp_path: Path) -> None:
    settings = PjsipSettings(user="+12125550155", reliable=True)
    with pjsip_phone(settings, tmp_path / "phone") as phone:
        phone.call(NUMBER, "127.0.0.1", bridge.udp_port)
        phone.hang_up()
    assert record_of(world, settings.user).sip_status == 200


def test_digest_digits_hold_and_resume(bridge: RunningBridge, world: CarrierWorld, tmp_path: Path) -> None:
    """The bridge offers SHA-512-256, SHA-256 and MD5; PJSIP takes one by itself."""
    settings = PjsipSettings(user="+12125550166", username=world.digest_trunk.username, password=PASSWORD)
    with pjsip_phone(settings, tmp_path / "phone") as phone:
        phone.call(DIGEST_NUMBER, "127.0.0.1", bridge.udp_port)
        time.sleep(0.5)
        phone.command("digits 12#")
        time.sleep(1.5)  # PJSIP sends them one after the other.
        phone.command("hold")
        time.sleep(1)
        phone.command("resume")
        time.sleep(1)
        phone.hang_up()
    record = record_of(world, settings.user)
    assert record.dtmf_count == 3
    directions = [step.detail["send"] for step in record.ladder if step.what == "reoffered"]
    assert directions == [False, True]


def test_wrong_password(bridge: RunningBridge, world: CarrierWorld, tmp_path: Path) -> None:
    settings = PjsipSettings(username=world.digest_trunk.username, password="not the password")
    with pjsip_phone(settings, tmp_path / "phone") as phone:
        phone.command(f"dial sip:{DIGEST_NUMBER}@127.0.0.1:{bridge.udp_port}")
        assert phone.wait_for("state", state="DISCONNECTED")["status"] == 403
