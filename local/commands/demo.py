"""`demo`: MP4s in, GIFs out, through every part of a stack of its own."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from local.commands.client import connect
from local.commands.convert import convert
from local.commands.sample import sample_video
from local.commands.videos import Video, find_videos
from local.part import ROOT
from local.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path


async def demo(paths: list[Path], *, directory: Path, out: Path) -> int:
    """Convert what is meant by `paths`, a sample without any; `out` takes the GIFs; gives 0 only if every GIF is there.

    Raises NoVideoError, PartCrashedError, InUseError, RefusedError.
    """
    videos = find_videos(paths)
    if not videos:
        sample = await asyncio.to_thread(sample_video, ROOT / ".local" / "sample.mp4")
        videos = [Video(name=sample.name, path=sample)]
    begun = time.monotonic()
    async with Stack(directory=directory, fresh=True) as stack:
        started = time.monotonic()
        print(f"the stack is up after {started - begun:.1f} s; its logs: {stack.layout.logs}", flush=True)
        async with connect(endpoints=stack.endpoints, env=stack.env) as client:
            made = await _unless_crashed(stack, convert(videos, client=client, out=out))
        took = time.monotonic() - started
    print(f"{made} of {len(videos)} GIFs in {took:.1f} s, under {out}")
    return 0 if made == len(videos) else 1


async def _unless_crashed(stack: Stack, work: Coroutine[None, None, int]) -> int:
    """The result of the work, which is given up when a part of the stack ends."""
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
