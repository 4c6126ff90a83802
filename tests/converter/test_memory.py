"""Peak memory of a conversion."""

import json
import subprocess
import sys
from pathlib import Path

from tests.converter.mp4_files import H264, make_video, run_ffmpeg
from tests.converter.runs import Convert


def test_memory_does_not_grow_with_the_length_of_the_video(convert: Convert, tmp_path: Path) -> None:
    base = make_video(tmp_path / "base.mp4", *H264, source="testsrc2=s=1920x1080:d=2:r=10")
    peaks = []
    for times in (15, 300):
        long = run_ffmpeg(tmp_path / f"{times}.mp4", "-stream_loop", str(times - 1), "-i", str(base), "-c", "copy")
        one = convert(long, "--width", "160", "--fps", "2", "--max-duration", "8")
        assert one.verdict == "converted"
        assert one.result["source"]["duration_seconds"] >= 2 * times - 1
        peaks.append(one.result["peak_memory_bytes"])
    assert max(peaks) < 400e6
    assert peaks[1] < peaks[0] + 30e6


def test_peak_memory_does_not_count_the_process_that_started_the_converter(converter: Path, tmp_path: Path) -> None:
    make_video(tmp_path / "input.mp4", *H264, source="testsrc2=s=64x64:d=1:r=10")
    ballast = b"x" * 200_000_000
    command = [sys.executable, "-I", str(converter), "input.mp4"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert json.loads((tmp_path / "result.json").read_text())["peak_memory_bytes"] < len(ballast)
