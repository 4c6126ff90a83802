"""Reads a log file as it grows, like `tail -f`."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_POLL_SECONDS = 0.03
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Line:
    """A complete line without its newline; `start` is its byte offset, `end` that of the next line."""

    text: str
    start: int
    end: int


async def tail(path: Path, *, start: int = 0) -> AsyncIterator[Line]:
    """The complete lines of a file from the byte offset `start` on, without end.

    Waits for the file to be created; reads it from the beginning if it is shorter than `start`.
    """
    while True:
        try:
            file = path.open("rb")
            break
        except FileNotFoundError:
            await asyncio.sleep(_POLL_SECONDS)
    with file:
        if file.seek(0, os.SEEK_END) < start:
            start = 0
        file.seek(start)
        pending = b""
        while True:
            chunk = file.read(_CHUNK_BYTES)
            if not chunk:
                await asyncio.sleep(_POLL_SECONDS)
                continue
            *complete, pending = (pending + chunk).split(b"\n")
            for raw in complete:
                end = start + len(raw) + 1
                yield Line(text=raw.decode(errors="replace"), start=start, end=end)
                start = end
