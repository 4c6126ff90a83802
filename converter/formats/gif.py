"""Measures a GIF by reading its structure block by block, without trusting the tool that wrote it."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

EXTENSION: Final = 0x21
IMAGE: Final = 0x2C
TRAILER: Final = 0x3B
GRAPHIC_CONTROL: Final = 0xF9


@dataclass(frozen=True, kw_only=True)
class Gif:
    """Measurements of a complete GIF; width and height in pixels."""

    width: int
    height: int
    frames: int
    duration_seconds: float
    bytes: int
    sha256: str
    content_md5: str
    """As HTTP's Content-MD5, which Azure Storage computes for a blob that is uploaded in one request."""


def measure(data: bytes) -> Gif:
    """Read a file's content from header to trailer; raises ValueError if it is not one complete GIF."""
    frames, delay = 0, 0
    for kind, start, _ in _blocks(data):
        if kind == IMAGE:
            frames += 1
        elif data[start + 1] == GRAPHIC_CONTROL:
            delay += int.from_bytes(data[start + 4 : start + 6], "little")
    return Gif(
        width=int.from_bytes(data[6:8], "little"),
        height=int.from_bytes(data[8:10], "little"),
        frames=frames,
        duration_seconds=delay / 100,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        content_md5=base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
    )


def frame_sizes(data: bytes) -> list[int]:
    """Bytes of each frame, with the blocks before it; raises ValueError if the GIF is not complete."""
    ends = [0, *(end for kind, _, end in _blocks(data) if kind == IMAGE)]
    return [end - start for start, end in pairwise(ends)]


def _blocks(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(kind, start, end) of each block between header and trailer."""
    if data[:6] not in (b"GIF89a", b"GIF87a") or len(data) < 14:
        raise ValueError("no GIF header")
    at = 13 + _table(data[10])
    try:
        while data[at] != TRAILER:
            start, kind = at, data[at]
            if kind == EXTENSION:
                at = _skip_blocks(data, at + 2)
            elif kind == IMAGE:
                at = _skip_blocks(data, at + 10 + _table(data[at + 9]) + 1)
            else:
                raise ValueError(f"unknown block 0x{kind:02x} at byte {at}")
            yield kind, start, at
    except IndexError:
        raise ValueError("the GIF ends before its trailer") from None


def _table(flags: int) -> int:
    """Bytes of the colour table that a packed field declares."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1
