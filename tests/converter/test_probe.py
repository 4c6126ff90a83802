"""Parsing ffmpeg's description of a file."""

from pathlib import Path

import pytest

from converter.verdict import NodeFailure, Rejected
from converter.video import probe

HEAD = [
    "ffmpeg version n9.0 Copyright",
    "Input #0, mov,mp4, from 'file:x':",
    "  Duration: 00:01:02.50, start: 0.000000",
]
SQUARE = "yuv420p(progressive), 320x240 [SAR 1:1 DAR 4:3], 333 kb/s, 30 fps, 30 tbr, 15360 tbn (default)"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "x.mp4"
    path.write_bytes(b"\0\0\0\x20ftypisom")
    return path


def read(file: Path, video: str, *more: str, max_pixels: int = 40_000_000) -> probe.Source:
    return probe.read([*HEAD, f"  Stream #0:0[0x1](und): {video}", *more], path=file, max_pixels=max_pixels)


def test_read_parses_codec_size_rate_and_duration(file: Path) -> None:
    source = read(file, f"Video: h264 (High) (avc1 / 0x31637661), {SQUARE}")
    assert (source.codec, source.width, source.height, source.fps) == ("h264", 320, 240, 30.0)
    assert (source.duration_seconds, source.ffmpeg_version) == (62.5, "n9.0")


@pytest.mark.parametrize(
    ("aspect", "turn", "shape"),
    [
        ("SAR 1:1 DAR 4:3", None, (320, 240)),
        ("SAR 2:1 DAR 8:3", None, (320, 120)),
        ("SAR 1:2 DAR 2:3", None, (160, 240)),
        ("SAR 1:1 DAR 4:3", "-90.00", (240, 320)),
        ("SAR 1:1 DAR 4:3", "180.00", (320, 240)),
        ("SAR 2:1 DAR 8:3", "90.00", (120, 320)),
        ("SAR 0:1 DAR 0:1", None, (320, 240)),
    ],
)
def test_shape_is_rotated_with_square_pixels(
    file: Path, aspect: str, turn: str | None, shape: tuple[float, float]
) -> None:
    more = [f"      Display Matrix: rotation of {turn} degrees"] if turn else []
    assert read(file, f"Video: h264, {SQUARE.replace('SAR 1:1 DAR 4:3', aspect)}", *more).shape == shape


def test_shape_of_the_container_overrides_that_of_the_codec(file: Path) -> None:
    both = "yuv420p(progressive), 720x480 [SAR 1:1 DAR 3:2], 90 kb/s, SAR 32:27 DAR 16:9, 12 fps, 12 tbr, 12288 tbn"
    assert read(file, f"Video: h264, {both}").shape == pytest.approx((720, 405))


def test_cropping_of_the_container_is_subtracted(file: Path) -> None:
    more = ["    Side data:", "      Frame Cropping: 10/20/4/6", "      Display Matrix: rotation of -90.00 degrees"]
    source = read(file, f"Video: h264, {SQUARE}", *more)
    assert (source.width, source.height, source.rotation, source.shape) == (290, 230, 90, (230, 290))
    for absurd in ("4000000000/0/0/0", "160/160/120/120", "0/0/0/4000000000"):
        uncut = read(file, f"Video: h264, {SQUARE}", f"      Frame Cropping: {absurd}")
        assert (uncut.width, uncut.height) == (320, 240)


def test_rotation_of_another_stream_is_ignored(file: Path) -> None:
    other = ["  Stream #0:1[0x2]: Video: h264", "      Display Matrix: rotation of -90.00 degrees"]
    assert read(file, f"Video: h264, {SQUARE}", *other).rotation == 0


def test_variable_rate_has_an_average_and_a_maximum(file: Path) -> None:
    source = read(file, "Video: h264, yuv420p, 320x240, 9 kb/s, 2.12 fps, 30 tbr, 15360 tbn")
    assert (source.fps, source.max_fps) == (2.12, 30.0)


