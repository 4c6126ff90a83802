"""Follows a log file as it grows."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_INTERVAL_SECONDS = 0.03
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Line:
    """A whole line without its newline, and the offsets in bytes at which it begins and the next one does."""

    text: str
    start: int
    end: int


async def lines(path: Path, *, start: int = 0) -> AsyncIterator[Line]:
    """The lines of a file from the offset `start` on, for ever; a line counts once its newline is there.

    A file that is not there yet is waited for, and one that is shorter than `start` is read from the beginning.
    """
    while True:
        try:
            file = path.open("rb")
            break
        except FileNotFoundError:
            await asyncio.sleep(_INTERVAL_SECONDS)
    with file:
        if file.seek(0, os.SEEK_END) < start:
            start = 0
        file.seek(start)
        pending = b""
        while True:
            chunk = file.read(_CHUNK)
            if not chunk:
                await asyncio.sleep(_INTERVAL_SECONDS)
                continue
            *whole, pending = (pending + chunk).split(b"\n")
            for raw in whole:
                end = start + len(raw) + 1
                yield Line(text=raw.decode(errors="replace"), start=start, end=end)
                start = end
