"""Pixels are held while they hardly change, and shown anew as soon as one channel does."""

import os
import random
from pathlib import Path

import pytest

from converter.encoding import stabilise


def held(frames: list[bytes], limit: int) -> list[bytes]:
    """The frames as `hold` must leave them, pixel by pixel."""
    shown = [frames[0]]
    for frame in frames[1:]:
        pixels = [(shown[-1][at : at + 3], frame[at : at + 3]) for at in range(0, len(frame), 3)]
        shown.append(
            b"".join(
                old if all(abs(a - b) <= limit for a, b in zip(old, new, strict=True)) else new for old, new in pixels
            )
        )
    return shown


@pytest.mark.parametrize("limit", [1, 4, stabilise.MAX_CHANGE])
@pytest.mark.parametrize("pixels", [1, 7, stabilise.CHUNK_BYTES // 3, stabilise.CHUNK_BYTES // 3 + 5])
def test_hold_keeps_each_pixel_until_a_channel_changes_by_more_than_the_limit(
    pixels: int, limit: int, tmp_path: Path
) -> None:
    random.seed(pixels * 100 + limit)
    extremes = (0, 1, limit, 127, 128, 129, 255 - limit, 254, 255)
    frames = [bytes(random.choices(extremes, k=3 * pixels))]  # noqa: S311
    for _ in range(5):
        nudges = random.choices((0, 0, 1, -1, limit, -limit, limit + 1, -limit - 1), k=3 * pixels)  # noqa: S311
        nudged = (value + nudge for value, nudge in zip(frames[-1], nudges, strict=True))
        frames.append(bytes(min(255, max(0, value)) for value in nudged))
    path = tmp_path / "frames"
    path.write_bytes(b"".join(frames))
    file = os.open(path, os.O_RDWR)
    try:
        stabilise.hold(file, count=len(frames), frame_bytes=3 * pixels, max_change=limit)
    finally:
        os.close(file)
    assert path.read_bytes() == b"".join(held(frames, limit))


def test_slow_fade_stays_within_the_limit_of_its_source(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    path.write_bytes(b"".join(bytes([level] * 3) for level in range(40)))
    file = os.open(path, os.O_RDWR)
    try:
        stabilise.hold(file, count=40, frame_bytes=3, max_change=4)
    finally:
        os.close(file)
    shown = path.read_bytes()[::3]
    assert len(set(shown)) == 8
    assert all(0 <= level - value <= 4 for level, value in enumerate(shown))


def test_no_limit_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    path.write_bytes(bytes(range(60)))
    file = os.open(path, os.O_RDONLY)
    try:
        stabilise.hold(file, count=2, frame_bytes=30, max_change=0)
    finally:
        os.close(file)
    assert path.read_bytes() == bytes(range(60))
