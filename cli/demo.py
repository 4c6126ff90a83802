"""`demo`: starts a temporary stack, converts videos with it and stops it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from cli.connection import Connection
from cli.convert import convert
from cli.drop import summarize
from cli.sample import sample_video
from cli.stack import running_stack
from cli.target import LOCAL_DIRECTORY, find_target, short
from cli.videos import Video, find_videos
from cli.words import seconds

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence
    from pathlib import Path

    from cli.convert import Result
    from cli.output import Output
    from local.stack import Stack


async def demo(
    paths: Sequence[Path], *, directory: Path, out: Path, metadata: Mapping[str, str], output: Output
) -> int:
    """Convert the videos in `paths`, or a sample if there are none, into the folder `out`.

    Returns the exit code: 0 only if every GIF was created. Raises UsageError, StackError.
    """
    videos = find_videos(paths)
    if not videos:
        with output.announcing_stop("Stopped."):
            sample = await sample_video(LOCAL_DIRECTORY / "sample.mp4")
        videos = [Video(name=sample.name, path=sample)]
    launched = time.monotonic()
    async with running_stack(output, directory=directory, fresh=True) as stack:
        started = time.monotonic()
        output.say(f"The local stack started in {seconds(started - launched)}. Logs: {short(stack.layout.logs)}")
        target = find_target(Connection(directory=directory))
        work = convert(videos, target=target, out=out, metadata=metadata, output=output)
        with output.announcing_stop("Stopping the stack."):
            results = await _unless_crashed(stack, work)
        took = time.monotonic() - started
    return summarize(results, out=out, took=took, output=output)


async def _unless_crashed(stack: Stack, work: Coroutine[None, None, list[Result]]) -> list[Result]:
    """The result of `work`; if a service of the stack crashes, cancel it and raise ServiceCrashedError."""
    task, crash = asyncio.create_task(work), asyncio.create_task(stack.crash())
    try:
        await asyncio.wait((task, crash), return_when=asyncio.FIRST_COMPLETED)
        if crash.done():
            raise crash.result()
        return task.result()
    finally:
        task.cancel()
        crash.cancel()
        await asyncio.wait((task, crash))
