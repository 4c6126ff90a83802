"""Runs command lines in new process groups, through a helper process that starts them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from batch_emulator.machine import spawner
from batch_emulator.machine.guardian import kill_groups

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)


class Processes(asyncio.Protocol):
    """The helper process, and the commands that it runs. It is started again if it dies."""

    def __init__(self, journal: int, journal_path: Path) -> None:
        self._journal = journal
        self._journal_path = journal_path
        self._numbers = itertools.count(1)
        self._exits: dict[int, asyncio.Future[int]] = {}
        self._buffer = bytearray()
        self._helper: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.Transport | None = None
        self._starting: asyncio.Task[asyncio.Transport] | None = None
        self._closing = False

    async def run(self, arguments: Sequence[str], *, cwd: str, env: Mapping[str, str], stdout: str, stderr: str) -> int:
        """Run to the end; returns the exit code, or 128 + N after signal N. Cancellation kills the whole group.

        Raises FileNotFoundError for a missing program, OSError or ValueError for one that cannot be started.
        """
        for path in (stdout, stderr):
            # At once: a task that is running has these files.
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644))
        while self._transport is None:
            await self.start()
        number = next(self._numbers)
        exited = self._exits[number] = asyncio.get_running_loop().create_future()
        self._send("start", number, list(arguments), dict(env), cwd, stdout, stderr)
        try:
            code: int = await exited
        except asyncio.CancelledError:
            if number in self._exits:
                await self._kill(number)
            raise
        return 128 - code if code < 0 else code

    async def _kill(self, number: int) -> None:
        exited = self._exits[number] = asyncio.get_running_loop().create_future()
        self._send("kill", number)
        while not exited.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([exited])
        exited.exception()

    def _send(self, *message: object) -> None:
        assert self._transport is not None  # noqa: S101
        self._transport.write(spawner.pack(message))

    async def start(self) -> asyncio.Transport:
        """Start the helper, unless it runs. Cancellation does not interrupt this: another command may need it."""
        if self._transport is not None:
            return self._transport
        if self._starting is None or self._starting.done():
            self._starting = asyncio.get_running_loop().create_task(self._start())
        return await asyncio.shield(self._starting)

    async def _start(self) -> asyncio.Transport:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-I", "-S", spawner.__file__, str(theirs.fileno()), str(self._journal)]
        with theirs:
            self._helper = subprocess.Popen(  # noqa: ASYNC220 - once
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), self._journal),
            )
        self._transport, _ = await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
        return self._transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        for number, code, error, text in spawner.unpack(self._buffer):
            assert isinstance(number, int)  # noqa: S101
            exited = self._exits.pop(number)
            if exited.cancelled():  # just now, and its kill is not sent yet
                continue
            if isinstance(code, int):
                exited.set_result(code)
            elif error == -1:
                exited.set_exception(ValueError(text))
            else:
                exited.set_exception(OSError(error, text))

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        self._buffer.clear()
        if self._closing:
            return
        log.error("the process that starts the tasks has died")
        if self._helper is not None:
            self._helper.kill()
            self._helper.wait()
        kill_groups(self._journal_path.read_text())
        os.ftruncate(self._journal, 0)
        for exited in self._exits.values():
            if not exited.cancelled():
                exited.set_exception(OSError(0, "The process that started it has died"))
        self._exits.clear()

    async def close(self) -> None:
        """End the helper, which kills what still runs."""
        self._closing = True
        if self._starting is not None:
            await asyncio.wait([self._starting])
        if self._transport is not None:
            self._transport.close()
        if self._helper is not None:
            await asyncio.to_thread(self._helper.wait)