@pytest.mark.parametrize(
    ("rates", "fps", "most"),
    [("30 tbr", 30, 30), ("90k tbr", 90_000, 90_000), ("0 fps, 0 tbr", None, None), ("", None, None)],
)
def test_rate_is_the_base_rate_of_the_stream_or_unknown_where_there_is_no_average(
    file: Path, rates: str, fps: float | None, most: float | None
) -> None:
    source = read(file, f"Video: h264, yuv420p, 320x240, {rates}, 15360 tbn")
    assert (source.fps, source.max_fps) == (fps, most)


@pytest.mark.parametrize(("content", "demuxer"), [(b"\0\0\0\x20ftypisom", "mov"), (b"\x1aE\xdf\xa3", "matroska")])
def test_demuxer_is_that_of_the_first_bytes(file: Path, content: bytes, demuxer: str) -> None:
    file.write_bytes(content)
    source = read(file, f"Video: h264, {SQUARE}")
    assert (source.demuxer, source.bytes, source.rotation) == (demuxer, len(content), 0)


@pytest.mark.parametrize(
    ("transfer", "found"), [("smpte2084", "smpte2084"), ("arib-std-b67", "arib-std-b67"), ("bt709", None)]
)
def test_hdr_transfer_is_detected(file: Path, transfer: str, found: str | None) -> None:
    pixels = f"yuv420p10le(tv, bt2020nc/bt2020/{transfer}, progressive), 64x48, 12 fps, 12 tbr"
    source = read(file, f"Video: hevc (Main 10) (hvc1 / 0x31637668), {pixels}")
    assert source.hdr_transfer == found
    assert source.pixel_format == "yuv420p10le"


@pytest.mark.parametrize(
    ("pixels", "alpha"),
    [
        *[(name, True) for name in ("rgba", "argb", "bgra", "abgr", "yuva420p", "ya8", "gbrap", "pal8", "rgba64be")],
        *[(name, False) for name in ("rgb24", "yuv420p", "gbrp", "gray", "yuyv422")],
    ],
)
def test_transparency_is_detected(file: Path, pixels: str, alpha: bool) -> None:
    found = read(file, f"Video: png (png  / 0x20676E70), {pixels}(pc, gbr/unknown/unknown), 64x48, 12 fps, 12 tbr")
    assert found.alpha == alpha


def test_cover_picture_is_not_a_video(file: Path) -> None:
    with pytest.raises(Rejected) as caught:
        read(file, "Video: png, rgb24(pc), 64x64, 90k tbr, 90k tbn (attached pic)")
    assert caught.value.code == "NoVideoStream"


def test_video_over_twelve_hours_is_too_long(file: Path) -> None:
    lines = ["Input #0, mov", "  Duration: 30:00:00.00, start: 0", f"  Stream #0:0: Video: h264, {SQUARE}"]
    with pytest.raises(Rejected) as caught:
        probe.read(lines, path=file, max_pixels=10**6)
    assert caught.value.code == "TooLong"
    assert "30:00:00" in (caught.value.evidence or "")


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        (["  Stream #0:0: Audio: aac"], "This file has sound but no video."),
        (["  Stream #0:0: Subtitle: mov_text"], "This file has no video."),
        ([], "This file has neither video nor sound."),
    ],
)
def test_file_without_video_is_rejected_with_what_it_has(file: Path, streams: list[str], message: str) -> None:
    with pytest.raises(Rejected) as caught:
        probe.read([*HEAD, *streams], path=file, max_pixels=10**6)
    assert (caught.value.code, caught.value.message) == ("NoVideoStream", message)
    assert caught.value.evidence == (streams[0].strip() if streams else HEAD[1])


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "vp9", "vp8", "mpeg4", "mjpeg", "png"])
def test_codec_of_phones_cameras_and_browsers_is_accepted(file: Path, codec: str) -> None:
    assert read(file, f"Video: {codec}, {SQUARE}").codec == codec


