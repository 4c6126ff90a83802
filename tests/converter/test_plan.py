"""Plans: the size, the part of the picture and the frames that options and caps lead to."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converter.planning.budget import Settings
from converter.planning.options import parse
from converter.planning.plan import MAX_TOTAL_PIXELS, Plan, make_plan
from converter.verdict import Rejected
from converter.video.probe import Source


def source(width: int = 1920, height: int = 1080, seconds: float | None = 10, **more: Any) -> Source:
    values: dict[str, Any] = {"codec": "h264", "fps": 30.0, "max_fps": 30.0, "bytes": 1} | more
    return Source(width=width, height=height, duration_seconds=seconds, **values)


def plan(flags: str, of: Source | None = None) -> Plan:
    return make_plan(of or source(), parse([*flags.split(), "input.mp4"]))


@pytest.mark.parametrize(
    ("flags", "size"),
    [
        ("", (480, 270)),
        ("--width 320", (320, 180)),
        ("--height 240", (427, 240)),
        ("--width 320 --height 100", (178, 100)),
        ("--width 100 --height 100", (100, 56)),
        ("--width 100 --height 100 --fit cover", (100, 100)),
        ("--width 100 --height 100 --fit exact", (100, 100)),
        ("--crop 1:1", (480, 480)),
        ("--crop 1:1 --height 128", (128, 128)),
        ("--crop 640:360:0:0", (480, 270)),
        ("--crop 100:50:1820:1030", (100, 50)),
        ("--max-width 128 --max-height 128", (128, 72)),
        ("--max-width 128 --max-height 128 --crop 1:1", (128, 128)),
        ("--width 640 --height 480 --fit exact --max-width 128 --max-height 128", (128, 96)),
        ("--width 100 --fit cover", (100, 56)),
        ("--height 100 --fit cover", (178, 100)),
        ("--max-height 100", (178, 100)),
        ("--max-width 1920 --max-height 1920", (480, 270)),
    ],
)
def test_size_follows_the_options(flags: str, size: tuple[int, int]) -> None:
    made = plan(flags)
    assert (made.width, made.height) == size


@pytest.mark.parametrize(
    ("flags", "size"),
    [
        ("--width 300", (64, 48)),
        ("--height 300", (64, 48)),
        ("--width 300 --height 300", (64, 48)),
        ("--width 300 --height 300 --fit cover", (48, 48)),
        ("--width 300 --height 300 --fit exact", (300, 300)),
        ("--width 320 --fit exact", (320, 240)),
        ("--height 240 --fit exact", (320, 240)),
    ],
)
def test_only_exact_enlarges_a_small_video(flags: str, size: tuple[int, int]) -> None:
    made = plan(flags, source(64, 48))
    assert (made.width, made.height) == size


def test_height_is_kept_for_a_film_but_not_for_a_strip() -> None:
    assert plan("--height 200", source(2400, 1000)).height == 200
    strip = plan("--height 200", source(20_000, 1000))
    assert (strip.width, strip.height) == (800, 40)


def test_gif_is_at_most_twice_as_high_and_four_times_as_wide_as_the_side_that_was_set() -> None:
    high, wide = plan("--width 100", source(1000, 10_000)), plan("--height 100", source(10_000, 1000))
    assert ((high.width, high.height), (wide.width, wide.height)) == ((20, 200), (400, 40))


@pytest.mark.parametrize(("width", "height", "size"), [(20_000, 1, (480, 1)), (1, 20_000, (1, 960))])
def test_gif_has_at_least_one_pixel(width: int, height: int, size: tuple[int, int]) -> None:
    made = plan("", source(width, height))
    assert (made.width, made.height) == size


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        ("--width 100 --height 100", (420 / 1920, 0, 1080 / 1920, 1)),
        ("--width 400 --height 100", (0, 300 / 1080, 1, 480 / 1080)),
        ("--width 160 --height 90", (0, 0, 1, 1)),
    ],
)
def test_cover_shows_the_middle_of_the_picture(flags: str, shown: tuple[float, float, float, float]) -> None:
    region = plan(f"{flags} --fit cover").region
    assert (region.left, region.top, region.width, region.height) == pytest.approx(shown)


def test_cover_shows_the_middle_of_the_crop() -> None:
    region = plan("--crop 1000:500:100:200 --width 100 --height 100 --fit cover").region
    assert (region.left * 1920, region.top * 1080) == pytest.approx((350, 200))
    assert (region.width * 1920, region.height * 1080) == pytest.approx((500, 500))


def test_crop_is_in_pixels_as_players_show_them() -> None:
    wide = source(720, 576, sample_aspect=64 / 45)
    assert wide.display == pytest.approx((1024, 576))
    region = plan("--crop 512:288:512:0", wide).region
    assert (region.left, region.top, region.width, region.height) == pytest.approx((0.5, 0, 0.5, 0.5))
    upright = source(720, 576, sample_aspect=64 / 45, rotation=90)
    assert plan("--crop 288:512:0:512", upright).region.top == pytest.approx(0.5)


@pytest.mark.parametrize("flags", ["--crop 1921:16:0:0", "--crop 16:16:1905:0", "--crop 16:16:0:1065"])
def test_crop_beyond_the_picture_is_rejected(flags: str) -> None:
    with pytest.raises(Rejected, match=r"not within the picture, which has 1920x1080 pixels") as caught:
        plan(flags)
    assert caught.value.code == "InvalidOption"


def test_crop_of_the_whole_picture_needs_no_crop() -> None:
    assert plan("--crop 1920:1080:0:0").region.whole
    assert plan("--crop 16:9").region.whole


def test_size_over_a_cap_is_noted_only_if_the_owner_set_a_size() -> None:
    assert plan("--max-width 128 --max-height 128").notes == ()
    assert plan("--width 640 --max-width 128").notes == ("128x72, the most that is allowed",)
    assert plan("--height 480 --max-width 128").notes == ("128x72, the most that is allowed",)
    assert plan("--width 128 --max-width 128").notes == ()
    assert plan("--width 128 --max-width 640").notes == ()


@pytest.mark.parametrize(
    ("flags", "seconds", "frames"),
    [
        ("--fps 10", 10, 101),
        ("--fps 10 --speed 2", 5, 51),
        ("--fps 10 --speed 0.5", 20, 201),
        ("--fps 10 --duration 4 --speed 2", 2, 21),
        ("--fps 10 --boomerang", 10, 101),
        ("--fps 10 --boomerang --max-duration 10", 5, 51),
        ("--fps 10 --speed 0.25 --max-duration 10", 10, 76),
    ],
)
def test_speed_and_boomerang_change_the_seconds_of_the_gif(flags: str, seconds: float, frames: int) -> None:
    made = plan(flags)
    assert (made.duration, made.expected_seconds, made.max_frames) == (seconds, seconds, frames)


def test_cut_is_noted_in_seconds_of_the_video() -> None:
    assert plan("--speed 2 --max-duration 3").notes == (
        "only 6 of 10 seconds of the video: the GIF may last 3 seconds",
    )
    assert plan("--boomerang --max-duration 4").notes[0].startswith("only 2 of 10 seconds")


@pytest.mark.parametrize(
    ("flags", "fps", "noted"),
    [
        ("--fps 10 --max-frames 100", 10, False),
        ("--fps 20 --max-frames 100", 10, True),
        ("--fps 20 --max-frames 100 --boomerang", 5, True),
        ("--fps 20 --max-frames 100 --speed 2", 20, False),
    ],
)
def test_frame_rate_is_lowered_for_the_cap_on_frames(flags: str, fps: float, noted: bool) -> None:
    made = plan(flags)
    assert made.fps == fps
    assert made.notes == ((f"{fps} frames a second, to stay under 100 frames",) if noted else ())


@pytest.mark.parametrize(("flags", "frames"), [("", 9), ("--boomerang", 5), ("--reverse", 9)])
def test_boomerang_decodes_half_of_the_frames_that_the_cap_allows(flags: str, frames: int) -> None:
    assert plan(f"--fps 10 --max-frames 9 {flags}").max_frames == frames


def test_size_is_lowered_for_the_cap_on_all_pixels() -> None:
    made = plan("--width 1920 --fps 30")
    assert 0.99 * MAX_TOTAL_PIXELS < made.width * made.height * made.fps * made.duration <= MAX_TOTAL_PIXELS
    assert made.width / made.height == pytest.approx(16 / 9, rel=0.01)
    assert made.notes == (f"{made.width}x{made.height}, to stay under 300 million pixels over all frames",)


def test_start_beyond_the_end_is_rejected_if_the_end_is_known() -> None:
    with pytest.raises(Rejected, match=r"start at 10 s, but the video ends at 10 s") as caught:
        plan("--start 10")
    assert caught.value.code == "InvalidOption"
    assert plan("--start 9.5").duration == 0.5
    assert plan("--start 10", source(seconds=None)).start == 10


@pytest.mark.parametrize(("pixel_format", "size"), [("yuv420p", 3), ("yuva444p12le", 4)])
def test_raw_frame_has_a_byte_for_each_channel(pixel_format: str, size: int) -> None:
    made = plan("--width 320", source(pixel_format=pixel_format))
    assert (made.pixel_bytes, made.frame_bytes) == (size, 320 * 180 * size)


def test_scaled_plan_has_at_least_one_pixel() -> None:
    half = plan("--width 320").scaled(0.5)
    assert (half.width, half.height) == (160, 90)
    none = half.scaled(0.001)
    assert (none.width, none.height) == (1, 1)


def test_gif_lasts_no_longer_than_the_video_whatever_was_asked_for() -> None:
    assert plan("--duration 60").duration == 10
    assert plan("--duration 60 --start 4 --speed 2").duration == 3


def test_video_of_no_length_is_converted_from_its_start() -> None:
    assert plan("", source(seconds=0)).duration == 0


@pytest.mark.parametrize(("max_fps", "fps"), [(None, 12), (30.0, 12), (6.0, 6), (0.25, 1)])
def test_frame_rate_is_that_of_the_preset_or_the_source_but_at_least_1(max_fps: float | None, fps: float) -> None:
    assert plan("", source(max_fps=max_fps)).fps == fps


@pytest.mark.parametrize(("flags", "colours"), [("", 256), ("--preset small", 96), ("--preset small --width 64", 120)])
def test_settings_have_the_size_the_rate_and_the_colours_of_the_preset(flags: str, colours: int) -> None:
    made = plan(flags)
    assert made.settings == Settings(width=made.width, height=made.height, fps=made.fps, colours=colours)


def test_order_and_loop_are_those_of_the_options() -> None:
    made = plan("--reverse --boomerang --loop 3 --speed 2 --start 1")
    assert (made.reverse, made.boomerang, made.loop, made.speed, made.start) == (True, True, 3, 2, 1)
    assert (plan("").reverse, plan("").boomerang, plan("").loop) == (False, False, 0)


def test_fast_video_has_more_frames_a_second_than_its_source() -> None:
    slow = source(fps=4.0, max_fps=4.0)
    assert plan("--fps 20", slow).fps == 4
    assert plan("--fps 20 --speed 4", slow).fps == 16
    assert plan("--fps 20 --speed 0.5", slow).fps == 2


flag_lists = st.fixed_dictionaries(
    {},
    optional={
        "width": st.integers(16, 1920),
        "height": st.integers(16, 1920),
        "fit": st.sampled_from(["inside", "cover", "exact"]),
        "crop": st.tuples(st.integers(1, 999), st.integers(1, 999)).map(lambda aspect: f"{aspect[0]}:{aspect[1]}"),
        "fps": st.integers(1, 50),
        "speed": st.sampled_from([0.25, 0.5, 1, 2, 8]),
        "duration": st.integers(1, 480),
        "boomerang": st.just(None),
        "max-duration": st.integers(1, 600),
        "max-width": st.integers(16, 1920),
        "max-height": st.integers(16, 1920),
        "max-frames": st.integers(1, 10_000),
    },
).map(lambda flags: " ".join(f"--{name}" + ("" if value is None else f" {value}") for name, value in flags.items()))


@settings(max_examples=50, deadline=None)
@given(
    flag_lists,
    st.integers(1, 8000),
    st.integers(1, 8000),
    st.none() | st.floats(0.1, 43_200),
    st.floats(0.05, 20),
    st.sampled_from([0, 90, 180, 270]),
)
def test_plan_keeps_within_its_bounds(
    flags: str, width: int, height: int, seconds: float | None, aspect: float, rotation: int
) -> None:
    video = source(width, height, seconds, sample_aspect=aspect, rotation=rotation)
    options = parse([*flags.split(), "input.mp4"])
    made = make_plan(video, options)
    region = made.region
    assert 0 <= region.left <= region.left + region.width <= 1 + 1e-9
    assert 0 <= region.top <= region.top + region.height <= 1 + 1e-9
    assert 1 <= made.width <= (options.max_width or 65_535)
    assert 1 <= made.height <= (options.max_height or 65_535)
    passes = 2 if options.boomerang else 1
    total = max(1, passes * made.max_frames - (2 if options.boomerang else 0))
    assert total <= options.max_frames
    assert passes * made.duration <= options.max_duration + 1e-6
    assert made.width * made.height * max(1, passes * made.duration * made.fps) <= MAX_TOTAL_PIXELS * 1.001
    if options.fit != "exact":
        assert made.width <= round(video.shape[0]) or made.width == 1
        assert made.height <= round(video.shape[1]) or made.height == 1
    assert made.source == Path("input.mp4").absolute()
