"""A running task, step by step: it stands still while its progress is looked at, however fast the machine is."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

ENDED = psutil.STATUS_ZOMBIE


async def steps(directory: Path, task: str) -> AsyncIterator[float]:
    """Each fraction that a task of the stack in `directory` tells; it goes on once the next one is asked for."""
    while (file := _progress_of(directory, task)) is None:
        await asyncio.sleep(0.01)
    before: float | None = None
    while _processes(file.parent):
        async with _standing_still(file.parent) as running:
            if running and (told := _fraction(file)) != before:
                before = told
                yield told
        await asyncio.sleep(0.01)


def _progress_of(directory: Path, task: str) -> Path | None:
    return next(directory.glob(f"nodes/*/workitems/*/*/{task}/wd/progress.json"), None)


def _fraction(file: Path) -> float:
    told: float = json.loads(file.read_text())["fraction"]
    return told


def _processes(directory: Path) -> list[psutil.Process]:
    """What works in `directory`, the converter before the ffmpeg that it starts."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if _status(process) != ENDED and Path(process.cwd()).is_relative_to(directory):
                found.append(process)
    return found


@contextlib.asynccontextmanager
async def _standing_still(directory: Path) -> AsyncIterator[bool]:
    """Stop what works in `directory` for a while; says whether anything does and was not just about to end."""
    processes = _processes(directory)
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        while not (states := {_status(process) for process in processes}) <= {psutil.STATUS_STOPPED, ENDED}:
            await asyncio.sleep(0.01)
        yield psutil.STATUS_STOPPED in states
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def _status(process: psutil.Process) -> str:
    try:
        return process.status()
    except psutil.NoSuchProcess:
        return ENDED
