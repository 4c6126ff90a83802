"""Single services and `python -m local` commands as child processes."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.process import ROOT, ServiceCrashedError, ServiceProcess, clean_environment


@asynccontextmanager
async def running_service(
    name: str, *arguments: str, directory: Path, environment: dict[str, str] | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Run a service of the stack; yields its first line of output."""

    def on_crash(error: ServiceCrashedError) -> None:
        raise error

    service = ServiceProcess(
        name=name,
        module=f"local.{name}",
        arguments=arguments,
        environment=clean_environment() | (environment or {}),
        log=directory / f"{name}.log",
        on_crash=on_crash,
    )
    try:
        yield await service.start()
    finally:
        await service.stop()


@asynccontextmanager
async def running_command(*arguments: str, cwd: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `python -m local ...`; on exit it is killed with all its descendants."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "local", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    try:
        yield process
    finally:
        with suppress(psutil.NoSuchProcess):
            for descendant in psutil.Process(process.pid).children(recursive=True):
                descendant.kill()
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def line_with(process: asyncio.subprocess.Process, text: str) -> str:
    """The first line of output that contains the text."""
    assert process.stdout
    async with asyncio.timeout(60):
        async for line in process.stdout:
            if text in line.decode():
                return line.decode()
    assert process.stderr
    pytest.fail(f"no line with {text!r}: {(await process.stderr.read()).decode()}")
