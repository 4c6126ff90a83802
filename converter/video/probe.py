"""Parses ffmpeg's description of a file and rejects what cannot be converted, before any frame is decoded."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final

from converter.verdict import NodeFailure, Rejected
from converter.video.container import HEADER_BYTES, Demuxer, demuxer_of

# What phones, cameras, screen recorders and browsers record; few decoders keep the attack surface small.
DECODERS: Final = ("h264", "hevc", "libdav1d", "av1", "vp9", "vp8", "mpeg4", "mjpeg", "png")
CODECS: Final = ("h264", "hevc", "av1", "vp9", "vp8", "mpeg4", "mjpeg", "png")
CUT_OFF: Final = ("partial file", "File ended prematurely")  # what the demuxers say of a file that ends too early
MAX_STREAMS: Final = 64
MAX_SOURCE_SECONDS: Final = 12 * 3600.0  # bounds the index of samples, which is held in memory
HDR_TRANSFERS: Final = ("smpte2084", "arib-std-b67")

_VIDEO = re.compile(r"^  Stream #0:\d+.*?: Video: (?P<codec>\w+)(?P<rest>.*)$")
_SIZE = re.compile(r", (?P<width>\d+)x(?P<height>\d+)(?=[ ,]|$)")
_SAR = re.compile(r"\bSAR (\d+):(\d+)")
_RATE = re.compile(r", (?P<rate>[\d.]+)(?P<kilo>k?) (?P<kind>fps|tbr)\b")
_PIXELS = re.compile(r"\), (?P<format>[a-z0-9]+)|: (?P<bare>[a-z0-9]+)")
_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d\.\d+)")
_ROTATION = re.compile(r"^ +Display Matrix: rotation of (-?[\d.]+) degrees", re.IGNORECASE)
_CROPPING = re.compile(r"^ +Frame Cropping: (\d+)/(\d+)/(\d+)/(\d+)")  # left, right, top, bottom
_VERSION = re.compile(r"^ffmpeg version (\S+)")


@dataclass(frozen=True, kw_only=True)
class Source:
    """The first video stream that is not a cover picture. None means unknown.

    Width and height are stored pixels, without those that the container has players cut off.
    """

    demuxer: Demuxer = "mov"
    codec: str
    width: int
    height: int
    fps: float | None
    max_fps: float | None
    """The highest rate of a video whose rate varies; `fps` is its average."""
    duration_seconds: float | None
    bytes: int
    sample_aspect: float = 1.0
    rotation: int = 0
    pixel_format: str = ""
    hdr_transfer: str | None = None
    ffmpeg_version: str = "unknown"

    @property
    def shape(self) -> tuple[float, float]:
        """Width and height as displayed: rotated, with square pixels, neither side larger than stored."""
        return self._rotated(self.width * min(1.0, self.sample_aspect), self.height / max(1.0, self.sample_aspect))

    @property
    def display(self) -> tuple[float, float]:
        """Width and height as players show them: like `shape`, but neither side smaller than stored."""
        return self._rotated(self.width * max(1.0, self.sample_aspect), self.height / min(1.0, self.sample_aspect))

    def _rotated(self, width: float, height: float) -> tuple[float, float]:
        return (height, width) if self.rotation in (90, 270) else (width, height)

    @property
    def alpha(self) -> bool:
        """Whether pixels may be transparent."""
        return self.pixel_format.startswith(("rgba", "argb", "bgra", "abgr", "yuva", "ya", "gbrap", "pal8"))


def read(lines: Sequence[str], *, path: Path, max_pixels: int) -> Source:
    """Parse the output of `ffmpeg -i`; raises Rejected if the file cannot be converted or exceeds a limit."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    output = "\n".join(lines)
    if not any(line.startswith("Input #0") for line in lines):
        raise _unreadable(lines, header=header, size=size)
    duration = _duration(lines)
    video = next((m for line in lines if (m := _VIDEO.match(line)) and "(attached pic)" not in line), None)
    if video is None:
        raise _without_video(lines)
    line, rest = video.group(0).strip(), video["rest"]
    if video["codec"] not in CODECS:
        message = f"Videos encoded as {video['codec']} are not supported; use H.264, HEVC, AV1, VP9 or VP8."
        raise Rejected("UnsupportedCodec", message, evidence=line)
    over = first_line(lines, "exceeds specified max pixel count")
    found = _SIZE.search(rest)
    if found is None and not over:
        message = "The file does not say how large the video's frames are, so none can be decoded."
        raise Rejected("NothingDecoded", message, evidence=line)
    width, height = (int(found["width"]), int(found["height"])) if found else (0, 0)
    if over or width * height > max_pixels:
        message = f"The video's frames are too large: the limit is {max_pixels / 1e6:g} megapixels."
        raise Rejected("TooLarge", message, evidence=over or line)
    if duration is not None and duration > MAX_SOURCE_SECONDS:
        message = f"The video claims to last {duration / 3600:.0f} hours; the limit is {MAX_SOURCE_SECONDS / 3600:.0f}."
        raise Rejected("TooLong", message, evidence=first_line(lines, "Duration:"))
    # If container and codec disagree, ffmpeg prints the container's value last, and that one is right.
    sar = next(reversed(list(_SAR.finditer(rest))), None)
    details = _details(lines[lines.index(video.string) + 1 :])
    version = _VERSION.search(output)
    left, right, top, bottom = _cropping(details)
    rates = _rates(rest)
    pixels = _PIXELS.search(rest)
    aspect = int(sar[1]) / int(sar[2]) if sar and int(sar[1]) and int(sar[2]) else 1.0
    return Source(
        demuxer=demuxer_of(header),
        codec=video["codec"],
        width=width - left - right if left + right < width else width,
        height=height - top - bottom if top + bottom < height else height,
        fps=rates.get("fps") or rates.get("tbr") or None,
        max_fps=max(rates.values(), default=0.0) or None,
        duration_seconds=duration,
        bytes=size,
        sample_aspect=min(max(aspect, 0.05), 20.0),
        rotation=_rotation(details),
        pixel_format=(pixels["format"] or pixels["bare"] or "") if pixels else "",
        hdr_transfer=next((transfer for transfer in HDR_TRANSFERS if transfer in rest), None),
        ffmpeg_version=version[1] if version else "unknown",
    )


