"""Framing and time in the frames of the GIF, with the videos that make them hard."""

from pathlib import Path

import pytest

from tests.converter.mp4_files import H264, make_video, run_ffmpeg
from tests.converter.runs import Convert
from tests.support.gif_frames import Frames, frames_of, make_card


def converted(convert: Convert, video: Path, *flags: str) -> Frames:
    one = convert(video, *flags)
    assert one.verdict == "converted", one.result
    return frames_of(one.work / "out.gif")


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_card(tmp_path_factory.mktemp("card") / "card.mp4")


def test_crop_of_a_rotated_video_is_in_pixels_as_displayed(convert: Convert, card: Path, tmp_path: Path) -> None:
    upright = run_ffmpeg(tmp_path / "upright.mp4", "-display_rotation", "-90", "-i", str(card), "-c", "copy")
    whole = converted(convert, upright)
    assert (whole.width, whole.height) == (120, 160)
    assert whole.corners() == ("blue", "red", "yellow", "green")
    lower = converted(convert, upright, "--crop", "50:40:0:110")
    assert (lower.width, lower.height) == (50, 40)
    assert lower.corners() == ("yellow",) * 4


def test_crop_of_a_video_without_square_pixels_is_in_pixels_as_displayed(convert: Convert, tmp_path: Path) -> None:
    wide = make_card(tmp_path / "wide.mp4", "-vf", "setsar=2/1", *H264)
    right = converted(convert, wide, "--crop", "160:60:160:0")
    assert (right.width, right.height) == (80, 30)
    assert right.corners() == ("green",) * 4
    square = converted(convert, wide, "--crop", "1:1")
    assert (square.width, square.height) == (60, 60)


def test_crop_has_exact_edges(convert: Convert, card: Path) -> None:
    odd = converted(convert, card, "--crop", "21:17:69:43", "--duration", "0.5")
    assert (odd.width, odd.height) == (21, 17)


def test_transparent_video_is_cropped_and_reversed(convert: Convert, tmp_path: Path) -> None:
    graph = "color=red:s=64x48:d=1:r=8,format=rgba,drawbox=x=0:y=0:w=32:h=48:c=black@0:t=fill:replace=1"
    video = make_video(tmp_path / "v.mp4", "-c:v", "png", source=graph)
    gif = converted(convert, video, "--crop", "48:48:16:0", "--boomerang", "--reverse")
    assert (gif.width, gif.height) == (48, 48)
    assert {gif.pixel(frame, 0.1, 0.5)[3] for frame in range(len(gif.pictures))} == {0}
    assert {gif.pixel(frame, 0.6, 0.5)[3] for frame in range(len(gif.pictures))} == {255}


def test_boomerang_shows_no_frame_twice_in_a_row(convert: Convert, card: Path) -> None:
    gif = converted(convert, card, "--boomerang", "--fps", "5")
    shown = gif.brightness()
    assert len(shown) == 2 * 10 - 2
    assert gif.pictures[1:] == gif.pictures[:0:-1]
    assert shown[:10] == sorted(shown[:10])


@pytest.mark.parametrize("flags", [(), ("--boomerang",), ("--speed", "0.25"), ("--reverse", "--boomerang")])
def test_frame_cap_counts_the_frames_of_the_gif(convert: Convert, card: Path, flags: tuple[str, ...]) -> None:
    one = convert(card, "--max-frames", "9", *flags)
    assert 5 <= one.result["gif"]["frames"] <= 9


def test_rearranging_frames_takes_no_memory_for_them(convert: Convert, tmp_path: Path) -> None:
    # Most of the picture is still, because what moves is what encoding takes time for.
    graph = "color=gray:s=480x360:d=10:r=25[a];color=red:s=40x40:d=10:r=25[b];[a][b]overlay=x=n:y=100"
    video = make_video(tmp_path / "v.mp4", *H264, source=graph)
    flags = ("--width", "480", "--fps", "25")
    plain = convert(video, *flags).result
    turned = convert(video, *flags, "--reverse", "--boomerang").result
    assert turned["gif"]["frames"] > 450, "230 MB of raw frames"
    assert turned["peak_memory_bytes"] < plain["peak_memory_bytes"] + 30e6
