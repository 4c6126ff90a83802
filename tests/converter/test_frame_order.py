"""The order of the raw frames on disk."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converter.encoding import frame_order


def arranged(path: Path, frames: list[bytes], *, rest: bytes = b"", reverse: bool, boomerang: bool) -> list[bytes]:
    path.write_bytes(b"".join(frames) + rest)
    size = len(frames[0])
    file = os.open(path, os.O_RDWR)
    try:
        count = frame_order.arrange(file, count=len(frames), frame_bytes=size, reverse=reverse, boomerang=boomerang)
    finally:
        os.close(file)
    data = path.read_bytes()
    assert len(data) == count * size
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 16), st.booleans(), st.booleans(), st.binary(max_size=5))
def test_frames_are_in_the_order_of_the_gif(
    tmp_path_factory: pytest.TempPathFactory,
    count: int,
    size: int,
    chunk: int,
    reverse: bool,
    boomerang: bool,
    rest: bytes,
) -> None:
    frames = [os.urandom(size) for _ in range(count)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame_order, "CHUNK_BYTES", chunk)
        path = tmp_path_factory.getbasetemp() / "frames.raw"
        got = arranged(path, frames, rest=rest, reverse=reverse, boomerang=boomerang)
    expected = frames[::-1] if reverse else frames
    assert got == (expected + expected[-2:0:-1] if boomerang else expected)


def test_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: len(data) - 1)
    with pytest.raises(OSError, match="No space left"):
        arranged(tmp_path / "frames.raw", [b"abc", b"def"], reverse=True, boomerang=False)
