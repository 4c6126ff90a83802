"""Measuring a JPEG."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converter.formats import jpeg
from tests.converter.mp4_files import make_video

FRAME = b"\xff\xc0\x00\x0b\x08\x00\x01\x00\x02\x01\x01\x11\x00"
"""2x1 pixels, one component."""
SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
SMALL = b"\xff\xd8" + FRAME + SCAN + b"\x12\xff\x00\x34\xff\xd9"


def test_size_is_that_of_the_frame() -> None:
    assert jpeg.size(SMALL) == (2, 1)


def test_size_agrees_with_ffmpeg(tmp_path: Path) -> None:
    data = make_video(tmp_path / "x.jpg", "-frames:v", "1", "-update", "1", "-c:v", "mjpeg").read_bytes()
    assert jpeg.size(data) == (96, 64)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        SMALL + b"<script>",
        SMALL + SMALL,
        b"\xff\xd8" + SCAN + b"\xff\xd9",
        SMALL.replace(FRAME, FRAME[:5] + bytes(4) + FRAME[9:]),
        b"\xff\xd8\xff\xe0\x00\x00" + SMALL[2:],
        b"\xff\xd8\x00" + SMALL[2:],
    ],
)
def test_size_refuses_what_is_not_one_complete_jpeg(data: bytes) -> None:
    with pytest.raises(ValueError, match="JPEG"):
        jpeg.size(data)


@given(st.integers(0, len(SMALL) - 1))
def test_size_refuses_a_truncated_jpeg(length: int) -> None:
    with pytest.raises(ValueError, match="JPEG"):
        jpeg.size(SMALL[:length])
