"""Measuring a GIF."""

import base64
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converter.formats import gif
from tests.converter.mp4_files import make_video

# 2x1 pixels, one frame of 70 ms, two colours.
SMALL = (
    b"GIF89a\x02\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff"
    b"\x21\xf9\x04\x00\x07\x00\x00\x00"
    b"\x2c\x00\x00\x00\x00\x02\x00\x01\x00\x00\x02\x02\x44\x0a\x00\x3b"
)


def test_measure_counts_size_frames_and_duration() -> None:
    made = gif.measure(SMALL)
    assert (made.width, made.height, made.frames, made.duration_seconds, made.bytes) == (2, 1, 1, 0.07, len(SMALL))


def test_measure_agrees_with_ffmpeg(tmp_path: Path) -> None:
    made = gif.measure(make_video(tmp_path / "x.gif", "-f", "gif").read_bytes())
    assert (made.width, made.height, made.frames) == (96, 64, 12)
    assert made.duration_seconds == pytest.approx(1, abs=0.05)


@given(st.integers(0, len(SMALL) - 1))
def test_measure_refuses_a_truncated_gif(length: int) -> None:
    with pytest.raises(ValueError, match="GIF"):
        gif.measure(SMALL[:length])


def test_measure_gives_the_digests_of_the_bytes() -> None:
    made = gif.measure(SMALL)
    assert made.sha256 == hashlib.sha256(SMALL).hexdigest()
    assert base64.b64decode(made.content_md5) == hashlib.md5(SMALL, usedforsecurity=False).digest()
