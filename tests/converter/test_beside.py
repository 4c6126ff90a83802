"""A poster and an animated WebP beside the GIF, made by the whole converter."""

import base64
import hashlib
import re
import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from tests.converter.mp4_files import H264, make_video, run_ffmpeg
from tests.converter.runs import Convert, Outcome

BOTH = ("--also", "poster,webp")
ALPHA = ("-c:v", "png", "-pix_fmt", "rgba", "-f", "mov")
"""Options of a video with transparency."""


def extras(run: Outcome) -> dict[str, dict[str, Any]]:
    """What the result says of the files beside the GIF, by kind."""
    assert run.result["verdict"] == "converted", run.stderr
    return {file["kind"]: file for file in run.result["also"]}


def pixel(picture: Path, at: str, *, frame: int = 0) -> tuple[int, ...]:
    """One pixel of a frame as red, green and blue."""
    binary = imageio_ffmpeg.get_ffmpeg_exe()
    filters = f"select='eq(n,{frame})',format=rgb24,crop=1:1:{at}:exact=1"
    command = [binary, "-v", "error", "-i", str(picture), "-vf", filters, "-frames:v", "1", "-f", "rawvideo", "-"]
    return tuple(subprocess.run(command, check=True, capture_output=True).stdout)


def frames_of(animation: Path, into: Path) -> list[str]:
    """Digests of all frames of an animation."""
    run_ffmpeg(into / "%04d.ppm", "-i", str(animation), "-fps_mode", "passthrough")
    return [hashlib.sha256(each.read_bytes()).hexdigest() for each in sorted(into.glob("*.ppm"))]


def read_alpha(picture: Path, frame: int, into: Path) -> bytes:
    """The opacity of each pixel of a frame."""
    filters = f"select='eq(n,{frame})',format=rgba,alphaextract"
    raw = run_ffmpeg(into / "alpha.raw", "-i", str(picture), "-vf", filters, "-frames:v", "1", "-f", "rawvideo")
    return raw.read_bytes()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("video") / "x.mp4", *H264, source="testsrc2=s=320x180:d=2:r=25")


def test_result_measures_the_files_that_are_left(convert: Convert, video: Path) -> None:
    run = convert(video, *BOTH)
    gif = run.result["gif"]
    for file in extras(run).values():
        data = (run.work / file["name"]).read_bytes()
        assert (file["width"], file["height"], file["bytes"]) == (gif["width"], gif["height"], len(data))
        assert file["sha256"] == hashlib.sha256(data).hexdigest()
        assert base64.b64decode(file["content_md5"]) == hashlib.md5(data, usedforsecurity=False).digest()
    webp = extras(run)["webp"]
    assert webp["frames"] == gif["frames"]
    assert webp["duration_seconds"] == pytest.approx(gif["duration_seconds"], abs=0.05)


def test_files_are_made_only_if_they_are_asked_for(convert: Convert, video: Path) -> None:
    run = convert(video)
    assert run.result["also"] == []
    assert not list(run.work.glob("out.[jw]*"))
    assert {path.name for path in convert(video, "--also", "webp").work.glob("out.*")} == {"out.gif", "out.webp"}


def test_webp_has_the_frames_of_the_gif(convert: Convert, video: Path, tmp_path: Path) -> None:
    run = convert(video, *BOTH, "--loop", "2")
    frames = frames_of(run.work / "out.webp", tmp_path)
    assert len(frames) == len(set(frames)) == run.result["gif"]["frames"]
    data = (run.work / "out.webp").read_bytes()
    assert data[42:44] == (3).to_bytes(2, "little")  # plays, once more than the GIF repeats
    for frame in (0, 11, 12, 23):  # on both sides of where its two parts are joined
        for at in ("20:20", "160:90", "300:170"):
            shown, in_gif = (pixel(run.work / name, at, frame=frame) for name in ("out.webp", "out.gif"))
            assert max(abs(a - b) for a, b in zip(shown, in_gif, strict=True)) < 60, (frame, at, shown, in_gif)


@pytest.mark.parametrize("seconds", [0.04, 0.2, 0.7])
def test_short_videos_have_files_beside_their_gif(convert: Convert, tmp_path: Path, seconds: float) -> None:
    source = f"testsrc2=s=96x64:d={seconds}:r=25"
    run = convert(make_video(tmp_path / "x.mp4", *H264, source=source), *BOTH)
    assert extras(run)["webp"]["frames"] == run.result["gif"]["frames"]


