"""The jitter buffer on bad networks, in virtual time: what is heard, how late, and what was made up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bridge.media.codec import AudioFormat, make_decoder, make_encoder
from bridge.media.g711 import Samples
from bridge.media.playout import Playout
from tests.unit.media.loss_patterns import (
    Network,
    bursts,
    drift,
    gaps,
    jitter,
    random_loss,
    stalls,
    steady,
)
from tests.unit.media.virtual_phones import OPUS, PCMU, speech_like, tone, tone_level

SECONDS = 20.0
FRAME = 160


@dataclass
class Played:
    """What came out, and the buffer that it came from."""

    playout: Playout
    heard: Samples
    silent_frames: int


def play(network: Network, audio: AudioFormat = PCMU, speech: Samples | None = None) -> Played:
    """Send speech through a network and a buffer; pulls each 20 ms, packets taken at 5 ms ticks."""
    speech = speech_like(SECONDS) if speech is None else speech
    count = len(speech) // FRAME
    encoder = make_encoder(audio, 8000, 5)
    encoder.adapt(5, 10)
    payloads = [encoder.encode(speech[FRAME * n : FRAME * (n + 1)]) for n in range(count)]
    ticks = audio.clock_rate // 50
    playout = Playout(make_decoder(audio, 8000), audio.clock_rate, 8000)
    arrivals = network(count)
    heard: list[Samples] = []
    silent = 0
    position = 0
    for tick in range(int(arrivals[-1].seconds / 0.005)):
        now = tick * 0.005
        while position < len(arrivals) and arrivals[position].seconds <= now:
            number = arrivals[position].number
            playout.insert((0xFFFFF000 + number * ticks) & 0xFFFFFFFF, payloads[number], now)
            position += 1
        if tick % 4 == 0:
            frame = playout.pull(now)
            assert frame is None or (len(frame) == FRAME and frame.dtype == np.int16)
            silent += frame is None and len(heard) > 0
            if frame is not None or heard:
                heard.append(np.zeros(FRAME, np.int16) if frame is None else frame)
    return Played(playout, np.concatenate(heard), silent)


@pytest.mark.parametrize("audio", [PCMU, OPUS])
def test_a_steady_stream_comes_out_whole_and_at_once(audio: AudioFormat) -> None:
    speech = speech_like(SECONDS)
    played = play(steady, audio, speech)
    counts = played.playout.counts
    assert (counts.concealed, counts.late, counts.duplicated, counts.shortened, counts.lengthened) == (
        0,
        0,
        0,
        0,
        0,
    )
    assert played.playout.delay < 0.005
    assert counts.played == pytest.approx(len(speech), abs=2 * FRAME)


@pytest.mark.parametrize("audio", [PCMU, OPUS])
@pytest.mark.parametrize("share", [0.01, 0.03, 0.05, 0.10])
def test_random_loss_is_concealed_and_nothing_else_is(audio: AudioFormat, share: float) -> None:
    count = int(SECONDS * 50)
    lost = count - len(random_loss(share)(count))
    played = play(random_loss(share), audio)
    counts = played.playout.counts
    made_up = (counts.concealed + counts.recovered) / FRAME
    assert lost <= made_up + 1
    assert made_up <= 1.15 * lost + 3
    assert counts.late == 0
    assert played.silent_frames == 0


def test_lost_opus_packets_are_recovered_from_the_next_ones() -> None:
    count = int(SECONDS * 50)
    lost = count - len(random_loss(0.05)(count))
    played = play(random_loss(0.05), OPUS)
    assert played.playout.counts.recovered / FRAME > 0.6 * lost
    assert 0.015 < played.playout.delay < 0.03  # it waits for one packet more, as there is loss
    assert play(steady, OPUS).playout.delay < 0.005


@pytest.mark.parametrize("length", [2, 3, 5])
def test_bursts_are_concealed_and_playing_goes_on_in_place(length: int) -> None:
    played = play(bursts(length, 50))
    counts = played.playout.counts
    lost = int(SECONDS) * length
    assert counts.concealed / FRAME <= lost + 5
    assert counts.late == 0
    assert played.playout.delay < 0.005


@pytest.mark.parametrize("milliseconds", [20.0, 40.0, 60.0])
@pytest.mark.parametrize("reorder", [False, True])
def test_jitter_is_evened_out(milliseconds: float, reorder: bool) -> None:
    played = play(jitter(milliseconds, reorder=reorder))
    assert played.playout.counts.concealed_ratio < 0.03
    assert played.playout.delay <= milliseconds / 1000 + 0.006


def test_a_duplicate_that_still_waits_is_counted_and_dropped() -> None:
    playout = Playout(make_decoder(PCMU, 8000), 8000, 8000)
    playout.insert(160, b"\x00" * 160, 0.0)
    playout.insert(160, b"\xff" * 160, 0.0)
    assert playout.counts.duplicated == 1
    frame = playout.pull(0.0)
    assert frame is not None
    assert abs(int(frame[0])) > 30000


def test_after_gaps_the_audio_goes_on_and_delay_comes_back_down() -> None:
    played = play(gaps(200, 6.0))
    assert played.playout.counts.concealed_ratio < 0.06
    tail = play(lambda count: gaps(200, 6.0)(count)[: count - 10])
    assert tail.playout.delay < 0.25


def test_stalls_are_learned_and_hardly_heard() -> None:
    played = play(stalls(120, 0.5))
    assert played.playout.counts.concealed_ratio < 0.03
    assert played.playout.delay < 0.13


def test_a_long_silence_ends_in_nothing_and_comes_back() -> None:
    speech = tone(440, 4)
    played = play(
        lambda count: [arrival for arrival in steady(count) if not 60 <= arrival.number < 140], speech=speech
    )
    silence = played.heard[FRAME * 90 : FRAME * 130].astype(np.float64)
    assert np.sqrt(np.mean(np.square(silence))) < 210  # comfort noise, at its loudest
    assert tone_level(played.heard[-FRAME * 30 :], 440) > 7000


@pytest.mark.parametrize("parts_per_million", [200.0, -200.0, 1000.0, -1000.0])
def test_a_drifting_sender_is_followed_without_loss(parts_per_million: float) -> None:
    speech = speech_like(120.0)
    played = play(drift(parts_per_million), speech=speech)
    counts = played.playout.counts
    assert counts.concealed_ratio < 0.004
    assert played.silent_frames == 0
    moved = 120 * 8000 * parts_per_million / 1e6
    assert counts.lengthened - counts.shortened + counts.concealed == pytest.approx(moved, abs=500)


def test_concealment_keeps_the_voice_going() -> None:
    speech = tone(200, 3) + tone(400, 3, level=4000.0)
    played = play(random_loss(0.05), speech=speech)
    clean = tone_level(played.heard[8000:20000], 200)
    assert clean > 7400


def test_losses_do_not_click() -> None:
    speech = tone(300, 6)
    played = play(random_loss(0.05), speech=speech)
    steps = np.abs(np.diff(played.heard[4000:].astype(np.int32)))
    natural = 8000 * 2 * np.pi * 300 / 8000
    assert steps.max() < 2.5 * natural


def test_timestamps_that_jump_start_a_new_timeline() -> None:
    playout = Playout(make_decoder(PCMU, 8000), 8000, 8000)
    payload = make_encoder(PCMU, 8000, 5).encode(tone(440, 0.02))
    heard = []
    for number in range(100):
        base = 1000 if number < 50 else 3_000_000_000
        playout.insert(base + 160 * number, payload, 0.02 * number)
        heard.append(playout.pull(0.02 * number) is not None)
    assert heard.count(False) <= 2
    assert playout.counts.concealed <= 2 * FRAME
    for number in range(100, 150):
        playout.insert(2_900_000_000 + 160 * number, payload, 0.02 * number)
        heard.append(playout.pull(0.02 * number) is not None)
    assert heard.count(False) <= 10


def test_invalid_payloads_are_counted_and_concealed() -> None:
    playout = Playout(make_decoder(OPUS, 8000), 48000, 8000)
    for number in range(50):
        playout.insert(960 * number, b"\xff" * 3 if number % 2 else b"", 0.02 * number)
        playout.pull(0.02 * number)
    assert playout.counts.invalid >= 49
