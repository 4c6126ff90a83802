"""`drop`: converts videos with a running stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.commands.client import connect
from local.commands.convert import convert
from local.commands.videos import NoVideoError, find_videos
from local.commands.watch import watch
from local.layout import Layout, read_endpoints, read_env

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


async def drop(paths: list[Path], *, directory: Path, out: Path, metadata: Mapping[str, str]) -> int:
    """Convert the videos in `paths` into the folder `out`, with the options in `metadata`.

    Returns the exit code: 0 only if every GIF was created.
    Raises NoVideoError, UnauthorizedError.
    """
    endpoints, env = _read_connection(directory)
    videos = find_videos(paths)
    async with connect(endpoints=endpoints, env=env) as client:
        created = await convert(videos, client=client, out=out, metadata=metadata)
    print(f"Created {created} of {len(videos)} GIFs. Output folder: {out}")
    return 0 if created == len(videos) else 1


async def drop_from(folder: Path, *, directory: Path, out: Path, metadata: Mapping[str, str]) -> int:
    """Convert the videos in a folder and those added later, until cancelled. Raises NoVideoError, UnauthorizedError."""
    endpoints, env = _read_connection(directory)
    async with connect(endpoints=endpoints, env=env) as client:
        print(f"Watching {folder} for MP4s. Output folder: {out}. Press Ctrl-C to stop.", flush=True)
        await watch(folder, client=client, out=out, metadata=metadata)
    return 0


def _read_connection(directory: Path) -> tuple[dict[str, str], dict[str, str]]:
    layout = Layout(directory)
    try:
        return read_endpoints(layout), read_env(layout)
    except FileNotFoundError:
        raise NoVideoError(f"No stack is running in {directory}. Start one with `make up`.") from None
