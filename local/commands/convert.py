"""Drops videos, shows how they are doing, and saves their GIFs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.commands.show import Show, printable, show

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local.commands.client import Client
    from local.commands.videos import Video

_UPLOADS_AT_ONCE = 8
_POLL_SECONDS = 0.4
_POLLS_PER_SECOND = 25


async def convert(videos: Sequence[Video], *, client: Client, out: Path) -> int:
    """Convert videos and save the GIFs in the folder `out`; gives how many there are in the end.

    Raises RefusedError when the status API does not take the client's key.
    """
    with show([video.name for video in videos]) as display:
        work = Work(client=client, out=out, display=display)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work.convert(video)) for video in videos]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
    return sum(task.result() for task in tasks)


@dataclass(kw_only=True)
class Work:
    """What the conversions of one command share."""

    client: Client
    out: Path
    display: Show
    _uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_UPLOADS_AT_ONCE))
    _waiting: int = 0

    async def convert(self, video: Video) -> bool:
        """Convert one video, tell how it goes, and save its GIF; whether there is one in the end. Raises RefusedError.

        What goes wrong with this video is told and ends nothing else.
        """
        from azure.core.exceptions import AzureError

        name = video.name
        self._waiting += 1
        try:
            status = await self._ended(video)
            gif = status["gif"]
            if gif is None:
                error = status["error"] or {"code": "Unknown", "message": "no reason given"}
                self.display.end(name, f"{printable(name)} failed: {error['code']}: {printable(error['message'])}")
                return False
            path = _below(self.out, gif["name"])
            await self.client.fetch(gif["name"], path)
        except (AzureError, OSError, UnicodeError) as error:  # a file's name may be no text at all
            self.display.end(name, f"{printable(name)} failed: {type(error).__name__}: {printable(str(error))}")
            return False
        finally:
            self._waiting -= 1
        self.display.end(name, f"{printable(name)} -> {printable(str(path))}  {_measures(gif)}")
        return True

    async def _ended(self, video: Video) -> dict[str, Any]:
        """The video's status once it has been uploaded and its conversion has ended."""
        async with self._uploads:
            self.display.update(video.name, state="uploading", fraction=None)
            since = await self.client.upload(video.name, video.path)
        while True:
            status = await self.client.status(video.name, since=since)
            state = "waiting" if status is None else status["state"]
            self.display.update(video.name, state=state, fraction=None if status is None else status["progress"])
            if status is not None and state in ("succeeded", "failed"):
                return status
            # Many watchers share the API.
            await asyncio.sleep(max(_POLL_SECONDS, self._waiting / _POLLS_PER_SECOND))


def _below(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise OSError(f"{name} is not a name for a file in {folder}")
    return path


def _measures(gif: dict[str, Any]) -> str:
    size = gif["bytes"]
    shown = f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
    return f"{gif['width']}x{gif['height']}, {gif['frames']} frames, {gif['duration_seconds']:.1f} s, {shown}"
