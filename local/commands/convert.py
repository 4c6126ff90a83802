"""Uploads videos, shows their progress and downloads their GIFs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError

from local.commands.progress import ProgressDisplay, printable, progress_display

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from local.commands.client import Client
    from local.commands.videos import Video

_MAX_CONCURRENT_UPLOADS = 8
_POLL_SECONDS = 0.4
_MAX_POLLS_PER_SECOND = 25


async def convert(videos: Sequence[Video], *, client: Client, out: Path, metadata: Mapping[str, str]) -> int:
    """Convert videos and save the GIFs in the folder `out`; returns the number of GIFs.

    `metadata` of their blobs holds the options.
    Raises UnauthorizedError if the status API rejects the client's key.
    """
    with progress_display([video.name for video in videos]) as display:
        runner = ConversionRunner(client=client, out=out, metadata=metadata, display=display)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(runner.convert(video)) for video in videos]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
    return sum(task.result() for task in tasks)


@dataclass(kw_only=True)
class ConversionRunner:
    """Runs the conversions of one command, limiting concurrent uploads and status requests."""

    client: Client
    out: Path
    metadata: Mapping[str, str]
    display: ProgressDisplay
    _uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_MAX_CONCURRENT_UPLOADS))
    _waiting: int = 0

    async def convert(self, video: Video) -> bool:
        """Convert one video and save its GIF; returns whether that succeeded. Raises UnauthorizedError.

        Other failures are displayed and affect only this video.
        """
        name = video.name
        self._waiting += 1
        try:
            status = await self._upload_and_wait(video)
            gif = status["gif"]
            if gif is None:
                error = status["error"] or {"code": "Unknown", "message": "no reason was given"}
                self.display.end(name, f"{printable(name)} failed: {error['code']}: {printable(error['message'])}")
                return False
            path = _path_in(self.out, gif["name"])
            await self.client.fetch(gif["name"], path)
        except (AzureError, OSError, UnicodeError) as error:  # file names need not be valid text
            self.display.end(name, f"{printable(name)} failed: {type(error).__name__}: {printable(str(error))}")
            return False
        finally:
            self._waiting -= 1
        self.display.end(name, f"{printable(name)} -> {printable(str(path))}  {_measures(gif)}")
        return True

    async def _upload_and_wait(self, video: Video) -> dict[str, Any]:
        """Upload a video and return its status once the conversion has finished."""
        async with self._uploads:
            self.display.update(video.name, state="uploading", fraction=None)
            since = await self.client.upload(video.name, video.path, self.metadata)
        while True:
            status = await self.client.status(video.name, since=since)
            state = "waiting" if status is None else status["state"]
            self.display.update(video.name, state=state, fraction=None if status is None else status["progress"])
            if status is not None and state in ("succeeded", "failed"):
                return status
            await asyncio.sleep(max(_POLL_SECONDS, self._waiting / _MAX_POLLS_PER_SECOND))


def _path_in(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise OSError(f"{name} is not a valid file name in {folder}")
    return path


def _measures(gif: dict[str, Any]) -> str:
    size = gif["bytes"]
    shown = f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
    return f"{gif['width']}x{gif['height']}, {gif['frames']} frames, {gif['duration_seconds']:.1f} s, {shown}"
