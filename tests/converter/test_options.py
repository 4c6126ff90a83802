"""The converter's command line: defaults, bounds, verdicts for invalid options, and their effect on the GIF."""

import contextlib
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converter.planning.options import BOUNDS, parse
from converter.verdict import Rejected
from shared.options import Options, options_from
from shared.services.batch.task_spec import command_line
from shared.settings import read_settings
from shared.targets import TARGETS
from tests.converter.mp4_files import H264, make_video
from tests.converter.runs import Convert
from tests.support.settings import MINIMAL_SETTINGS


def test_defaults_are_balanced_from_the_start_looping_forever() -> None:
    options = parse(["input.mp4"])
    assert (options.preset, options.width, options.fps, options.start, options.loop) == ("balanced", None, None, 0.0, 0)


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_are_inclusive(name: str) -> None:
    _, low, high, _ = BOUNDS[name]
    for value in (low, high):
        parse([f"--{name}", f"{value:g}" if value < 1e5 else str(int(value)), "input.mp4"])
    for value in (low - 1, high + 1):
        with pytest.raises(Rejected) as caught:
            parse([f"--{name}={value:.0f}", "input.mp4"])
        assert caught.value.code == "InvalidOption"


@pytest.mark.parametrize(
    "metadata",
    [
        {"preset": "small", "width": "16", "fps": "1", "start": "0", "duration": "0.1", "loop": "0", "speed": "0.25"},
        {"preset": "best", "width": "1920", "fps": "50", "start": "86400", "duration": "600", "loop": "65535"},
        {"height": "16", "fit": "exact", "crop": "999:1", "max_bytes": "1000", "reverse": "true"},
        {"height": "1920", "fit": "cover", "crop": "16:16:65535:65535", "max_bytes": "256MiB", "boomerang": "true"},
        {"fit": "inside", "crop": "65535:65535:0:0", "speed": "8", "duration": "4800", "also": "webp,poster"},
        *({"target": name} for name in TARGETS),
    ],
)
def test_converter_accepts_every_option_that_the_app_accepts(metadata: dict[str, str]) -> None:
    options = options_from(metadata, Options(), max_seconds=600)
    settings = replace(read_settings(MINIMAL_SETTINGS), max_seconds=600)
    script = shlex.split(command_line(options, settings))[2]
    parsed = parse(shlex.split(script.rpartition('/launch.py" ')[2]))
    for name in ("preset", "width", "height", "fps", "start", "duration", "reverse", "boomerang", "loop", "also"):
        assert getattr(parsed, name) == getattr(options, name)
    assert (parsed.fit, parsed.speed) == (options.fit or "inside", options.speed or 1)
    crop = parsed.crop
    shown = crop and [number for number in (crop.width, crop.height, crop.left, crop.top) if number is not None]
    assert (shown and ":".join(map(str, shown))) == options.crop
    target = TARGETS.get(options.target or "")
    assert parsed.budget == (target.bytes if target else options.max_bytes)
    assert (parsed.max_width, parsed.max_height) == ((target.width, target.height) if target else (None, None))
    assert parsed.max_frames == (target.frames if target and target.frames else 1800)


@pytest.mark.parametrize(
    "flags",
    [
        ["--width", "wide"],
        ["--width", "1e2"],
        ["--fps", "nan"],
        ["--fps", "inf"],
        ["--preset", "ultra"],
        ["--pre", "best"],
        ["--output", "/etc/passwd"],
        ["--loop", "-1"],
        ["--loop", "65536"],
        ["--height", "15"],
        ["--fit", "stretch"],
        ["--crop", "1:1:1"],
        ["--crop", "iw:ih:0:0"],
        ["--crop", "٤:٣"],
        ["--crop", "0:0:0:0"],
        ["--crop", "16:16:65536:0"],
        ["--crop", "15:16:0:0"],
        ["--speed", "0"],
        ["--reverse=1"],
        ["--budget", "10MB"],
        ["--also", "poster,gif"],
        ["--also", ""],
        ["second.mp4"],
    ],
)
def test_invalid_options_are_rejected(flags: list[str]) -> None:
    with pytest.raises(Rejected, match=r"options are not valid") as caught:
        parse([*flags, "input.mp4"])
    assert caught.value.code == "InvalidOption"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--width", "5"], "width must be a whole number from 16 to 1920, not '5'"),
        (["--fps", "x" * 99], f"fps must be a number from 1 to 50, not '{'x' * 40}'"),
        (["--crop", "x" * 99], f"crop must be an aspect or width:height:x:y, not '{'x' * 40}'"),
        (["--also", "gif"], "also must be of poster, webp, not 'gif'"),
    ],
)
def test_message_says_what_an_option_must_be(flags: list[str], message: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse([*flags, "input.mp4"])
    assert caught.value.message.endswith(f": {message}.")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=6))
