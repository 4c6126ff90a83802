"""Uploads videos, shows their progress and downloads their GIFs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cli.client import connect
from cli.errors import RefusedError
from cli.poller import StatusPoller
from cli.progress import ProgressDisplay, progress_display
from cli.storage import open_storage
from cli.upload_links import UploadLinks
from cli.words import SAVING, STATES, UPLOADING, measures, printable, reason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from cli.blocks import Uploader
    from cli.client import Client
    from cli.output import Output
    from cli.target import Target
    from cli.videos import Video

_CONCURRENT_UPLOADS = 8


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one video: a GIF saved as `saved`, or the `problem` that prevented it."""

    video: str
    saved: Path | None = None
    problem: str | None = None


@dataclass(kw_only=True)
class Converter:
    """Converts the videos of one command, limiting concurrent uploads."""

    client: Client
    uploader: Uploader
    poller: StatusPoller
    group: asyncio.TaskGroup
    out: Path
    metadata: Mapping[str, str]
    display: ProgressDisplay
    output: Output
    results: list[Result] = field(default_factory=list)
    _uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_CONCURRENT_UPLOADS))

    def start(self, video: Video) -> asyncio.Task[None]:
        """Start to convert a video."""
        return self.group.create_task(self._convert(video))

    async def _convert(self, video: Video) -> None:
        """Convert one video, save its GIF and append to `results`.

        A failure is displayed and affects only this video, except those that hold for all: DeniedError,
        UnreachableError, UsageError.
        """
        name = video.name
        status: dict[str, Any] = {"video": name, "state": "failed", "gif": None, "error": None}
        saved: Path | None = None
        problem: str | None = None
        try:
            status = await self._upload_and_wait(video)
            gif = status["gif"]
            if gif is None:
                problem = reason(status["error"])
            else:
                self.display.update(name, state=SAVING, fraction=None)
                saved = _path_in(self.out, gif["name"])
                await self.client.download(gif["name"], saved)
                for extra in gif["also"]:
                    await self.client.download(extra["name"], _path_in(self.out, extra["name"]))
        except RefusedError as error:
            saved, problem = None, reason({"code": error.code, "message": str(error)})
            status = status | {"error": {"code": error.code, "message": str(error)}}
        except (OSError, UnicodeError) as error:  # file names need not be valid text
            saved, problem = None, printable(str(error))
            status = status | {"error": {"code": type(error).__name__, "message": problem}}
        if saved is not None:
            line = f"{printable(name)} -> {printable(str(saved))}  {measures(status['gif'])}"
        else:
            line = f"{printable(name)} failed: {problem}"
        self.display.end(name, line, failed=saved is None)
        for note in (*(status.get("notes") or ()), *(status.get("warnings") or ())):
            self.output.say(f"  {printable(note)}", style="yellow")
        self.output.result(status | {"saved": None if saved is None else str(saved)})
        self.results.append(Result(video=name, saved=saved, problem=problem))

    async def _upload_and_wait(self, video: Video) -> dict[str, Any]:
        """Upload a video and return its status once the conversion has ended."""
        name, display = video.name, self.display
        async with self._uploads:
            display.update(name, state=UPLOADING, fraction=0.0)
            since = await self.uploader.upload(
                name,
                video.path,
                metadata=self.metadata,
                progress=lambda fraction: display.update(name, state=UPLOADING, fraction=fraction),
            )
        display.update(name, state=STATES["queued"], fraction=None)
        return await self.poller.ended(
            name,
            since=since,
            on_status=lambda status: display.update(
                name, state=STATES.get(status["state"], status["state"]), fraction=status["progress"]
            ),
        )


@asynccontextmanager
async def converter(
    target: Target, *, videos: Sequence[Video], out: Path, metadata: Mapping[str, str], output: Output
) -> AsyncIterator[Converter]:
    """A converter whose errors that hold for all videos end the block.

    videos: Those that will be converted, for the display; more may follow.
    """
    display = progress_display([video.name for video in videos], output=output)
    try:
        with display as shown:
            async with connect(target) as client, _uploader(target, client) as uploader, asyncio.TaskGroup() as group:
                poller = StatusPoller(client=client)
                polling = group.create_task(poller.run())
                yield Converter(
                    client=client,
                    uploader=uploader,
                    poller=poller,
                    group=group,
                    out=out,
                    metadata=metadata,
                    display=shown,
                    output=output,
                )
                polling.cancel()
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


@asynccontextmanager
async def _uploader(target: Target, client: Client) -> AsyncIterator[Uploader]:
    """Where the storage account is known, straight to it: links are limited to some in a minute."""
    if target.storage_url is None:
        yield UploadLinks(client=client)
        return
    async with open_storage(target, target.storage_url) as storage:
        yield storage


async def convert(
    videos: Sequence[Video], *, target: Target, out: Path, metadata: Mapping[str, str], output: Output
) -> list[Result]:
    """Convert videos and save the GIFs in the folder `out`. Raises DeniedError, UnreachableError, UsageError."""
    async with converter(target, videos=videos, out=out, metadata=metadata, output=output) as found:
        await asyncio.wait([found.start(video) for video in videos])
    return found.results


def _path_in(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise OSError(f"{name} is not a valid file name in {folder}")
    return path
