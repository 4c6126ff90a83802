"""A GIF is believed only when it can be walked from header to trailer."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import gif
from tests.node.making import video

# 2x1, one frame of 70 ms, a table of two colours.
SMALL = (
    b"GIF89a\x02\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff"
    b"\x21\xf9\x04\x00\x07\x00\x00\x00"
    b"\x2c\x00\x00\x00\x00\x02\x00\x01\x00\x00\x02\x02\x44\x0a\x00\x3b"
)


def test_frames_size_and_duration_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.gif"
    path.write_bytes(SMALL)
    made = gif.measure(path)
    assert (made.width, made.height, made.frames, made.duration_seconds, made.bytes) == (2, 1, 1, 0.07, len(SMALL))


def test_it_agrees_with_what_ffmpeg_wrote(tmp_path: Path) -> None:
    made = gif.measure(video(tmp_path / "x.gif", "-f", "gif"))
    assert (made.width, made.height, made.frames) == (96, 64, 12)
    assert made.duration_seconds == pytest.approx(1, abs=0.05)


@given(st.integers(0, len(SMALL) - 1))
def test_a_gif_that_ends_early_is_refused(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.gif"
    path.write_bytes(SMALL[:length])
    with pytest.raises(ValueError, match="GIF"):
        gif.measure(path)
