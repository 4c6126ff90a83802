"""Measures a GIF by reading its structure block by block, without trusting the tool that wrote it."""

import base64
import hashlib
from dataclasses import dataclass


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
    if data[:6] not in (b"GIF89a", b"GIF87a") or len(data) < 14:
        raise ValueError("no GIF header")
    frames, delay = 0, 0
    at = 13 + _table(data[10])
    try:
        while data[at] != 0x3B:
            if data[at] == 0x21:
                if data[at + 1] == 0xF9:
                    delay += int.from_bytes(data[at + 4 : at + 6], "little")
                at = _skip_blocks(data, at + 2)
            elif data[at] == 0x2C:
                frames += 1
                at = _skip_blocks(data, at + 10 + _table(data[at + 9]) + 1)
            else:
                raise ValueError(f"unknown block 0x{data[at]:02x} at byte {at}")
    except IndexError:
        raise ValueError("the GIF ends before its trailer") from None
    return Gif(
        width=int.from_bytes(data[6:8], "little"),
        height=int.from_bytes(data[8:10], "little"),
        frames=frames,
        duration_seconds=delay / 100,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        content_md5=base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
    )


def _table(flags: int) -> int:
    """Bytes of the colour table that a packed field declares."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1
