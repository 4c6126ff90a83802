"""Runs a command line in a new process group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from batch_emulator.machine.guardian import Guardian


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)


async def run(
    arguments: Sequence[str],
    *,
    guardian: Guardian,
    cwd: Path,
    env: Mapping[str, str],
    stdout: Path,
    stderr: Path,
) -> int:
    """Run to the end; returns the exit code, or 128 + N after signal N. Cancellation kills the whole group.

    Raises FileNotFoundError for a missing program, OSError for one that cannot be started.
    """
    out, err = _create(stdout), _create(stderr)
    try:
        # asyncio's subprocesses cost a thread each on Python 3.11.
        process = subprocess.Popen(  # noqa: ASYNC220
            arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd, env=env, start_new_session=True
        )
    finally:
        os.close(out)
        os.close(err)
    guardian.started(process.pid)
    try:
        await _wait(process)
    finally:
        guardian.ended(process.pid)
        code = process.wait()
    return 128 - code if code < 0 else code


async def _wait(process: subprocess.Popen[bytes]) -> None:
    if not hasattr(os, "pidfd_open"):
        await asyncio.to_thread(process.wait)
        return
    loop = asyncio.get_running_loop()
    exited = loop.create_future()
    fd = os.pidfd_open(process.pid)

    def on_exit() -> None:
        loop.remove_reader(fd)
        if not exited.done():
            exited.set_result(None)

    loop.add_reader(fd, on_exit)
    try:
        await exited
    finally:
        with contextlib.suppress(ValueError):
            loop.remove_reader(fd)
        os.close(fd)
