"""`demo`: starts a temporary stack, converts videos with it and stops it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from local.commands.client import connect
from local.commands.convert import convert
from local.commands.sample import sample_video
from local.commands.videos import Video, find_videos
from local.process import ROOT
from local.sandbox import UNCONFINED
from local.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path


async def demo(paths: list[Path], *, directory: Path, out: Path) -> int:
    """Convert the videos in `paths`, or a sample if there are none, into the folder `out`.

    Returns the exit code: 0 only if every GIF was created.
    Raises NoVideoError, ServiceCrashedError, InUseError, UnauthorizedError.
    """
    videos = find_videos(paths)
    if not videos:
        sample = await asyncio.to_thread(sample_video, ROOT / ".local" / "sample.mp4")
        videos = [Video(name=sample.name, path=sample)]
    launched = time.monotonic()
    async with Stack(directory=directory, fresh=True) as stack:
        started = time.monotonic()
        print(f"Local stack started in {started - launched:.1f} s. Logs: {stack.layout.logs}", flush=True)
        if stack.env["GIFDROP_SANDBOX"] == "optional":
            print(UNCONFINED, flush=True)
        async with connect(endpoints=stack.endpoints, env=stack.env) as client:
            created = await _unless_crashed(stack, convert(videos, client=client, out=out, metadata={}))
        seconds = time.monotonic() - started
    print(f"Created {created} of {len(videos)} GIFs in {seconds:.1f} s. Output folder: {out}")
    return 0 if created == len(videos) else 1


async def _unless_crashed(stack: Stack, work: Coroutine[None, None, int]) -> int:
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
