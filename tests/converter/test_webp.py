"""Reading and writing animated WebP."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converter.formats import webp
from tests.converter.mp4_files import make_video, run_ffmpeg

ANIMATED = ("-c:v", "libwebp_anim", "-f", "webp")
LOSSY = b"\x10\x00\x00\x9d\x01\x2a\x02\x00\x01\x00"
"""The beginning of a lossy picture of 2x1 pixels."""


def chunk(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def header(*, width: int = 2, height: int = 1, flags: int = 2) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size)


LOOP = chunk(b"ANIM", bytes(6))


def frame(*, left: int = 0, width: int = 2, milliseconds: int = 70, picture: bytes = LOSSY) -> bytes:
    numbers = (left // 2, 0, width - 1, 0, milliseconds)
    return chunk(b"ANMF", b"".join(n.to_bytes(3, "little") for n in numbers) + b"\x02" + chunk(b"VP8 ", picture))


SMALL = riff(header(), LOOP, frame(), frame(milliseconds=30))


def read(data: bytes) -> webp.Webp:
    return webp.read(data, still_milliseconds=40)


def test_read_gives_size_frames_and_duration() -> None:
    found = read(SMALL)
    assert (found.width, found.height, len(found.frames), found.duration_seconds) == (2, 1, 2, 0.1)


def test_read_agrees_with_ffmpeg(tmp_path: Path) -> None:
    found = read(make_video(tmp_path / "x.webp", *ANIMATED).read_bytes())
    assert (found.width, found.height, len(found.frames)) == (96, 64, 12)
    assert found.duration_seconds == pytest.approx(1, abs=0.01)


def test_single_picture_is_one_frame(tmp_path: Path) -> None:
    found = read(make_video(tmp_path / "x.webp", "-frames:v", "1", "-c:v", "libwebp").read_bytes())
    assert (found.width, found.height, len(found.frames), found.duration_seconds) == (96, 64, 1, 0.04)


def test_what_is_written_is_read_back_and_shown(tmp_path: Path) -> None:
    made = read(make_video(tmp_path / "x.webp", "-pix_fmt", "yuva420p", *ANIMATED).read_bytes())
    (tmp_path / "again.webp").write_bytes(data := webp.write(made, plays=3))
    assert read(data) == made
    assert data[12:16] == b"VP8X"
    assert data[42:44] == (3).to_bytes(2, "little")  # the end of ANIM
    frames = sorted(run_ffmpeg(tmp_path / "%02d.png", "-i", str(tmp_path / "again.webp")).parent.glob("*.png"))
    assert len(frames) == 12


def test_parts_are_joined_in_their_order(tmp_path: Path) -> None:
    parts = [
        read(make_video(tmp_path / f"{n}.webp", "-vf", f"trim={n}:{n + 6}", *ANIMATED, source=source).read_bytes())
        for n, source in ((0, "testsrc2=s=96x64:d=6:r=2"), (6, "testsrc2=s=96x64:d=12:r=2"))
    ]
    joined = webp.join(parts)
    assert joined.frames == parts[0].frames + parts[1].frames
    assert read(webp.write(joined, plays=0)) == joined


def test_parts_of_different_sizes_are_not_joined() -> None:
    other = read(riff(header(width=4), LOOP, frame()))
    with pytest.raises(ValueError, match="do not fit"):
        webp.join([read(SMALL), other])


def malformed() -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "no RIFF", b"GIF89a" + bytes(20)
    yield "other RIFF", SMALL.replace(b"WEBP", b"WAVE", 1)
    yield "length beyond the end", SMALL[:4] + b"\xff\xff\xff\x7f" + SMALL[8:]
    yield "bytes behind the end", SMALL + b"<script>"
    yield "no chunks", riff()
    yield "header only", riff(header())
    yield "short header", riff(chunk(b"VP8X", b"\x02"), LOOP, frame())
    yield "no ANIM", riff(header(), frame())
    yield "no frames", riff(header(), LOOP)
    yield "metadata", riff(header(), LOOP, frame(), chunk(b"EXIF", b"secret"))
    yield "unknown chunk", riff(header(), LOOP, chunk(b"EVIL", b""), frame())
    yield "frame outside", riff(header(), LOOP, frame(left=2))
    yield "frame of another size", riff(header(width=4), LOOP, frame(width=4))
    yield "no picture", riff(header(), LOOP, chunk(b"ANMF", bytes(16)))
    yield "short frame", riff(header(), LOOP, chunk(b"ANMF", bytes(3)))
    yield "no key frame", riff(header(), LOOP, frame(picture=b"\x11" + LOSSY[1:]))
    yield "short picture", riff(header(), LOOP, frame(picture=LOSSY[:5]))
    yield "two pictures", riff(chunk(b"VP8 ", LOSSY), chunk(b"VP8 ", LOSSY))
    yield "lossless without its header", riff(chunk(b"VP8L", bytes(5)))


@pytest.mark.parametrize("data", [data for _, data in malformed()], ids=[name for name, _ in malformed()])
def test_read_refuses_what_is_not_one_complete_webp(data: bytes) -> None:
    with pytest.raises(ValueError, match="WebP"):
        read(data)


@given(st.integers(0, len(SMALL) - 1))
def test_read_refuses_a_truncated_webp(length: int) -> None:
    with pytest.raises(ValueError, match="WebP"):
        read(SMALL[:length])


@given(st.binary(max_size=200), st.integers(0, len(SMALL)))
def test_read_ends_with_a_webp_or_a_value_error(noise: bytes, at: int) -> None:
    try:
        found = read(SMALL[:at] + noise + SMALL[at + len(noise) :])
    except ValueError:
        return
    assert found.frames
