"""`drop --watch`: every MP4 that comes into a folder, or changes there, becomes a GIF."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from local.commands.convert import Work
from local.commands.show import show
from local.commands.videos import Video, in_folder
from shared.names import gif_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import NoReturn

    from local.commands.client import Client

_SCAN_SECONDS = 1.0
_State = tuple[int, int]


async def watch(folder: Path, *, client: Client, out: Path) -> None:
    """Convert what is in the folder without a GIF in `out` as new as itself, and then what comes, until cancelled.

    Raises RefusedError.
    """
    with show([]) as display:
        work = Work(client=client, out=out, display=display)
        try:
            async with asyncio.TaskGroup() as group:
                await _scan_for_ever(folder, out=out, start=lambda video: group.create_task(work.convert(video)))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None


async def _scan_for_ever(folder: Path, *, out: Path, start: Callable[[Video], object]) -> NoReturn:
    before: dict[str, _State] = {}
    taken: dict[str, _State] = {}
    while True:
        found = await asyncio.to_thread(lambda: list(_without_gif(folder, out)))
        for video, state in found:
            # A file that still changes is still being written.
            if before.get(video.name) == state and taken.get(video.name) != state:
                taken[video.name] = state
                start(video)
        before = {video.name: state for video, state in found}
        await asyncio.sleep(_SCAN_SECONDS)


def _without_gif(folder: Path, out: Path) -> Iterator[tuple[Video, _State]]:
    for video in in_folder(folder):
        with suppress(FileNotFoundError):
            stat = video.path.stat()
            gif = out / gif_name(video.name)
            if not gif.exists() or gif.stat().st_mtime_ns < stat.st_mtime_ns:
                yield video, (stat.st_mtime_ns, stat.st_size)
