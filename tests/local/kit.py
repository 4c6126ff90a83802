"""Parts of the stack started one by one, the command line as a process, and a webhook to send to."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web

from local.process import Part, ServiceCrashedError, clean_environment

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def running(
    name: str, *arguments: str, directory: Path, environment: dict[str, str] | None = None
) -> AsyncIterator[tuple[Part, dict[str, Any]]]:
    """A part of the stack for as long as the context lasts, and its first line of output."""

    def crashed(error: ServiceCrashedError) -> None:
        raise error

    part = Part(
        name=name,
        module=f"local.{name}",
        arguments=arguments,
        environment=clean_environment() | (environment or {}),
        log=directory / f"{name}.log",
        crashed=crashed,
    )
    try:
        yield part, await part.start()
    finally:
        await part.stop()


@dataclass
class Webhook:
    """Plays the handshake, keeps what it gets, answers `answers` in turn and 200 after them."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        if request.headers["aeg-event-type"] == "SubscriptionValidation":
            return web.json_response({"validationResponse": body[0]["data"]["validationCode"]})
        assert len(body) == 1
        async with self.arrived:
            self.received.append(body[0])
            self.headers.append(dict(request.headers))
            self.arrived.notify_all()
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    async def wait_for(self, count: int) -> list[dict[str, Any]]:
        """The first `count` events, once they are there."""
        async with asyncio.timeout(30), self.arrived:
            await self.arrived.wait_for(lambda: len(self.received) >= count)
        return self.received[:count]

    def subjects(self) -> list[str]:
        prefix = "/blobServices/default/containers/videos/blobs/"
        return [event["subject"].removeprefix(prefix) for event in self.received]


@asynccontextmanager
async def webhook() -> AsyncIterator[Webhook]:
    """A webhook on loopback for as long as the context lasts."""
    hook = Webhook()
    app = web.Application()
    app.router.add_post("/hook", hook.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield hook
    finally:
        await runner.cleanup()


@asynccontextmanager
async def command(*arguments: str, cwd: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m local ...` as a process, killed with everything below it should a test fail."""
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
            for left in psutil.Process(process.pid).children(recursive=True):
                left.kill()
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def line_with(process: asyncio.subprocess.Process, text: str) -> str:
    """The first line of output that holds the text."""
    assert process.stdout
    async with asyncio.timeout(60):
        async for line in process.stdout:
            if text in line.decode():
                return line.decode()
    assert process.stderr
    pytest.fail(f"no line with {text!r}: {(await process.stderr.read()).decode()}")
