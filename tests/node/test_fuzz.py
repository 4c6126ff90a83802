"""Flipped bits in valid MP4s: every one ends in a GIF or a verdict. GIFDROP_FUZZ=N tries N of them, 200 if unset."""

import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from node import gif
from tests.node.conftest import Convert, Outcome
from tests.node.making import H264, ffmpeg, video

CASES: Final = int(os.environ.get("GIFDROP_FUZZ", "200"))
PER_TEST: Final = 50


@pytest.fixture(scope="session")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Valid files of several kinds, as small as they can be."""
    folder = tmp_path_factory.mktemp("seeds")
    source = "testsrc2=s=48x32:d=0.5:r=8"
    plain = video(folder / "h264.mp4", *H264, source=source)
    deep = ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=none:pools=1")
    files = [
        plain,
        ffmpeg(folder / "fragments.mp4", "-i", str(plain), "-c", "copy", "-movflags", "frag_every_frame+empty_moov"),
        video(folder / "hevc.mp4", *deep, source="testsrc2=s=64x64:d=0.5:r=8"),
        video(folder / "mpeg4.mp4", "-c:v", "mpeg4", source=source),
        video(folder / "vp9.mp4", "-c:v", "libvpx-vp9", "-deadline", "realtime", source=source),
        video(folder / "png.mp4", "-c:v", "png", source=source),
    ]
    return [path.read_bytes() for path in files]


def flipped(data: bytes, chance: random.Random) -> bytes:
    """With one to thirty bits turned over: anywhere, or only among the boxes where every byte matters."""
    copy = bytearray(data)
    boxes = chance.random() < 0.6
    start = data.index(b"moov") if boxes else 0
    end = min(len(data), start + 700) if boxes else len(data)
    for _ in range(chance.randint(1, 30)):
        copy[chance.randrange(start, end)] ^= 1 << chance.randrange(8)
    return bytes(copy)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("batch", range(-(-CASES // PER_TEST)))
def test_flipped_bits_end_in_a_gif_or_a_verdict(
    convert: Convert, seeds: list[bytes], tmp_path: Path, batch: int
) -> None:
    chance = random.Random(batch)  # noqa: S311 - the same each time

    def attempt(number: int) -> Outcome:
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(damaged[number])
        return convert(path, "--max-duration", "5", "--width", "48")

    damaged = [flipped(seeds[i % len(seeds)], chance) for i in range(PER_TEST)]
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(attempt, range(PER_TEST)))
    for number, one in enumerate(outcomes):
        assert one.code == 0, (number, one.stderr)
        assert one.result["verdict"] in ("converted", "rejected"), number
        assert one.result["peak_memory_bytes"] < 400e6, number
        if one.verdict == "converted":
            assert gif.measure(one.work / "out.gif").frames >= 1, number
