"""Calls with baresip: audio both ways in each codec, plain and SDES-SRTP, digest, digits, hold and resume."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.interop.baresip import BaresipPhone, BaresipSettings, baresip_missing, baresip_phone
from tests.support.running_bridge import (
    DIGEST_NUMBER,
    NUMBER,
    PASSWORD,
    CarrierWorld,
    RunningBridge,
    wait_until,
)
from trunking.call_record import CallRecord

pytestmark = pytest.mark.usefixtures("baresip")

OTHER_TONE = 700.0
TALK_SECONDS = 2.5


@pytest.fixture(scope="module")
def baresip() -> None:
    """baresip is installed; the test is skipped with the reason when it is not."""
    if missing := baresip_missing():
        pytest.skip(missing)


@pytest.fixture
def other(bridge: RunningBridge, tmp_path: Path) -> Iterator[BaresipPhone]:
    """Somebody else in the call, on the plainest of phones."""
    settings = BaresipSettings(user="+12125550122", codec="PCMA", tone_hertz=OTHER_TONE)
    with baresip_phone(settings, tmp_path / "other") as phone:
        phone.call(NUMBER, "127.0.0.1", bridge.udp_port)
        yield phone


def strongest_tone(phone: BaresipPhone) -> float:
    """Hertz of what it heard most of in its last second."""
    samples, rate = phone.heard()
    last = samples[-rate:].astype(float)
    assert np.abs(last).mean() > 500, "heard next to nothing"
    return float(np.abs(np.fft.rfft(last * np.hanning(len(last)))).argmax()) * rate / len(last)


def record_of(world: CarrierWorld, caller: str) -> CallRecord:
    """The ended call's record."""
    found: list[CallRecord] = []

    def is_there() -> bool:
        found[:] = [record for record in world.records() if record.caller_number == caller][:1]
        return bool(found) and found[0].ended_at is not None

    wait_until(is_there, 30, "no record of the ended call")
    return found[0]


@pytest.mark.parametrize("media_encryption", ["", "srtp-mand"], ids=["RTP", "SRTP"])
@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "opus"])
def test_audio_both_ways(
    bridge: RunningBridge,
    world: CarrierWorld,
    other: BaresipPhone,
    tmp_path: Path,
    codec: str,
    media_encryption: str,
) -> None:
    settings = BaresipSettings(codec=codec, media_encryption=media_encryption, tone_hertz=440.0)
    with baresip_phone(settings, tmp_path / "phone") as phone:
        phone.call(NUMBER, "127.0.0.1", bridge.udp_port)
        time.sleep(TALK_SECONDS)  # Real phones talk in real time.
        phone.hang_up()
        assert strongest_tone(phone) == pytest.approx(OTHER_TONE, abs=2)
    other.hang_up()
    samples, rate = other.heard()
    spectrum = np.abs(np.fft.rfft(samples.astype(float)))
    assert float(spectrum.argmax()) * rate / len(samples) == pytest.approx(440.0, abs=2)
    record = record_of(world, settings.user)
    assert record.codec == codec
    assert record.quality["packets_lost"] == 0
    assert record.quality["packets_received"] > 25 * TALK_SECONDS


def test_audio_both_ways_over_ipv6(
    bridge: RunningBridge, world: CarrierWorld, other: BaresipPhone, tmp_path: Path
) -> None:
    settings = BaresipSettings(host="::1")
    with baresip_phone(settings, tmp_path / "phone") as phone:
        phone.call(NUMBER, "::1", bridge.udp_port)
        time.sleep(TALK_SECONDS)
        phone.hang_up()
        assert strongest_tone(phone) == pytest.approx(OTHER_TONE, abs=2)
    record = record_of(world, settings.user)
    assert record.source.startswith("udp:::1:")
    assert record.quality["packets_lost"] == 0
    assert record.quality["packets_received"] > 25 * TALK_SECONDS


@pytest.mark.parametrize("codec", ["PCMU", "G722", "opus"])
def test_digits_have_their_duration_beside_each_codec(
    bridge: RunningBridge, world: CarrierWorld, tmp_path: Path, codec: str
) -> None:
    """telephone-event runs at the codec's clock rate, 48000 Hz beside Opus (RFC 4733 section 2.1)."""
    settings = BaresipSettings(codec=codec)
    with baresip_phone(settings, tmp_path / "phone") as phone:
        phone.call(NUMBER, "127.0.0.1", bridge.udp_port)
        time.sleep(1)
        for digit in "19*":
            phone.command("sndcode", digit)
            time.sleep(0.4)
        phone.hang_up()
    record = record_of(world, settings.user)
    assert record.codec == codec
    durations = [step.detail["duration_ms"] for step in record.ladder if step.what == "dtmf"]
    assert len(durations) == 3
    assert all(100 <= duration <= 260 for duration in durations), durations
    # A second and a half of digits' time: were they taken for lost audio, it would be a third of the call.
    assert record.quality["concealed_ratio"] < 0.05


def test_tls_and_srtp_with_hold(
    bridge: RunningBridge, world: CarrierWorld, certificate: Path, other: BaresipPhone, tmp_path: Path
) -> None:
    settings = BaresipSettings(media_encryption="srtp-mand", certificate_authority=certificate)
    with baresip_phone(settings, tmp_path / "phone") as phone:
        phone.call(NUMBER, "127.0.0.1", bridge.sip["tls"][1], "tls")
        time.sleep(1)
        phone.command("hold")
        time.sleep(1)
        phone.command("resume")
        time.sleep(TALK_SECONDS)
        phone.hang_up()
        assert strongest_tone(phone) == pytest.approx(OTHER_TONE, abs=2)
    record = record_of(world, settings.user)
    assert record.source.startswith("tls:")
    assert [step.detail["send"] for step in record.ladder if step.what == "reoffered"] == [False, True]


def test_digest_digits_hold_and_resume(
    impatient_bridge: RunningBridge, world: CarrierWorld, tmp_path: Path
) -> None:
    settings = BaresipSettings(username=world.digest_trunk.username, password=PASSWORD)
    with baresip_phone(settings, tmp_path / "phone") as phone:
        phone.call(DIGEST_NUMBER, "127.0.0.1", impatient_bridge.udp_port)
        time.sleep(0.5)
        for digit in "5#0":
            phone.command("sndcode", digit)
            time.sleep(0.4)  # A digit takes 180 ms on this phone.
        phone.command("hold")
        time.sleep(1)
        phone.command("resume")
        time.sleep(1)
        phone.hang_up()
    record = record_of(world, settings.user)
    assert record.dtmf_count == 3
    steps = [(step.what, dict(step.detail)) for step in record.ladder]
    assert ("authenticated", {"by": "digest"}) in steps
    assert [detail for what, detail in steps if what == "reoffered"] == [
        {"send": False, "receive": True},
        {"send": True, "receive": True},
    ]
    assert record.termination is not None
    assert record.termination.value == "caller_hung_up"
