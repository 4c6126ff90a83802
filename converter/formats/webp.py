"""Reads animated WebP chunk by chunk, without trusting the tool that wrote it, and writes one from checked frames.

https://developers.google.com/speed/webp/docs/riff_container
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

MAX_SIDE: Final = 16_383  # pixels that a VP8 or VP8L bitstream can have
MAX_LOOPS: Final = 65_535
_ANIMATION: Final = 0x02
_ALPHA: Final = 0x10
_FRAME_HEADER: Final = 16
_BITSTREAMS: Final = (b"VP8 ", b"VP8L")


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One frame of an animation: where it is drawn in pixels, how long it is shown, and its bitstream as chunks."""

    left: int
    top: int
    width: int
    height: int
    milliseconds: int
    flags: int
    alpha: bool
    chunks: bytes


@dataclass(frozen=True, kw_only=True)
class Webp:
    """The content of a WebP; width and height in pixels."""

    width: int
    height: int
    frames: tuple[Frame, ...]

    @property
    def duration_seconds(self) -> float:
        """How long one round of the animation takes."""
        return sum(frame.milliseconds for frame in self.frames) / 1000


def read(data: bytes, *, still_milliseconds: int) -> Webp:
    """Read a whole file; raises ValueError if it is not one complete WebP of nothing but pictures.

    A picture that is not animated counts as one frame of `still_milliseconds`.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or int.from_bytes(data[4:8], "little") != len(data) - 8:
        raise ValueError("no WebP header")
    chunks = list(_chunks(data, 12))
    if chunks[:1] and chunks[0][0] == b"VP8X":
        _, content, _ = chunks.pop(0)
        if len(content) != 10:
            raise ValueError("a WebP header of another length")
        width, height = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (4, 7))
        if content[0] & _ANIMATION:
            return _animation(chunks, width, height)
    still = _frame(chunks, left=0, top=0, milliseconds=still_milliseconds, flags=0)
    return Webp(width=still.width, height=still.height, frames=(still,))


def join(parts: Sequence[Webp]) -> Webp:
    """One animation out of several, in their order; raises ValueError if a later one would show an earlier one's end.

    Each but the first must begin with an opaque frame that covers everything.
    """
    width, height = parts[0].width, parts[0].height
    for part in parts[1:]:
        first = part.frames[0]
        if (part.width, part.height, first.width, first.height) != (width, height, width, height) or first.alpha:
            raise ValueError("the parts of the WebP do not fit together")
    return Webp(width=width, height=height, frames=tuple(frame for part in parts for frame in part.frames))


def without_repeats(webp: Webp) -> Webp:
    """The animation without frames that are drawn in the same way as those before them, which are shown longer.

    That is the same only where each pixel is either opaque or transparent.
    """
    frames: list[Frame] = []
    for frame in webp.frames:
        if frames and replace(frames[-1], milliseconds=frame.milliseconds) == frame:
            frames[-1] = replace(frame, milliseconds=frames[-1].milliseconds + frame.milliseconds)
        else:
            frames.append(frame)
    return replace(webp, frames=tuple(frames))


def write(webp: Webp, *, plays: int) -> bytes:
    """The file of an animation; it plays so many times, 0 is for ever."""
    flags = _ANIMATION | (_ALPHA if any(frame.alpha for frame in webp.frames) else 0)
    size = (webp.width - 1).to_bytes(3, "little") + (webp.height - 1).to_bytes(3, "little")
    pieces = [_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size)]
    pieces.append(_chunk(b"ANIM", bytes(4) + min(plays, MAX_LOOPS).to_bytes(2, "little")))
    for frame in webp.frames:
        numbers = (frame.left // 2, frame.top // 2, frame.width - 1, frame.height - 1, frame.milliseconds)
        header = b"".join(number.to_bytes(3, "little") for number in numbers) + bytes([frame.flags])
        pieces.append(_chunk(b"ANMF", header + frame.chunks))
    body = b"WEBP" + b"".join(pieces)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _animation(chunks: list[tuple[bytes, bytes, bytes]], width: int, height: int) -> Webp:
    if not chunks or chunks[0][0] != b"ANIM" or len(chunks[0][1]) != 6:
        raise ValueError("a WebP animation without its header")
    frames = []
    for kind, content, _ in chunks[1:]:
        if kind != b"ANMF" or len(content) < _FRAME_HEADER:
            raise ValueError(f"unexpected chunk {kind!r} in a WebP")
        left, top, wide, high, milliseconds = (int.from_bytes(content[at : at + 3], "little") for at in range(0, 15, 3))
        inner = list(_chunks(content, _FRAME_HEADER))
        frame = _frame(inner, left=2 * left, top=2 * top, milliseconds=milliseconds, flags=content[15])
        if (frame.width, frame.height) != (wide + 1, high + 1):
            raise ValueError("a frame of a WebP has another size than its header says")
        if frame.left + frame.width > width or frame.top + frame.height > height:
            raise ValueError("a frame of a WebP is outside of its picture")
        frames.append(frame)
    if not frames:
        raise ValueError("a WebP animation without frames")
    return Webp(width=width, height=height, frames=tuple(frames))


def _frame(chunks: list[tuple[bytes, bytes, bytes]], *, left: int, top: int, milliseconds: int, flags: int) -> Frame:
    """The frame in an optional ALPH chunk and one bitstream."""
    kinds = tuple(kind for kind, _, _ in chunks)
    if not kinds or kinds[-1] not in _BITSTREAMS or kinds[:-1] not in ((), (b"ALPH",)):
        raise ValueError(f"unexpected chunks {kinds[:4]} in a frame of a WebP")
    kind, content, _ = chunks[-1]
    width, height, alpha = _lossy_size(content) if kind == b"VP8 " else _lossless_size(content)
    return Frame(
        left=left,
        top=top,
        width=width,
        height=height,
        milliseconds=milliseconds,
        flags=flags & 0b11,  # how it is blended and disposed of; the rest is reserved
        alpha=alpha or len(kinds) > 1,
        chunks=b"".join(whole for _, _, whole in chunks),
    )


def _lossy_size(content: bytes) -> tuple[int, int, bool]:
    if len(content) < 10 or content[0] & 1 or content[3:6] != b"\x9d\x01\x2a":
        raise ValueError("a lossy frame of a WebP without its key frame header")
    return *(int.from_bytes(content[at : at + 2], "little") & MAX_SIDE for at in (6, 8)), False  # type: ignore[return-value]


def _lossless_size(content: bytes) -> tuple[int, int, bool]:
    if len(content) < 5 or content[0] != 0x2F:
        raise ValueError("a lossless frame of a WebP without its header")
    bits = int.from_bytes(content[1:5], "little")
    return (bits & MAX_SIDE) + 1, (bits >> 14 & MAX_SIDE) + 1, bool(bits >> 28 & 1)


def _chunks(data: bytes, at: int) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Kind, content, and the whole of each chunk from `at` to the end."""
    while at < len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length
        padded = end + length % 2
        if at + 8 > len(data) or padded > len(data):
            raise ValueError("the WebP ends before its last chunk")
        yield data[at : at + 4], data[at + 8 : end], data[at:padded]
        at = padded


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)
