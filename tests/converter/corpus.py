"""A corpus of hostile and unusual files, each with its allowed verdicts."""

import random
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.converter import matroska_corpus
from tests.converter.matroska_corpus import BROKEN, OK, Recipe
from tests.converter.mp4_files import H264, box, make_video, patched, run_ffmpeg

CUTS: Final = 20
Case = tuple[Path, tuple[str, ...]]
"""A file and its allowed verdicts."""


def build(folder: Path, *, canary: Path, listener: str) -> dict[str, Case]:
    """Name -> case. Converting them must touch neither `canary`, a local file, nor `listener`, a host:port."""
    plain = make_video(folder / "plain.mp4", "-g", "4", *H264)
    fast = run_ffmpeg(folder / "fast.mp4", "-i", str(plain), "-c", "copy", "-movflags", "faststart")
    recipes = {
        **_streams(plain),
        **_pictures(),
        **_bytes(plain, fast),
        **_scripts(plain, canary, listener),
        **matroska_corpus.recipes(folder, canary=canary, listener=listener),
    }

    def make(item: tuple[str, Recipe]) -> tuple[str, Case]:
        name, (write, allowed) = item
        path = folder / f"{name}.mp4"
        write(path)
        return name, (path, allowed)

    with ThreadPoolExecutor(2) as pool:
        cases = dict(pool.map(make, recipes.items()))
    return {**cases, "plain": (plain, (OK,)), "fast": (fast, (OK,))}


def _streams(plain: Path) -> dict[str, Recipe]:
    """Missing, additional and unsupported streams; other containers."""
    sound = ("-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac")
    cover = ("-map", "0", "-map", "1", "-c:a", "aac", "-c:v", "png", "-disposition:v:0", "attached_pic")
    picture = ("-f", "lavfi", "-i", "sine=d=1", "-f", "lavfi", "-i", "color=s=32x32:d=0.1", *cover)

    def subtitles(path: Path) -> None:
        script = path.with_suffix(".srt")
        script.write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
        run_ffmpeg(path, "-i", str(script), "-c:s", "mov_text")

    fragments = ("-movflags", "frag_keyframe+empty_moov")
    return {
        "audio-only": (lambda p: run_ffmpeg(p, *sound), ("NoVideoStream",)),
        "subtitles-only": (subtitles, ("NoVideoStream",)),
        "audio-with-cover": (lambda p: run_ffmpeg(p, *picture, "-t", "1"), ("NoVideoStream",)),
        "two-videos": (lambda p: run_ffmpeg(p, "-i", str(plain), "-map", "0", "-map", "0", "-c", "copy"), (OK,)),
        "sound-and-picture": (lambda p: run_ffmpeg(p, "-i", str(plain), *sound, "-c:v", "copy"), (OK,)),
        "fragmented": (lambda p: run_ffmpeg(p, "-i", str(plain), "-c", "copy", *fragments), (OK,)),
        "mpeg2": (lambda p: make_video(p, "-c:v", "mpeg2video"), ("UnsupportedCodec",)),
        "ffv1-in-quicktime": (lambda p: make_video(p, "-c:v", "ffv1", "-f", "mov"), ("UnsupportedCodec",)),
        "webm-renamed": (lambda p: make_video(p, "-c:v", "libvpx-vp9", "-f", "webm"), (OK,)),
        "avi-renamed": (lambda p: make_video(p, "-c:v", "mpeg4", "-f", "avi"), ("NotAVideo",)),
        "gif-renamed": (lambda p: make_video(p, "-f", "gif"), ("NotAVideo",)),
        "transport-stream-renamed": (lambda p: make_video(p, *H264, "-f", "mpegts"), ("NotAVideo",)),
    }


