"""Budgets, through the converter: the GIF is under the limit, and the notes say what was given up."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from tests.converter.mp4_files import H264, make_video
from tests.converter.runs import Convert, Outcome

ZOOM = "mandelbrot=s=320x240:r=12:end_scale=0.05,trim=duration=4"
NOISE = "nullsrc=s=320x180:d=4:r=12,geq=random(1)*255:128:128"
STILL = "testsrc=s=640x360:r=12,trim=end_frame=1,loop=240:1,trim=duration=10"
ALPHA = ("-c:v", "png", "-pix_fmt", "rgba")


@pytest.fixture(scope="module")
def zoom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds in which every pixel moves."""
    return make_video(tmp_path_factory.mktemp("videos") / "zoom.mp4", *H264, source=ZOOM)


@pytest.fixture(scope="module")
def full(convert: Convert, zoom: Path) -> Outcome:
    """The conversion of `zoom` without a budget."""
    return convert(zoom)


def reduction(one: Outcome) -> str:
    """The note that says what was given up."""
    [note] = [note for note in one.result["notes"] if note.startswith("reduced to ")]
    return str(note)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
def test_gif_uses_most_of_its_budget_and_never_more(convert: Convert, zoom: Path, full: Outcome, share: float) -> None:
    limit = round(share * full.result["gif"]["bytes"])
    one = convert(zoom, "--budget", str(limit))
    assert 0.75 * limit <= one.result["gif"]["bytes"] <= limit
    assert (one.work / "out.gif").stat().st_size == one.result["gif"]["bytes"]
    assert 1 <= one.result["encodes"] <= 4
    assert reduction(one).endswith(f", to stay under {limit} bytes")


def test_nothing_is_given_up_if_the_preset_fits(convert: Convert, zoom: Path, full: Outcome) -> None:
    one = convert(zoom, "--budget", "20000000")
    assert one.result["gif"] == full.result["gif"]
    assert (one.result["notes"], one.result["encodes"]) == ([], 1)


def test_nothing_is_given_up_if_the_preset_fits_exactly(convert: Convert, zoom: Path, full: Outcome) -> None:
    one = convert(zoom, "--budget", str(full.result["gif"]["bytes"]))
    assert one.result["gif"] == full.result["gif"]
    assert one.result["notes"] == []


def test_note_names_the_size_that_was_given_up(convert: Convert, zoom: Path) -> None:
    one = convert(zoom, "--budget", "300000")
    made = one.result["gif"]
    assert f"{made['width']}x{made['height']} instead of 320x240" in reduction(one)


def test_operators_cap_limits_a_larger_budget(convert: Convert, zoom: Path) -> None:
    one = convert(zoom, "--budget", "20000000", "--max-bytes", "200000")
    assert one.result["gif"]["bytes"] <= 200_000
    assert reduction(one).endswith(", to stay under 200000 bytes")


def test_still_picture_keeps_its_size_though_footage_would_not_fit(convert: Convert, tmp_path: Path) -> None:
    one = convert(make_video(tmp_path / "v.mp4", *H264, source=STILL), "--budget", "60000")
    assert one.result["gif"]["width"] == 480
    assert one.result["notes"] == []


def test_exact_size_is_kept(convert: Convert, zoom: Path) -> None:
    flags = ("--width", "128", "--height", "128", "--fit", "exact")
    full = convert(zoom, *flags).result["gif"]
    one = convert(zoom, *flags, "--budget", str(full["bytes"] // 2))
    made = one.result["gif"]
    assert (made["width"], made["height"]) == (128, 128)
    assert made["bytes"] <= full["bytes"] // 2
    assert "instead of 128x128" not in reduction(one)


def test_transparent_video_stays_transparent_within_its_budget(convert: Convert, tmp_path: Path) -> None:
    source = (
        "color=red@0.0:s=320x180:d=3:r=12,format=rgba,"
        "geq=r='random(1)*255':g='X':b='Y':a='if(between(X-T*50,0,99)*between(Y,20,119),255,0)'"
    )
    video = make_video(tmp_path / "v.mp4", *ALPHA, source=source)
    full = convert(video).result["gif"]
    one = convert(video, "--budget", str(full["bytes"] // 3))
    assert one.result["gif"]["bytes"] <= full["bytes"] // 3
    reduction(one)
    assert _alpha_of_the_top_left_pixel(one.work / "out.gif") == 0


def test_single_frame_gives_up_no_frames(convert: Convert, tmp_path: Path) -> None:
    video = make_video(tmp_path / "v.mp4", *H264, source="testsrc2=s=640x360:d=0.04:r=25")
    one = convert(video, "--budget", "5000")
    assert one.result["gif"]["frames"] == 1
    assert one.result["gif"]["bytes"] <= 5000
    assert "frames a second" not in reduction(one)


@pytest.mark.parametrize("size", ["2x2", "8x6", "16x300", "300x16"])
def test_tiny_video_fits_or_is_too_large(convert: Convert, tmp_path: Path, size: str) -> None:
    one = convert(make_video(tmp_path / "v.mp4", *H264, source=f"testsrc2=s={size}:d=2:r=12"), "--budget", "1000")
    assert (one.code, one.verdict) in ((0, "converted"), (0, "TooLarge"))
    if one.result["gif"]:
        assert one.result["gif"]["bytes"] <= 1000


def test_long_trivial_video_fits_a_small_budget(convert: Convert, tmp_path: Path) -> None:
    one = convert(make_video(tmp_path / "v.mp4", *H264, source="color=red:s=320x180:d=60:r=12"), "--budget", "20000")
    assert one.result["gif"]["bytes"] <= 20_000


def test_too_large_names_the_smallest_gif(convert: Convert, tmp_path: Path) -> None:
    video = make_video(tmp_path / "v.mp4", *H264, source=NOISE)
    one = convert(video, "--budget", "1000")
    assert (one.code, one.verdict) == (0, "TooLarge")
    assert not (one.work / "out.gif").exists()
    smallest = int(one.result["message"].rpartition(" has ")[2].removesuffix(" bytes."))
    assert convert(video, "--budget", str(smallest)).verdict == "converted"


def test_reversed_boomerang_is_under_its_budget(convert: Convert, zoom: Path) -> None:
    one = convert(zoom, "--budget", "200000", "--boomerang", "--reverse", "--speed", "2")
    assert one.result["gif"]["bytes"] <= 200_000
    assert one.result["gif"]["duration_seconds"] == pytest.approx(4, abs=0.4)


def _alpha_of_the_top_left_pixel(gif: Path) -> int:
    crop = "format=rgba,crop=1:1:0:0"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(gif), "-vf", crop, "-frames:v", "1"]
    return subprocess.run([*command, "-f", "rawvideo", "-"], check=True, capture_output=True).stdout[3]
