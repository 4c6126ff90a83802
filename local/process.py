"""One service of the stack as a child process. It reports its address as JSON on its first line of output."""

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
from local.pause import resume

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
_GRACE_SECONDS = 8.0
_LOG_TAIL_LINES = 15


class ServiceCrashedError(Exception):
    """A service exited unexpectedly; the message ends with the last lines of its log."""


@dataclass(kw_only=True)
class ServiceProcess:
    """Runs `python -m <module> <arguments>` with exactly the variables in `environment`.

    Calls `on_crash` if the process exits without `stop` or `kill`.
    """

    name: str
    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    on_crash: Callable[[ServiceCrashedError], None]
    process: asyncio.subprocess.Process | None = None
    _stopping: bool = False
    _watcher: asyncio.Task[None] | None = None

    async def start(self) -> dict[str, Any]:
        """Start the process and return its first line; raises ServiceCrashedError if it exits before that."""
        self._stopping = False
        with self.log.open("ab") as log:
            self.process = process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self.module,
                *self.arguments,
                "--exit-with-stdin",
                # Stays open for as long as this process lives.
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env=dict(self.environment),
                # Ctrl-C reaches only the supervisor, which stops the services in order.
                start_new_session=True,
            )
        assert process.stdout is not None  # noqa: S101  # for mypy: stdout is a pipe
        line = await process.stdout.readline()
        try:
            ready: dict[str, Any] = json.loads(line)
        except ValueError:
            code = await self._exit_code(process)
            raise ServiceCrashedError(self._crash_message(code)) from None
        self._watcher = asyncio.create_task(self._watch(process, self.log.open("ab")))
        return ready

    async def _watch(self, process: asyncio.subprocess.Process, log: IO[bytes]) -> None:
        """Copy standard output to the log until the process exits, then report a crash."""
        with log:
            while process.stdout and (chunk := await process.stdout.read(65536)):
                log.write(chunk)
                log.flush()
        code = await process.wait()
        if not self._stopping:
            self.on_crash(ServiceCrashedError(self._crash_message(code)))

    async def _exit_code(self, process: asyncio.subprocess.Process) -> int:
        with suppress(TimeoutError):
            return await asyncio.wait_for(process.wait(), 1)
        await self.stop()
        return process.returncode or 0

    def _crash_message(self, code: int) -> str:
        message = f"{self.name} exited unexpectedly with code {code}"
        with suppress(OSError):
            tail = self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
            return "\n".join([f"{message}. Last lines of {self.log}:", *("  " + line for line in tail)])
        return message

    async def stop(self) -> None:
        """Terminate the process; kill it with all its descendants if it has not exited after a grace period."""
        if self.process is not None and self.process.returncode is None:
            self._stopping = True
            with suppress(ProcessLookupError):
                self.process.terminate()
            # A paused process handles the signal only once it runs again.
            resume(self.process.pid)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), _GRACE_SECONDS)
        await self.kill()

    async def kill(self) -> None:
        """Kill the process and all its descendants without letting them clean up."""
        self._stopping = True
        if self.process is not None and self.process.returncode is None:
            below = orphans.descendants(self.process.pid)
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
            for process in below:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            # This process has adopted them by now and must reap them.
            await asyncio.to_thread(psutil.wait_procs, below, timeout=_GRACE_SECONDS)
        if self._watcher is not None:
            await self._watcher

    @property
    def pid(self) -> int | None:
        """The process id, or None when it is not running."""
        return None if self.process is None or self.process.returncode is not None else self.process.pid


def clean_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables a service inherits: none that would point an SDK or the app away from the local stack."""
    prefixes = ("AZURE", "GIFDROP_", "IDENTITY_", "MSI_", "EVENTS_")
    ca_files = {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    kept = {
        name: value
        for name, value in environment.items()
        if name.upper() not in ca_files and not name.upper().startswith(prefixes)
    }
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(filter(None, (environment.get(name), "127.0.0.1", "localhost")))
    return kept