def first_line(lines: Sequence[str], *parts: str) -> str | None:
    """The first line that contains any of `parts`, stripped."""
    return next((line.strip() for line in lines if any(part in line for part in parts)), None)


def _without_video(lines: Sequence[str]) -> Rejected:
    streams = [line.strip() for line in lines if line.startswith("  Stream #")]
    if any(": Audio:" in stream for stream in streams):
        message = "This file has sound but no video."
    else:
        message = "This file has no video." if streams else "This file has neither video nor sound."
    return Rejected("NoVideoStream", message, evidence=streams[0] if streams else first_line(lines, "Input #0"))


def _unreadable(lines: Sequence[str], *, header: bytes, size: int) -> Exception:
    evidence = first_line(lines, "moov atom not found", "Invalid data", "Error opening input")
    if many := first_line(lines, "exceeds max_streams"):
        return Rejected("TooLarge", f"The file has too many tracks: the limit is {MAX_STREAMS}.", evidence=many)
    if first_line(lines, "Permission denied", "No such file"):
        return NodeFailure(evidence or "the input file cannot be opened")
    if size == 0:
        return Rejected("NotAVideo", "The file is empty.", evidence=evidence)
    if demuxer_of(header) == "matroska":
        message = "The file is cut off or damaged: it starts like a WebM or Matroska video, but cannot be read."
        return Rejected("Truncated", message, evidence=evidence)
    if header[4:8] in (b"ftyp", b"mdat", b"moov", b"wide", b"free", b"skip"):
        message = (
            "The file is cut off or damaged: it starts like an MP4, but its index (moov) is missing or unreadable."
        )
        return Rejected("Truncated", message, evidence=evidence)
    return Rejected("NotAVideo", "The file is not an MP4, MOV, WebM or Matroska video.", evidence=evidence)


def _duration(lines: Sequence[str]) -> float | None:
    for line in lines:
        if match := _DURATION.match(line):
            return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
    return None


def _details(lines: Sequence[str]) -> list[str]:
    """The lines about the stream whose first line comes before `lines`."""
    return list(takewhile(lambda line: not line.startswith("  Stream #"), lines))


def _rotation(details: Sequence[str]) -> int:
    """Clockwise degrees, rounded to a quarter turn."""
    for line in details:
        if match := _ROTATION.match(line):
            return round(-float(match[1]) / 90) % 4 * 90
    return 0


def _cropping(details: Sequence[str]) -> tuple[int, int, int, int]:
    """Pixels that ffmpeg cuts off at the left, right, top and bottom."""
    for line in details:
        if match := _CROPPING.match(line):
            return int(match[1]), int(match[2]), int(match[3]), int(match[4])
    return 0, 0, 0, 0


def _rates(rest: str) -> dict[str, float]:
    """Frames per second: `fps`, the average if the container has it, and `tbr`, the stream's base rate."""
    return {m["kind"]: float(m["rate"]) * (1000 if m["kilo"] else 1) for m in _RATE.finditer(rest)}
