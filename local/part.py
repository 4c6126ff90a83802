"""One part of the stack: a process that says on its first line of output that it is ready."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psutil

from local import orphans

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
_GRACE_SECONDS = 8.0
_TAIL_LINES = 15


class PartCrashedError(Exception):
    """A part ended by itself; the message has the last lines of its log."""


@dataclass(kw_only=True)
class Part:
    """`python -m <module> <arguments>`; `environment` is all that it gets. `crashed` is told when it ends by itself."""

    name: str
    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    crashed: Callable[[PartCrashedError], None]
    process: asyncio.subprocess.Process | None = None
    _ending: bool = False
    _watch: asyncio.Task[None] | None = None

    async def start(self) -> dict[str, Any]:
        """Start the process and give its first line; raises PartCrashedError when it ends before."""
        self._ending = False
        with self.log.open("ab") as log:
            self.process = process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self.module,
                *self.arguments,
                "--exit-with-stdin",
                # Held open for as long as this process lives.
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env=dict(self.environment),
                # Ctrl-C is for the supervisor, which ends the parts in their order.
                start_new_session=True,
            )
        assert process.stdout is not None  # noqa: S101  # for mypy: it was asked for
        line = await process.stdout.readline()
        try:
            ready: dict[str, Any] = json.loads(line)
        except ValueError:
            code = await self._end_of(process)
            raise PartCrashedError(self._story(code)) from None
        self._watch = asyncio.create_task(self._until_end(process, self.log.open("ab")))
        return ready

    async def _until_end(self, process: asyncio.subprocess.Process, log: IO[bytes]) -> None:
        with log:
            while process.stdout and (chunk := await process.stdout.read(65536)):
                log.write(chunk)
                log.flush()
        code = await process.wait()
        if not self._ending:
            self.crashed(PartCrashedError(self._story(code)))

    async def _end_of(self, process: asyncio.subprocess.Process) -> int:
        with suppress(TimeoutError):
            return await asyncio.wait_for(process.wait(), 1)
        await self.stop()
        return process.returncode or 0

    def _story(self, code: int) -> str:
        with suppress(OSError):
            tail = "\n".join("  " + line for line in self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
            return f"{self.name} ended with exit code {code}; the end of {self.log}:\n{tail}"
        return f"{self.name} ended with exit code {code}"

    async def stop(self) -> None:
        """End the process: politely first, by force with all below it when that does not help."""
        if self.process is not None and self.process.returncode is None:
            self._ending = True
            with suppress(ProcessLookupError):
                self.process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), _GRACE_SECONDS)
        await self.kill()

    async def kill(self) -> None:
        """End the process and all below it without a chance to clean up."""
        self._ending = True
        if self.process is not None and self.process.returncode is None:
            below = orphans.descendants(self.process.pid)
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
            for process in below:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            # Those that this process has adopted meanwhile are its to wait for.
            await asyncio.to_thread(psutil.wait_procs, below, timeout=_GRACE_SECONDS)
        if self._watch is not None:
            await self._watch

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return None if self.process is None or self.process.returncode is not None else self.process.pid


def clean_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that a part may inherit: nothing that would lead an SDK or the app elsewhere than to the stack."""
    led = ("AZURE", "GIFDROP_", "IDENTITY_", "MSI_", "EVENTS_")
    trust = {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    kept = {
        name: value
        for name, value in environment.items()
        if name.upper() not in trust and not name.upper().startswith(led)
    }
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(filter(None, (environment.get(name), "127.0.0.1", "localhost")))
    return kept
