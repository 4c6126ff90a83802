"""Hostile and unusual WebM and Matroska files."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.converter import ebml
from tests.converter.mp4_files import H264, make_video, run_ffmpeg

Recipe = tuple[Callable[[Path], object], tuple[str, ...]]
"""A function that writes a file, and the allowed verdicts."""

OK: Final = "converted"
BROKEN: Final = ("NotAVideo", "Truncated", "NoVideoStream", "NothingDecoded", "DecoderFailed")
ANY: Final = (OK, "TooLong", "TooLarge", "UnsupportedCodec", *BROKEN)
CUTS: Final = 20
MAX_SIZE: Final = b"\x01" + b"\xff" * 6 + b"\xfe"
VP9: Final = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")
VP8: Final = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8")
SOUND: Final = ("-f", "lavfi", "-i", "sine=d=1", "-c:a", "libopus")


def recipes(folder: Path, *, canary: Path, listener: str) -> dict[str, Recipe]:
    """Name -> recipe. Converting them must touch neither `canary`, a local file, nor `listener`, a host:port."""
    plain = make_video(folder / "plain.mkv", "-g", "4", *H264)
    # Without the indexes, whose positions are not true any more when something is added before them.
    whole = plain.read_bytes()
    for index in (ebml.SEEK_HEAD, ebml.CUES):
        whole = ebml.changed(whole, (ebml.SEGMENT, index), lambda _: b"")
    return {
        **_ordinary(plain),
        **{name: (_writer(data), ANY) for name, data in _lies(whole).items()},
        **{name: (_writer(data), ANY) for name, data in _bombs(whole).items()},
        **_references(whole, canary, listener),
        **_damaged(whole),
    }


def _ordinary(plain: Path) -> dict[str, Recipe]:
    """What people have, and codecs that are not supported."""

    def live(path: Path) -> None:
        # As browsers record: no duration, no cues, sizes unknown.
        run_ffmpeg(path, "-i", str(plain), *VP8, "-f", "webm", "-live", "1")

    def subtitles(path: Path) -> None:
        script = path.with_suffix(".srt")
        script.write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
        run_ffmpeg(path, "-i", str(plain), "-i", str(script), "-c:v", "copy", "-c:s", "srt", "-f", "matroska")

    def attached(path: Path) -> None:
        font, cover = path.with_suffix(".ttf"), path.with_suffix(".png")
        font.write_bytes(b"\0\1\0\0" + bytes(5000))
        run_ffmpeg(cover, "-f", "lavfi", "-i", "color=s=32x32", "-frames:v", "1")
        fonts = ("-attach", str(font), "-metadata:s:1", "mimetype=font/ttf")
        covers = ("-attach", str(cover), "-metadata:s:2", "mimetype=image/png")
        run_ffmpeg(path, "-i", str(plain), "-c", "copy", *fonts, *covers, "-f", "matroska")

    def cover_only(path: Path) -> None:
        cover = path.with_suffix(".png")
        run_ffmpeg(cover, "-f", "lavfi", "-i", "color=s=32x32", "-frames:v", "1")
        files = ("-attach", str(cover), "-metadata:s:1", "mimetype=image/png")
        run_ffmpeg(path, *SOUND, *files, "-f", "matroska")

    mkv = ("-f", "matroska")
    return {
        "mkv-plain": (lambda p: p.write_bytes(plain.read_bytes()), (OK,)),
        "webm-vp8": (lambda p: make_video(p, *VP8, "-f", "webm"), (OK,)),
        "webm-vp9": (lambda p: make_video(p, *VP9, "-f", "webm"), (OK,)),
        "webm-transparent": (lambda p: make_video(p, *VP9, "-pix_fmt", "yuva420p", "-f", "webm"), (OK,)),
        "webm-live": (live, (OK,)),
        "webm-sound-only": (lambda p: run_ffmpeg(p, *SOUND, "-f", "webm"), ("NoVideoStream",)),
        "mkv-sound": (lambda p: run_ffmpeg(p, "-i", str(plain), *SOUND, "-c:v", "copy", *mkv), (OK,)),
        "mkv-two-videos": (
            lambda p: run_ffmpeg(p, "-i", str(plain), "-map", "0", "-map", "0", "-c", "copy", *mkv),
            (OK,),
        ),
        "mkv-subtitles": (subtitles, (OK,)),
        "mkv-attachments": (attached, (OK,)),
        "mkv-cover-only": (cover_only, ("NoVideoStream",)),
        "mkv-index-first": (
            lambda p: run_ffmpeg(p, "-i", str(plain), "-c", "copy", *mkv, "-cues_to_front", "1"),
            (OK,),
        ),
        "mkv-mpeg4": (lambda p: make_video(p, "-c:v", "mpeg4", *mkv), (OK,)),
        "mkv-mpeg4-of-windows": (lambda p: make_video(p, "-c:v", "mpeg4", *mkv, "-allow_raw_vfw", "1"), (OK,)),
        "mkv-ffv1": (lambda p: make_video(p, "-c:v", "ffv1", *mkv), ("UnsupportedCodec",)),
        "mkv-mpeg2": (lambda p: make_video(p, "-c:v", "mpeg2video", *mkv), ("UnsupportedCodec",)),
        "mkv-uncompressed": (lambda p: make_video(p, "-c:v", "rawvideo", *mkv), ("UnsupportedCodec",)),
        "mkv-odd-pixels": (lambda p: make_video(p, "-vf", "setsar=4/1", *H264, *mkv), (OK,)),
        "mov": (lambda p: make_video(p, *H264, "-f", "mov"), (OK,)),
        "m4v": (lambda p: make_video(p, *H264, "-f", "ipod"), (OK,)),
        "mov-without-a-brand": (_without_brand, (OK,)),
    }


def _without_brand(path: Path) -> None:
    """As QuickTime wrote them before MP4: no ftyp."""
    whole = make_video(path, *H264, "-f", "mov").read_bytes()
    size = int.from_bytes(whole[:4])
    # Chunk offsets count from the start, so the box is not cut out but made to say nothing.
    path.write_bytes(struct.pack(">I4s", size, b"wide") + whole[8:])


def _lies(whole: bytes) -> dict[str, bytes]:
    """Sizes, numbers and positions that are not true."""
    info, track = (ebml.SEGMENT, ebml.INFO), (ebml.SEGMENT, ebml.TRACKS, ebml.TRACK)
    video, cluster = (*track, ebml.VIDEO), (ebml.SEGMENT, ebml.CLUSTER)
    segment = whole.index(ebml.SEGMENT)
    blocks = whole.index(ebml.CLUSTER)
    most = b"\xff" * 8

    def put(path: tuple[bytes, ...], content: bytes) -> bytes:
        return ebml.changed(whole, path, ebml.with_content(path[-1], content))

    return {
        "mkv-duration-of-ages": put((*info, ebml.DURATION), struct.pack(">d", 1e18)),
        "mkv-duration-infinite": put((*info, ebml.DURATION), struct.pack(">d", float("inf"))),
        "mkv-duration-not-a-number": put((*info, ebml.DURATION), struct.pack(">d", float("nan"))),
        "mkv-duration-negative": put((*info, ebml.DURATION), struct.pack(">d", -5.0)),
        "mkv-time-scale-zero": put((*info, ebml.TIMESTAMP_SCALE), bytes(8)),
        "mkv-time-scale-huge": put((*info, ebml.TIMESTAMP_SCALE), most),
        "mkv-time-scale-of-hours": put((*info, ebml.TIMESTAMP_SCALE), (3600 * 10**9).to_bytes(8)),
        "mkv-frame-lasts-a-nanosecond": put((*track, ebml.DEFAULT_DURATION), (1).to_bytes(8)),
        "mkv-frame-lasts-for-ages": put((*track, ebml.DEFAULT_DURATION), most),
        "mkv-width-huge": put((*video, ebml.PIXEL_WIDTH), b"\x7f\xff\xff\xff"),
        "mkv-size-65535": ebml.changed(
            put((*video, ebml.PIXEL_WIDTH), b"\xff\xff"),
            (*video, ebml.PIXEL_HEIGHT),
            ebml.with_content(ebml.PIXEL_HEIGHT, b"\xff\xff"),
        ),
        "mkv-size-zero": put((*video, ebml.PIXEL_WIDTH), b"\0"),
        "mkv-crop": ebml.changed(
            whole, video, lambda old: ebml.element(ebml.VIDEO, old + ebml.number(bytes.fromhex("54BB"), 32))
        ),
        "mkv-crop-beyond-the-picture": ebml.changed(
            whole, video, lambda old: ebml.element(ebml.VIDEO, old + ebml.number(bytes.fromhex("54CC"), 10**6))
        ),
        "mkv-codec-unknown": put((*track, ebml.CODEC), b"V_NOBODY/KNOWS"),
        "mkv-codec-of-another": put((*track, ebml.CODEC), b"V_VP8"),
        "mkv-codec-real": put((*track, ebml.CODEC), b"V_REAL/RV40"),
        "mkv-codec-quicktime": put((*track, ebml.CODEC), b"V_QUICKTIME"),
        "mkv-codec-of-windows": put((*track, ebml.CODEC), b"V_MS/VFW/FOURCC"),
        "mkv-cluster-times-far-apart": put((*cluster, ebml.CLUSTER_TIME), (2**62).to_bytes(8)),
        "mkv-cluster-times-overflow": put((*cluster, ebml.CLUSTER_TIME), most),
        "mkv-segment-of-size-unknown": whole[: segment + 4] + ebml.UNKNOWN_SIZE + whole[segment + 12 :],
        "mkv-segment-of-maximal-size": whole[: segment + 4] + MAX_SIZE + whole[segment + 12 :],
        "mkv-cluster-of-maximal-size": whole[: blocks + 4] + MAX_SIZE + whole[blocks + 12 :],
        "mkv-header-of-maximal-size": ebml.HEADER + MAX_SIZE + whole[5:],
        "mkv-void-of-maximal-size": ebml.before_clusters(whole, ebml.element(ebml.VOID, size=MAX_SIZE)),
        "mkv-element-of-size-zero-repeated": ebml.before_clusters(whole, ebml.element(ebml.VOID) * 50_000),
        "mkv-nested-segments": whole[:segment] + ebml.nested(ebml.SEGMENT, levels=2000),
        "mkv-nested-segments-of-size-unknown": whole[:segment]
        + ebml.nested(ebml.SEGMENT, levels=20_000, size=ebml.UNKNOWN_SIZE),
        "mkv-nested-tags": ebml.before_clusters(
            whole,
            ebml.element(ebml.TAGS, ebml.element(bytes.fromhex("7373"), ebml.nested(ebml.SIMPLE_TAG, levels=3000))),
        ),
        "mkv-nested-chapters": ebml.before_clusters(
            whole,
            ebml.element(ebml.CHAPTERS, ebml.element(bytes.fromhex("45B9"), ebml.nested(b"\xb6", levels=3000))),
        ),
        "mkv-index-leads-to-itself": ebml.before_clusters(
            whole, ebml.element(ebml.SEEK_HEAD, b"".join(ebml.seek(at, kind=ebml.SEEK_HEAD) for at in range(500)))
        ),
        "mkv-index-leads-beyond-the-end": ebml.before_clusters(
            whole, ebml.element(ebml.CUES, ebml.cue(0, 2**56) * 100)
        ),
        "mkv-index-leads-to-the-start": ebml.before_clusters(whole, ebml.element(ebml.CUES, ebml.cue(0, 0) * 100)),
        "mkv-doctype-of-another": whole.replace(b"matroska", b"something", 1),
        "mkv-two-segments": whole + whole[segment:],
        "mkv-two-headers": whole + whole,
    }


def _bombs(whole: bytes) -> dict[str, bytes]:
    """Small files that ask for much memory or time."""
    track = (ebml.SEGMENT, ebml.TRACKS, ebml.TRACK)
    packed = ebml.bomb(512 * 2**20)

    def frames(data: bytes, content: bytes) -> bytes:
        made = ebml.number(ebml.CLUSTER_TIME, 0) + content
        once = iter([ebml.element(ebml.CLUSTER, made)])
        return ebml.changed(data, (ebml.SEGMENT, ebml.CLUSTER), lambda _: next(once, b""))

    one = next(content for kind, content in ebml.elements(whole) if kind == ebml.SEGMENT)
    tracks = next(content for kind, content in ebml.elements(one) if kind == ebml.TRACKS)
    entry = next(content for kind, content in ebml.elements(tracks) if kind == ebml.TRACK)
    return {
        "mkv-frames-that-unpack": frames(
            ebml.in_track(whole, ebml.compression(scope=1)), b"".join(ebml.block(packed, time=i) for i in range(8))
        ),
        "mkv-codec-private-that-unpacks": ebml.in_track(
            ebml.changed(whole, (*track, ebml.CODEC_PRIVATE), ebml.with_content(ebml.CODEC_PRIVATE, packed)),
            ebml.compression(scope=3),
        ),
        "mkv-codec-private-of-zeros": ebml.changed(
            whole, (*track, ebml.CODEC_PRIVATE), ebml.with_content(ebml.CODEC_PRIVATE, bytes(20 * 2**20))
        ),
        "mkv-codec-private-of-maximal-size": ebml.changed(
            whole, (*track, ebml.CODEC_PRIVATE), lambda _: ebml.element(ebml.CODEC_PRIVATE, size=MAX_SIZE)
        ),
        "mkv-compressed-by-lzo": ebml.in_track(whole, ebml.compression(scope=1, algorithm=2)),
        "mkv-compressed-by-bzip": ebml.in_track(whole, ebml.compression(scope=1, algorithm=1)),
        "mkv-headers-stripped": ebml.in_track(whole, ebml.compression(scope=1, algorithm=3)),
        "mkv-ten-compressions": ebml.in_track(whole, ebml.compression(scope=3) * 10),
        "mkv-laces-without-end": frames(
            whole, b"".join(ebml.block(b"\xff" + b"\xff" * 500, time=i, flags=0x82) for i in range(2000))
        ),
        "mkv-laces-of-negative-size": frames(whole, ebml.block(b"\xff\x81" + b"\x80" * 300, flags=0x86)),
        "mkv-laces-of-equal-size": frames(whole, ebml.block(b"\xff" + bytes(256), flags=0x84) * 50),
        "mkv-blocks-without-data": frames(whole, ebml.block(b"") * 50_000),
        "mkv-block-of-maximal-size": frames(whole, ebml.element(ebml.SIMPLE_BLOCK, b"\x81\0\0\x80", size=MAX_SIZE)),
        "mkv-thousands-of-tracks": ebml.changed(
            whole,
            (ebml.SEGMENT, ebml.TRACKS),
            lambda _: ebml.element(ebml.TRACKS, ebml.element(ebml.TRACK, entry) * 5000),
        ),
        "mkv-hundred-thousand-cues": ebml.before_clusters(
            whole, ebml.element(ebml.CUES, b"".join(ebml.cue(i, 0) for i in range(100_000)))
        ),
        "mkv-hundred-thousand-clusters": whole
        + ebml.element(ebml.CLUSTER, ebml.number(ebml.CLUSTER_TIME, 5)) * 100_000,
    }


def _references(whole: bytes, canary: Path, listener: str) -> dict[str, Recipe]:
    """What could make a demuxer open another file or a connection."""
    url = f"http://{listener}/x.mkv"
    info = (ebml.SEGMENT, ebml.INFO)
    chapter = ebml.number(bytes.fromhex("73C4"), 1) + ebml.number(b"\x91", 0)
    chapter += ebml.element(bytes.fromhex("6E67"), bytes(range(16)))

    def linked(name: str) -> bytes:
        link = ebml.element(ebml.PREVIOUS_FILE, name.encode()) + ebml.element(bytes.fromhex("3CB923"), bytes(range(16)))
        return ebml.changed(whole, info, lambda old: ebml.element(ebml.INFO, old + link))

    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{canary}\n#EXT-X-ENDLIST\n".encode()
    script = f"ffconcat version 1.0\nfile '{canary}'\n".encode()
    page = f"<html><img src='{url}'></html>".encode()
    files = {
        "mkv-linked-to-a-file": (linked(str(canary)), (OK,)),
        "mkv-linked-to-a-url": (linked(url), (OK,)),
        "mkv-chapter-of-another-file": (
            ebml.before_clusters(
                whole, ebml.element(ebml.CHAPTERS, ebml.element(bytes.fromhex("45B9"), ebml.element(b"\xb6", chapter)))
            ),
            (OK,),
        ),
        "mkv-attached-playlist": (
            ebml.before_clusters(whole, ebml.attachment("x.m3u8", "application/vnd.apple.mpegurl", playlist)),
            (OK,),
        ),
        "mkv-attached-script": (ebml.before_clusters(whole, ebml.attachment("x.txt", "text/plain", script)), (OK,)),
        "mkv-attached-page": (
            ebml.before_clusters(whole, ebml.attachment("../../x.svg", "image/svg+xml", page)),
            (OK,),
        ),
        "mkv-attached-name-with-a-path": (
            ebml.before_clusters(whole, ebml.attachment(str(canary), "image/png", b"\x89PNG\r\n\x1a\n" + bytes(50))),
            ANY,
        ),
        "playlist-after-the-first-bytes-of-mkv": (ebml.HEADER + playlist, BROKEN),
        "script-after-the-first-bytes-of-mkv": (ebml.HEADER + b"\x80" + script, BROKEN),
    }
    return {name: (_writer(data), allowed) for name, (data, allowed) in files.items()}


def _damaged(whole: bytes) -> dict[str, Recipe]:
    """Files that are cut or damaged."""
    middle = len(whole) // 2
    files = {
        "mkv-first-bytes-only": (ebml.HEADER, BROKEN),
        "mkv-header-only": (whole[:40], BROKEN),
        "mkv-zeros-after-the-header": (whole[:40] + bytes(20_000), BROKEN),
        "mkv-zeros-in-data": (whole[:middle] + bytes(3000) + whole[middle + 3000 :], (OK, *BROKEN)),
        "mkv-without-tracks": (ebml.changed(whole, (ebml.SEGMENT, ebml.TRACKS), lambda _: b""), BROKEN),
        "mkv-without-clusters": (ebml.changed(whole, (ebml.SEGMENT, ebml.CLUSTER), lambda _: b""), BROKEN),
        **{f"mkv-cut-{i:02}": (whole[: len(whole) * i // (CUTS + 1)], (OK, *BROKEN)) for i in range(1, CUTS + 1)},
    }
    return {name: (_writer(data), allowed) for name, (data, allowed) in files.items()}


def _writer(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)