def _pictures() -> dict[str, Recipe]:
    """Unusual frame sizes, shapes, pixel formats and timing."""
    deep = ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=none:pools=1")
    pq = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    hlg = "setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc"
    full = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p")
    uneven = "select='not(between(mod(n,12),2,8))',setpts=PTS+0.01*random(1)/TB"
    return {
        "one-frame": (lambda p: make_video(p, "-frames:v", "1", *H264), (OK,)),
        "two-frames": (lambda p: make_video(p, "-frames:v", "2", *H264), (OK,)),
        "one-pixel": (lambda p: make_video(p, "-c:v", "png", source="color=s=1x1:d=1:r=5"), (OK,)),
        "odd-size": (lambda p: make_video(p, *full, source="testsrc2=s=33x17:d=1:r=10,format=rgb24"), (OK,)),
        "tall": (lambda p: make_video(p, *H264, source="testsrc2=s=16x900:d=1:r=4"), (OK,)),
        "wide": (lambda p: make_video(p, *H264, source="testsrc2=s=1600x8:d=1:r=4"), (OK,)),
        "wide-pixels": (lambda p: make_video(p, "-vf", "setsar=4/1", *H264), (OK,)),
        "narrow-pixels": (lambda p: make_video(p, "-vf", "setsar=1/3", *H264), (OK,)),
        "ten-bit": (lambda p: make_video(p, *deep), (OK,)),
        "hdr-pq": (lambda p: make_video(p, "-vf", pq, *deep), (OK,)),
        "hdr-that-becomes-odd": (
            lambda p: make_video(p, "-vf", hlg, *deep, source="testsrc2=s=540x960:d=0.2:r=10"),
            (OK,),
        ),
        "hdr-hlg": (lambda p: make_video(p, "-vf", hlg, *deep), (OK,)),
        "transparent": (lambda p: make_video(p, "-pix_fmt", "rgba", "-c:v", "png"), (OK,)),
        "uneven-rate": (lambda p: make_video(p, "-vf", uneven, "-fps_mode", "vfr", *H264), (OK,)),
        "thousand-frames-a-second": (lambda p: make_video(p, *H264, source="testsrc2=s=32x32:d=0.3:r=1000"), (OK,)),
        "one-frame-in-ten-seconds": (lambda p: make_video(p, *H264, source="testsrc2=s=32x32:d=20:r=1/10"), (OK,)),
        "still": (lambda p: make_video(p, *H264, source="color=red:s=64x64:d=1:r=12"), (OK,)),
        "huge-picture": (
            lambda p: make_video(p, "-c:v", "png", source="color=s=12000x12000:d=1:r=1,format=gray"),
            ("TooLarge",),
        ),
        "sound-longer-than-picture": (
            lambda p: make_video(p, "-f", "lavfi", "-i", "sine=d=3", "-c:a", "aac", *H264),
            (OK,),
        ),
    }