@pytest.mark.parametrize(
    ("start", "shown"),
    [("color=black", False), ("color=white", False), ("color=red", False), ("testsrc2", True)],
)
def test_poster_is_the_first_frame_that_shows_something(
    convert: Convert, tmp_path: Path, start: str, shown: bool
) -> None:
    first, rest = f"{start}{'=' if start == 'testsrc2' else ':'}s=96x64:d=1:r=12", "smptebars=s=96x64:d=1:r=12"
    source = f"{first}[a];{rest}[b];[a][b]concat"
    run = convert(make_video(tmp_path / "x.mp4", *H264, source=source), *BOTH)
    bars = pixel(run.work / "out.gif", "5:5", frame=20)
    poster = pixel(run.work / "out.jpg", "5:5")
    assert (max(abs(a - b) for a, b in zip(poster, bars, strict=True)) < 30) != shown


def test_poster_skips_a_fade_from_black(convert: Convert, tmp_path: Path) -> None:
    source = "testsrc2=s=96x64:d=3:r=12,fade=in:d=2"
    run = convert(make_video(tmp_path / "x.mp4", *H264, source=source), *BOTH)
    gray = run_ffmpeg(tmp_path / "gray.raw", "-i", str(run.work / "out.jpg"), "-pix_fmt", "gray", "-f", "rawvideo")
    assert max(gray.read_bytes()) >= 96


@pytest.mark.parametrize("colour", ["black", "white"])
def test_video_that_shows_nothing_has_a_poster(convert: Convert, tmp_path: Path, colour: str) -> None:
    run = convert(make_video(tmp_path / "x.mp4", *H264, source=f"color={colour}:s=96x64:d=1:r=12"), *BOTH)
    assert set(extras(run)) == {"poster", "webp"}


def test_transparent_video_has_a_transparent_webp_and_a_white_poster(convert: Convert, tmp_path: Path) -> None:
    half = "color=red:s=96x64:d=1:r=12,format=rgba,geq=r=255:g=0:b=0:a='255*gt(X,48)'"
    run = convert(make_video(tmp_path / "x.mov", *ALPHA, source=half), *BOTH)
    assert (run.work / "out.webp").read_bytes()[20] & 0x10
    assert min(pixel(run.work / "out.jpg", "10:30")) > 240
    red, green, blue = pixel(run.work / "out.jpg", "80:30")
    assert (red > 230, green < 30, blue < 30) == (True, True, True)
    assert extras(run)["webp"]["duration_seconds"] == pytest.approx(1, abs=0.05)


def test_moving_transparent_video_leaves_no_trail_in_its_webp(convert: Convert, tmp_path: Path) -> None:
    moving = "color=red:s=96x64:d=1:r=12,format=rgba,geq=r=255:g=0:b=0:a='255*between(X,8*N,8*N+8)'"
    run = convert(make_video(tmp_path / "x.mov", *ALPHA, source=moving), *BOTH)
    assert extras(run)["webp"]["frames"] == run.result["gif"]["frames"] == 12
    alpha = [read_alpha(run.work / "out.webp", frame, tmp_path) for frame in (0, 5, 11)]
    assert [sum(value > 128 for value in values) for values in alpha] == pytest.approx([8 * 64] * 3, abs=2 * 64)


def test_still_video_has_a_small_webp(convert: Convert, tmp_path: Path) -> None:
    source = "testsrc2=s=320x180:d=0.08:r=12,loop=59:1"
    run = convert(make_video(tmp_path / "x.mp4", *H264, source=source), *BOTH)
    assert run.result["gif"]["frames"] > 50
    assert extras(run)["webp"]["bytes"] < run.result["gif"]["bytes"]


def test_files_stay_under_the_byte_cap(convert: Convert, tmp_path: Path) -> None:
    noisy = make_video(tmp_path / "x.mp4", *H264, source="testsrc2=s=320x180:d=1:r=12,noise=alls=60:allf=t")
    run = convert(noisy, *BOTH, "--max-bytes", "60000")
    assert all(file["bytes"] <= 60_000 for file in extras(run).values())
    assert extras(run)["webp"]["width"] == run.result["gif"]["width"] < 320


def test_files_follow_a_gif_that_was_made_to_fit_a_budget(convert: Convert, video: Path) -> None:
    run = convert(video, *BOTH, "--budget", "30000")
    gif, webp = run.result["gif"], extras(run)["webp"]
    assert gif["bytes"] <= 30_000
    assert (webp["width"], webp["height"]) == (gif["width"], gif["height"])
    assert webp["frames"] == pytest.approx(gif["frames"], abs=1)
    assert webp["duration_seconds"] == pytest.approx(gif["duration_seconds"], abs=0.2)


def test_progress_reaches_one_with_files_beside_the_gif(convert: Convert, video: Path) -> None:
    run = convert(video, *BOTH)
    assert re.search('"fraction": 1.0', (run.work / "progress.json").read_text())
    assert run.result["sandbox"] == ["landlock", "seccomp"]