def test_arbitrary_arguments_parse_or_are_rejected(arguments: list[str]) -> None:
    with contextlib.suppress(Rejected):
        assert isinstance(parse(arguments).source, Path)


def test_invalid_options_exit_with_0_and_a_verdict(convert: Convert, tmp_path: Path) -> None:
    one = convert(make_video(tmp_path / "v.mp4", "-t", "0.2", *H264), "--width", "0")
    assert (one.code, one.verdict) == (0, "InvalidOption")
    assert "16" in one.result["message"]


def test_options_take_effect_in_the_gif(convert: Convert, tmp_path: Path) -> None:
    source = make_video(tmp_path / "v.mp4", *H264, source="testsrc2=s=128x96:d=3:r=20")
    flags = ("--width", "64", "--fps", "5", "--start", "1", "--duration", "1.5", "--loop", "3")
    one = convert(source, *flags)
    made = one.result["gif"]
    assert (made["width"], made["height"]) == (64, 48)
    assert made["frames"] in (7, 8)
    assert made["duration_seconds"] == pytest.approx(1.5, abs=0.2)
    assert b"NETSCAPE2.0\x03\x01\x03\x00" in (one.work / "out.gif").read_bytes()


def test_start_beyond_the_end_is_rejected(convert: Convert, tmp_path: Path) -> None:
    one = convert(make_video(tmp_path / "v.mp4", *H264), "--start", "5")
    assert one.verdict == "InvalidOption"
    assert "ends at 1 s" in one.result["message"]


def test_start_after_the_last_picture_is_rejected(convert: Convert, tmp_path: Path) -> None:
    sound = ("-f", "lavfi", "-i", "sine=d=4", "-c:a", "aac")
    one = convert(make_video(tmp_path / "v.mp4", *sound, *H264), "--start", "3")
    assert one.verdict == "InvalidOption"
    assert "no picture after 3 s" in one.result["message"]


def test_variable_frame_rate_is_not_limited_to_its_average(convert: Convert, tmp_path: Path) -> None:
    gap = "select='lt(t,1)+gt(t,5)',setpts=PTS"
    source = "testsrc2=s=64x64:d=6:r=20"
    one = convert(make_video(tmp_path / "v.mp4", "-vf", gap, "-fps_mode", "vfr", *H264, source=source), "--fps", "12")
    assert one.result["source"]["fps"] < 10
    assert one.result["gif"]["frames"] > 60


def test_video_over_the_duration_cap_is_cut_with_a_note(convert: Convert, tmp_path: Path) -> None:
    one = convert(make_video(tmp_path / "v.mp4", *H264, source="testsrc2=s=32x32:d=4:r=5"), "--max-duration", "2")
    assert one.result["gif"]["duration_seconds"] == pytest.approx(2, abs=0.3)
    assert any("only 2 of 4 seconds" in note for note in one.result["notes"])


def test_frame_rate_is_lowered_to_stay_under_the_frame_cap(convert: Convert, tmp_path: Path) -> None:
    one = convert(make_video(tmp_path / "v.mp4", *H264, source="testsrc2=s=32x32:d=4:r=10"), "--max-frames", "8")
    assert one.result["gif"]["frames"] <= 9
    assert one.result["gif"]["duration_seconds"] == pytest.approx(4, abs=0.6)
    assert any("8 frames" in note for note in one.result["notes"])


def test_gif_over_the_byte_cap_is_reduced_with_a_note(convert: Convert, tmp_path: Path) -> None:
    source = make_video(tmp_path / "v.mp4", *H264, source="mandelbrot=s=200x160:r=10:end_scale=0.01,trim=duration=2")
    cut = ("--duration", "2")
    whole = convert(source, *cut).result["gif"]
    cap = whole["bytes"] // 2
    one = convert(source, *cut, "--max-bytes", str(cap))
    made = one.result["gif"]
    assert made["bytes"] <= cap
    assert 0.4 * whole["width"] < made["width"] < whole["width"]
    assert made["frames"] == whole["frames"]
    assert any("reduced to" in note for note in one.result["notes"])


def test_gif_over_the_byte_cap_at_any_size_is_too_large(convert: Convert, tmp_path: Path) -> None:
    one = convert(make_video(tmp_path / "v.mp4", *H264), "--max-bytes", "1024")
    assert one.verdict == "TooLarge"
    assert not (one.work / "out.gif").exists()


def test_video_over_the_pixel_cap_is_too_large(convert: Convert, tmp_path: Path) -> None:
    one = convert(make_video(tmp_path / "v.mp4", *H264), "--max-pixels", "6000")
    assert one.verdict == "TooLarge"
    assert one.result["evidence"]
