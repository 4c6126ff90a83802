"""Valid videos with flipped bits, of every kind of input, end in a GIF or a verdict.

GIFDROP_FUZZ sets how many are tried, default 200.
"""

import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from converter.formats import gif
from tests.converter.mp4_files import H264, make_video, run_ffmpeg
from tests.converter.runs import Convert, Outcome

CASES: Final = int(os.environ.get("GIFDROP_FUZZ", "200"))
PER_TEST: Final = 50


@pytest.fixture(scope="session")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Small valid files in several codecs."""
    folder = tmp_path_factory.mktemp("seeds")
    source = "testsrc2=s=48x32:d=0.5:r=8"
    plain = make_video(folder / "h264.mp4", *H264, source=source)
    deep = ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=none:pools=1")
    files = [
        plain,
        run_ffmpeg(
            folder / "fragments.mp4", "-i", str(plain), "-c", "copy", "-movflags", "frag_every_frame+empty_moov"
        ),
        make_video(folder / "hevc.mp4", *deep, source="testsrc2=s=64x64:d=0.5:r=8"),
        make_video(folder / "mpeg4.mp4", "-c:v", "mpeg4", source=source),
        make_video(folder / "vp9.mp4", "-c:v", "libvpx-vp9", "-deadline", "realtime", source=source),
        make_video(folder / "png.mp4", "-c:v", "png", source=source),
        make_video(folder / "h264.mov", *H264, source=source),
        make_video(folder / "vp8.webm", "-c:v", "libvpx", "-deadline", "realtime", source=source),
        make_video(folder / "vp9.webm", "-c:v", "libvpx-vp9", "-deadline", "realtime", source=source),
        run_ffmpeg(folder / "h264.mkv", "-i", str(plain), "-c", "copy"),
        run_ffmpeg(folder / "live.webm", "-i", str(plain), "-c:v", "libvpx", "-f", "webm", "-live", "1"),
        run_ffmpeg(folder / "hevc.mkv", "-i", str(folder / "hevc.mp4"), "-c", "copy", "-cues_to_front", "1"),
    ]
    return [path.read_bytes() for path in files]


def with_flipped_bits(data: bytes, rng: random.Random) -> bytes:
    """`data` with one to thirty bits flipped, anywhere or only in the 700 bytes that describe the video."""
    copy = bytearray(data)
    index_only = rng.random() < 0.6
    start = max(0, data.find(b"moov")) if index_only else 0
    end = min(len(data), start + 700) if index_only else len(data)
    for _ in range(rng.randint(1, 30)):
        copy[rng.randrange(start, end)] ^= 1 << rng.randrange(8)
    return bytes(copy)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("batch", range(-(-CASES // PER_TEST)))
def test_files_with_flipped_bits_end_in_a_gif_or_a_verdict(
    convert: Convert, seeds: list[bytes], tmp_path: Path, batch: int
) -> None:
    rng = random.Random(batch)  # noqa: S311 - reproducible, not secret

    def attempt(number: int) -> Outcome:
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(damaged[number])
        return convert(path, "--max-duration", "5", "--width", "48")

    damaged = [with_flipped_bits(seeds[i % len(seeds)], rng) for i in range(PER_TEST)]
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(attempt, range(PER_TEST)))
    for number, one in enumerate(outcomes):
        assert one.code == 0, (number, one.stderr)
        assert one.result["verdict"] in ("converted", "rejected"), number
        assert one.result["peak_memory_bytes"] < 400e6, number
        if one.verdict == "converted":
            assert gif.measure((one.work / "out.gif").read_bytes()).frames >= 1, number
