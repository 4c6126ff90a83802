"""`drop --watch`: converts every video that is added to a folder or changed in it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from cli.convert import converter
from cli.videos import Video, in_folder
from shared.names import gif_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import NoReturn

    from cli.output import Output
    from cli.target import Target

_SCAN_SECONDS = 1.0
_FileState = tuple[int, int]
"""Modification time in nanoseconds, size in bytes."""


async def watch(folder: Path, *, target: Target, out: Path, metadata: Mapping[str, str], output: Output) -> None:
    """Convert videos whose GIF in `out` is missing or outdated, then new and changed ones, until cancelled.

    Raises DeniedError, UnreachableError, UsageError.
    """
    async with converter(target, videos=[], out=out, metadata=metadata, output=output) as found:
        await _scan_forever(folder, out=out, start=found.start)


async def _scan_forever(folder: Path, *, out: Path, start: Callable[[Video], object]) -> NoReturn:
    previous: dict[str, _FileState] = {}
    started: dict[str, _FileState] = {}
    while True:
        found = await asyncio.to_thread(lambda: list(_outdated(folder, out)))
        for video, state in found:
            # A file that changed since the last scan may still be being written.
            if previous.get(video.name) == state and started.get(video.name) != state:
                started[video.name] = state
                start(video)
        previous = {video.name: state for video, state in found}
        await asyncio.sleep(_SCAN_SECONDS)


def _outdated(folder: Path, out: Path) -> Iterator[tuple[Video, _FileState]]:
    for video in in_folder(folder):
        with suppress(FileNotFoundError):
            stat = video.path.stat()
            gif = out / gif_name(video.name)
            if not gif.exists() or gif.stat().st_mtime_ns < stat.st_mtime_ns:
                yield video, (stat.st_mtime_ns, stat.st_size)