def _bytes(plain: Path, fast: Path) -> dict[str, Recipe]:
    """Files that are cut, damaged or inconsistent."""
    whole, fast_start = plain.read_bytes(), fast.read_bytes()
    noise = _noise(20_000)
    deep = box(b"moov")
    for _ in range(2000):
        deep = box(b"moov", deep)
    max_u32 = b"\xff\xff\xff\xff"
    inconsistent = {
        "endless-movie": patched(fast_start, b"mvhd", 16, max_u32),
        "endless-track": patched(fast_start, b"tkhd", 20, max_u32),
        "endless-media": patched(fast_start, b"mdhd", 16, max_u32),
        "zero-duration": patched(patched(fast_start, b"mvhd", 16, bytes(4)), b"mdhd", 16, bytes(4)),
        "zero-timescale": patched(fast_start, b"mdhd", 12, bytes(4)),
        "four-billion-samples": patched(fast_start, b"stsz", 8, max_u32),
        "four-billion-times": patched(fast_start, b"stts", 4, max_u32),
        "four-billion-chunks": patched(fast_start, b"stco", 4, max_u32),
        "chunks-beyond-the-end": patched(fast_start, b"stco", 8, b"\x7f\xff\xff\xff"),
        "giant-box": patched(fast_start, b"moov", -8, max_u32),
        "sixty-four-bit-box": patched(fast_start, b"moov", -8, b"\0\0\0\1"),
        "width-65535": patched(fast_start, b"avc1", 24, b"\xff\xff\xff\xff"),
        "unknown-codec": fast_start.replace(b"avc1", b"zzzz"),
        "external-data": patched(fast_start, b"url ", 0, bytes(4)),
    }
    files = {
        "empty": (b"", ("NotAVideo",)),
        "text": (b"this is no video\n" * 40, ("NotAVideo",)),
        "noise": (noise, ("NotAVideo",)),
        "zeros": (bytes(20_000), ("NotAVideo",)),
        "header-only": (whole[:32], ("Truncated",)),
        "index-missing": (whole[: whole.index(b"moov") - 4], ("Truncated",)),
        "index-twice": (fast_start[: fast_start.index(b"mdat") - 4] + fast_start, (OK, *BROKEN)),
        "boxes-in-boxes": (box(b"ftyp", b"isom\0\0\2\0isom") + deep, BROKEN),
        "movie-in-data": (box(b"ftyp", b"isom\0\0\2\0isom") + box(b"mdat", whole), BROKEN),
        "noise-after-header": (whole[:64] + noise, BROKEN),
        "noise-in-data": (_with_noise(fast_start), (OK, *BROKEN)),
        "two-files-in-one": (whole + whole, (OK,)),
        "shell-script": (b"#!/bin/sh\ntouch /tmp/gifdrop-was-here\n", ("NotAVideo",)),
        **{f"cut-{i:02}": (fast_start[: len(fast_start) * i // (CUTS + 1)], (OK, *BROKEN)) for i in range(1, CUTS + 1)},
        **{
            name: (data, (OK, "TooLong", "TooLarge", "UnsupportedCodec", *BROKEN))
            for name, data in inconsistent.items()
        },
    }
    return {name: (_writer(data), allowed) for name, (data, allowed) in files.items()}


def _noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311 - reproducible, not secret


def _with_noise(data: bytes) -> bytes:
    """`data` with noise over a third of its media."""
    at = data.index(b"mdat") + 4
    third = (len(data) - at) // 3
    return data[: at + third] + _noise(third) + data[at + 2 * third :]


def _scripts(plain: Path, canary: Path, listener: str) -> dict[str, Recipe]:
    """Playlists, scripts and archives that could make ffmpeg read another file or open a connection."""
    url = f"http://{listener}/x.mp4"
    texts = {
        "playlist-local": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{canary}\n#EXT-X-ENDLIST\n",
        "playlist-remote": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n",
        "concat-local": f"ffconcat version 1.0\nfile '{canary}'\n",
        "concat-remote": f"ffconcat version 1.0\nfile '{url}'\n",
        "dash": "<MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'><Period><AdaptationSet>"
        f"<Representation id='1'><BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>",
        "sdp": f"v=0\nc=IN IP4 {listener.partition(':')[0]}\nm=video {listener.partition(':')[2]} RTP/AVP 96\n",
        "smil": f"<smil><body><video src='{url}'/></body></smil>",
    }
    reference = box(b"rmra", box(b"rmda", box(b"rdrf", bytes(4) + b"url " + len(url).to_bytes(4) + url.encode())))

    def zipped(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(plain, "plain.mp4")

    made: dict[str, Recipe] = {name: (_writer(text.encode()), ("NotAVideo",)) for name, text in texts.items()}
    made["reference-movie"] = (_writer(box(b"ftyp", b"qt  \0\0\0\0qt  ") + box(b"moov", reference)), BROKEN)
    made["zip-renamed"] = (zipped, ("NotAVideo",))
    return made


def _writer(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def hostile_names() -> Iterator[str]:
    """File names that look like options, protocols, patterns or commands."""
    yield from ("-y.mp4", "--preset.mp4", "file:input.mp4", "http:x.mp4", "pipe:0", "%03d.mp4", "a|b.mp4", "$(id).mp4")
    yield from ("'quoted'.mp4", "new\nline.mp4", "[0:v]null.mp4", "emoji-🐈.mp4", "concat:a.mp4")
