"""`drop`: videos into a stack that runs, GIFs out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.commands.client import connect
from local.commands.convert import convert
from local.commands.videos import NoVideoError, find_videos
from local.commands.watch import watch
from local.layout import Layout, read_endpoints, read_env

if TYPE_CHECKING:
    from pathlib import Path


async def drop(paths: list[Path], *, directory: Path, out: Path) -> int:
    """Convert what is meant by `paths`; `out` takes the GIFs; gives 0 only if every GIF is there.

    Raises NoVideoError, RefusedError.
    """
    endpoints, env = _running(directory)
    videos = find_videos(paths)
    async with connect(endpoints=endpoints, env=env) as client:
        made = await convert(videos, client=client, out=out)
    print(f"{made} of {len(videos)} GIFs, under {out}")
    return 0 if made == len(videos) else 1


async def drop_from(folder: Path, *, directory: Path, out: Path) -> int:
    """Convert what is in a folder and what comes into it, until cancelled. Raises NoVideoError, RefusedError."""
    endpoints, env = _running(directory)
    async with connect(endpoints=endpoints, env=env) as client:
        print(f"every MP4 that comes into {folder} becomes a GIF under {out}; Ctrl-C ends this", flush=True)
        await watch(folder, client=client, out=out)
    return 0


def _running(directory: Path) -> tuple[dict[str, str], dict[str, str]]:
    layout = Layout(directory)
    try:
        return read_endpoints(layout), read_env(layout)
    except FileNotFoundError:
        raise NoVideoError(f"no stack runs in {directory}: start one with make up") from None
