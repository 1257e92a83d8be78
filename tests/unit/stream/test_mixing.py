"""Remote tracks become one signal, stepped by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bridge.adapters.stream_audio import LONGEST_FRAMES, TARGET_FRAMES, WINDOW, TrackBuffer, TrackMixer, mono

RATE = 8000
FRAME = 160


def _constant(value: int, frames: int = 1) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.full(frames * FRAME, value, np.int16)


def test_silence_without_tracks() -> None:
    assert TrackMixer(RATE).step() == bytes(2 * FRAME)


def test_track_plays_once_its_target_is_waiting() -> None:
    buffer = TrackBuffer(RATE)
    buffer.write(_constant(7, TARGET_FRAMES - 1))
    assert buffer.read() is None
    buffer.write(_constant(7))
    played = buffer.read()
    assert played is not None
    assert (played == 7).all()


def test_track_that_ran_dry_gathers_again() -> None:
    buffer = TrackBuffer(RATE)
    buffer.write(_constant(7, TARGET_FRAMES))
    for _ in range(TARGET_FRAMES):
        assert buffer.read() is not None
    assert buffer.read() is None
    buffer.write(_constant(7))
    assert buffer.read() is None


def test_two_tracks_add_up_and_clip() -> None:
    mixer = TrackMixer(RATE)
    one, other = mixer.add_track(), mixer.add_track()
    one.write(_constant(30_000, TARGET_FRAMES))
    other.write(_constant(20_000, TARGET_FRAMES))
    assert set(np.frombuffer(mixer.step(), np.int16)) == {32_767}
    mixer.remove_track(other)
    assert set(np.frombuffer(mixer.step(), np.int16)) == {30_000}


def test_delay_is_bounded() -> None:
    buffer = TrackBuffer(RATE)
    for number in range(3 * LONGEST_FRAMES):
        buffer.write(_constant(number))
    played = buffer.read()
    assert played is not None
    assert set(played) == {2 * LONGEST_FRAMES}
    assert buffer.dropped_samples == 2 * LONGEST_FRAMES * FRAME


def test_burst_at_the_start_is_not_delay_for_ever() -> None:
    buffer = TrackBuffer(RATE)
    buffer.write(_constant(0, LONGEST_FRAMES))
    for number in range(1, 2 * WINDOW):
        buffer.write(_constant(number))
        buffer.read()
    played = buffer.read()
    assert played is not None
    assert 2 * WINDOW - 1 - int(played[0]) <= TARGET_FRAMES


@given(st.lists(st.integers(1, 3 * FRAME), min_size=1, max_size=40))
def test_what_is_played_is_what_came_in_order(lengths: list[int]) -> None:
    """Whatever the pieces: read as it is written, nothing is lost, doubled or turned round."""
    buffer = TrackBuffer(RATE)
    written, played = 0, []
    for length in lengths:
        buffer.write(np.arange(written, written + length).astype(np.int16))
        written += length
        while (frame := buffer.read()) is not None:
            assert len(frame) == FRAME
            played.append(frame)
    heard = np.concatenate(played) if played else np.zeros(0, np.int16)
    assert (heard == np.arange(len(heard)).astype(np.int16)).all()
    assert written - len(heard) < (TARGET_FRAMES + 4) * FRAME
    assert buffer.dropped_samples == 0


def test_stereo_becomes_the_average() -> None:
    assert list(mono(np.array([10, 20, -4, 4], np.int16), 2)) == [15, 0]
