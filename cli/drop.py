"""`drop`: converts videos with the local stack or a deployed app."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cli.convert import convert
from cli.errors import ExitCode
from cli.videos import find_videos
from cli.watch import watch
from cli.words import count, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cli.convert import Result
    from cli.output import Output
    from cli.target import Target

_MAX_REPEATED = 20
"""Failures that the end of a command repeats."""


async def drop(paths: Sequence[Path], *, target: Target, out: Path, metadata: Mapping[str, str], output: Output) -> int:
    """Convert the videos in `paths` into the folder `out` and return the exit code: 0 only if every GIF was created.

    Raises UsageError, DeniedError, UnreachableError.
    """
    videos = find_videos(paths)
    started = time.monotonic()
    with output.announcing_stop(
        f"Stopped. Videos that are uploaded will still be converted: `{target.command('list')}`"
    ):
        results = await convert(videos, target=target, out=out, metadata=metadata, output=output)
    took = time.monotonic() - started
    return summarize(results, out=out, took=took, output=output, more=target.command("list", "--state", "failed"))


async def drop_from(folder: Path, *, target: Target, out: Path, metadata: Mapping[str, str], output: Output) -> int:
    """Convert the videos in a folder and those added later, until cancelled. Raises DeniedError, UnreachableError."""
    output.say(f"Watching {folder} for videos; GIFs go to {out}. Press Ctrl-C to stop.")
    with output.announcing_stop(f"Stopped watching {folder}."):
        await watch(folder, target=target, out=out, metadata=metadata, output=output)
    return 0


def summarize(results: Sequence[Result], *, out: Path, took: float, output: Output, more: str = "") -> int:
    """Print what became of the videos, the failures again at the end, and return the exit code.

    more: The command that lists all failures.
    """
    failed = [result for result in results if result.saved is None]
    created = len(results) - len(failed)
    output.say(f"Created {created} of {count(len(results), 'GIF')} in {seconds(took)}. Output folder: {out}")
    if not failed:
        return 0
    # The lines of the videos themselves may have scrolled away.
    output.say(f"{count(len(failed), 'video')} failed:", style="bold red")
    for result in failed[:_MAX_REPEATED]:
        output.failure(result.video, result.problem or "")
    if len(failed) > _MAX_REPEATED:
        output.say(f"  and {len(failed) - _MAX_REPEATED} more" + (f": `{more}`" if more else ""))
    return ExitCode.FAILED
