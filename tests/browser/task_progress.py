"""Reads the progress of a running task while its processes are suspended, so that tests do not race with it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from tests.support.waiting import wait_until_async

ENDED = psutil.STATUS_ZOMBIE


async def progress_steps(directory: Path, task: str) -> AsyncIterator[float]:
    """Each fraction that a task of the stack in `directory` reports; suspends it until the next one is requested."""
    file: Path | None = await wait_until_async(lambda: _progress_file(directory, task))
    assert file is not None
    previous: float | None = None
    while _processes(file.parent):
        async with _suspended(file.parent) as running:
            fraction = _fraction(file, otherwise=previous)
            if running and fraction is not None and fraction != previous:
                previous = fraction
                yield fraction
        # The task runs in between, so that it makes progress.
        await asyncio.sleep(0.01)


def _progress_file(directory: Path, task: str) -> Path | None:
    return next(directory.glob(f"nodes/*/workitems/*/*/{task}/wd/progress.json"), None)


def _fraction(file: Path, *, otherwise: float | None) -> float | None:
    """What the file says; `otherwise` if it is gone, as it is once the task is deleted."""
    try:
        fraction: float = json.loads(file.read_text())["fraction"]
    except FileNotFoundError:
        return otherwise
    return fraction


def _processes(directory: Path) -> list[psutil.Process]:
    """The processes that run in `directory`: the converter first, then the ffmpeg that it starts."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if _status(process) != ENDED and Path(process.cwd()).is_relative_to(directory):
                found.append(process)
    return found


@contextlib.asynccontextmanager
async def _suspended(directory: Path) -> AsyncIterator[bool]:
    """Suspends the processes in `directory`; the value is whether any of them was still running."""
    processes = _processes(directory)
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        await wait_until_async(
            lambda: {_status(process) for process in processes} <= {psutil.STATUS_STOPPED, ENDED}, interval=0.01
        )
        yield psutil.STATUS_STOPPED in {_status(process) for process in processes}
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def _status(process: psutil.Process) -> str:
    try:
        return process.status()
    except psutil.NoSuchProcess:
        return ENDED
