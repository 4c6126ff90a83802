"""A running task, step by step: it stands still while its progress is looked at, however fast the machine is."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil


async def steps(directory: Path, task: str) -> AsyncIterator[float]:
    """Each fraction that the task, on a node below `directory`, tells; it goes on once the next one is asked for."""
    while (file := _progress_of(directory, task)) is None:
        await asyncio.sleep(0.01)
    before: float | None = None
    while processes := list(_processes(file.parent)):
        with _standing_still(processes), contextlib.suppress(FileNotFoundError):
            told = json.loads(file.read_text())["fraction"]
            if told != before:
                before = told
                yield told
        await asyncio.sleep(0.01)


def _progress_of(directory: Path, task: str) -> Path | None:
    return next(directory.glob(f"**/{task}/wd/progress.json"), None)


def _processes(directory: Path) -> Iterator[psutil.Process]:
    """What works in `directory`, the converter before the ffmpeg that it starts."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(directory):
                yield process


@contextlib.contextmanager
def _standing_still(processes: list[psutil.Process]) -> Iterator[None]:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()
