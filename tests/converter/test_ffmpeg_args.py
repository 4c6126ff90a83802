"""Arguments of the passes over the untrusted file and over what came of it."""

from pathlib import Path

import pytest

from converter.encoding import ffmpeg_args
from converter.planning.options import parse
from converter.planning.plan import Plan, make_plan
from converter.video.container import Demuxer, demuxer_of
from converter.video.probe import Source


def plan(*flags: str, demuxer: Demuxer = "mov") -> Plan:
    source = Source(demuxer=demuxer, codec="h264", width=96, height=64, fps=12, max_fps=12, duration_seconds=4, bytes=1)
    return make_plan(source, parse([*flags, "input.video"]))


@pytest.mark.parametrize(
    ("header", "demuxer"),
    [
        (bytes.fromhex("1A45DFA3 9F4286810142F7"), "matroska"),
        (b"\0\0\0\x20ftypisom", "mov"),
        (b"\0\0\0\x08wide\0\0", "mov"),
        (b"#EXTM3U\n", "mov"),
        (b"ffconcat version", "mov"),
        (b"\x1a\x45\xdf", "mov"),
        (b"\0\x1a\x45\xdf\xa3", "mov"),
        (b"", "mov"),
    ],
)
def test_demuxer_follows_from_the_first_bytes(header: bytes, demuxer: Demuxer) -> None:
    assert demuxer_of(header) == demuxer


@pytest.mark.parametrize("demuxer", ["mov", "matroska"])
def test_untrusted_file_is_read_by_the_named_demuxer_only(demuxer: Demuxer) -> None:
    probing = ffmpeg_args.probe_args(Path("/in"), demuxer=demuxer, max_pixels=10)
    decoding = ffmpeg_args.decode_args(
        plan(demuxer=demuxer), frames=Path("/frames"), palette=Path("/palette"), max_pixels=10
    )
    for arguments in (probing, decoding):
        before = arguments[: arguments.index("-i")]
        assert before.count("-f") == 1
        assert before[before.index("-f") + 1] == demuxer
        assert before[before.index("-protocol_whitelist") + 1] == "file"
        assert arguments.count("-i") == 1


def test_second_pass_parses_no_container_that_the_decoder_wrote() -> None:
    square = plan("--crop", "1:1")
    arguments = ffmpeg_args.encode_args(
        square,
        square.settings,
        frames=Path("/frames"),
        palette=Path("/palette"),
        dither="none",
        target=Path("/gif"),
    )
    frames = arguments[: arguments.index("file:/frames")]
    assert frames[frames.index("-f") + 1] == "rawvideo"
    assert frames[frames.index("-video_size") + 1] == "64x64"
    assert frames[frames.index("-pixel_format") + 1] == "rgb24"