def test_other_codec_is_rejected_with_its_stream(file: Path) -> None:
    with pytest.raises(Rejected) as caught:
        read(file, f"Video: theora, {SQUARE}")
    message = "Videos encoded as theora are not supported; use H.264, HEVC, AV1, VP9 or VP8."
    assert (caught.value.code, caught.value.message) == ("UnsupportedCodec", message)
    assert (caught.value.evidence or "").startswith("Stream #0:0[0x1](und): Video: theora")


def test_frames_may_have_as_many_pixels_as_the_limit(file: Path) -> None:
    assert read(file, f"Video: h264, {SQUARE}", max_pixels=320 * 240).width == 320
    with pytest.raises(Rejected) as caught:
        read(file, f"Video: h264, {SQUARE}", max_pixels=320 * 240 - 1)
    message = "The video's frames are too large: the limit is 0.076799 megapixels."
    assert (caught.value.code, caught.value.message) == ("TooLarge", message)


def test_frames_without_a_size_are_too_large_only_if_ffmpeg_says_so(file: Path) -> None:
    unknown = "Video: h264, yuv420p, 30 fps, 30 tbr"
    with pytest.raises(Rejected) as caught:
        read(file, unknown)
    assert caught.value.code == "NothingDecoded"
    with pytest.raises(Rejected) as caught:
        read(file, unknown, "[h264 @ 0x1] Picture size 99999x99999 exceeds specified max pixel count 1")
    assert caught.value.code == "TooLarge"
    assert caught.value.evidence == "[h264 @ 0x1] Picture size 99999x99999 exceeds specified max pixel count 1"


@pytest.mark.parametrize(("duration", "code"), [("12:00:00.00", None), ("12:00:00.01", "TooLong"), ("N/A", None)])
def test_video_may_last_twelve_hours_or_an_unknown_time(file: Path, duration: str, code: str | None) -> None:
    lines = ["Input #0, mov", f"  Duration: {duration}, start: 0", f"  Stream #0:0: Video: h264, {SQUARE}"]
    if code is None:
        assert probe.read(lines, path=file, max_pixels=10**6).duration_seconds in (12 * 3600, None)
        return
    with pytest.raises(Rejected) as caught:
        probe.read(lines, path=file, max_pixels=10**6)
    assert caught.value.code == code


CUT_MP4 = "The file is cut off or damaged: it starts like an MP4, but its index (moov) is missing or unreadable."
CUT_MKV = "The file is cut off or damaged: it starts like a WebM or Matroska video, but cannot be read."


@pytest.mark.parametrize(
    ("content", "line", "code", "message"),
    [
        (b"", "Invalid data found", "NotAVideo", "The file is empty."),
        *[
            (b"\0\0\0\x20" + box, "moov atom not found", "Truncated", CUT_MP4)
            for box in (b"ftyp", b"mdat", b"moov", b"wide", b"free", b"skip")
        ],
        (b"\x1aE\xdf\xa3", "Invalid data found", "Truncated", CUT_MKV),
        (
            b"GIF89a\0\0",
            "Error opening input",
            "NotAVideo",
            "The file is not an MP4, MOV, WebM or Matroska video.",
        ),
        (b"x", "[mov] exceeds max_streams 64", "TooLarge", "The file has too many tracks: the limit is 64."),
    ],
)
def test_file_that_ffmpeg_cannot_open_is_rejected_by_how_it_begins(
    file: Path, content: bytes, line: str, code: str, message: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(Rejected) as caught:
        probe.read(["ffmpeg version 9", f"  {line}"], path=file, max_pixels=10**6)
    assert (caught.value.code, caught.value.message, caught.value.evidence) == (code, message, line)


@pytest.mark.parametrize("line", ["x: Permission denied", "x: No such file or directory"])
def test_file_that_the_node_cannot_open_is_a_failure_of_the_node(file: Path, line: str) -> None:
    with pytest.raises(NodeFailure):
        probe.read([line], path=file, max_pixels=10**6)
