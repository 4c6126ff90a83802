"""Runs ffmpeg: no shell, no stdin, an empty environment, kernel limits, its own process group, a hard timeout."""

import os
import re
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from converter import limits, sandbox

MAX_LINES: Final = 200
MAX_LINE_BYTES: Final = 500
STALL_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.5
EXIT_GRACE_SECONDS: Final = 10.0
POINTER: Final = re.compile(r" @ 0x[0-9a-f]+")  # differs in each run
LOADER: Final = "/lib64/ld-linux-x86-64.so.2"

EndReason = Literal["exit", "stopped", "timeout", "stalled"]


@dataclass(kw_only=True)
class Finished:
    """How a run ended. `code` is negative for a signal, `lines` is stderr, `seconds` is wall clock."""

    code: int = 0
    ended: EndReason
    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0


# Called with the latest block of `-progress`, empty before the first; returns how far the run is, or None to stop it.
Watch = Callable[[Mapping[str, str]], float | None]


def run(
    *,
    binary: Path,
    arguments: Sequence[str],
    work: Path,
    reads: Sequence[Path],
    timeout: float,
    file_size: int,
    watch: Watch | None = None,
    stall: float = STALL_SECONDS,
) -> Finished:
    """Run ffmpeg to its end, the timeout or a stall, whichever is first; none of its processes survives.

    It may read `reads` and write in `work`, which is also its current directory. `file_size` limits each file in bytes.
    `watch` is called at least every half second; a run is stalled when its result has not changed for `stall` seconds.
    """
    threads = limits.threads_allowed()

    def confine() -> None:
        # The sandbox first: it opens files, and the limit on open files counts those inherited from the parent.
        sandbox.enter(readable=[binary, *reads], writable=work)
        limits.apply(file_size=file_size, threads=threads)

    started, used = time.monotonic(), _children_cpu()
    process = subprocess.Popen(
        [*_command(binary), *arguments],
        cwd=work,
        env={"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,
        preexec_fn=confine,  # noqa: PLW1509 - this process has one thread
    )
    finished = Finished(ended="stopped")
    try:
        finished.ended = _follow(process, lines=finished.lines, watch=watch, deadline=started + timeout, stall=stall)
        if finished.ended == "exit":
            process.wait(timeout=EXIT_GRACE_SECONDS)  # its pipes are closed, so it is exiting
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        finished.code = process.wait()
    finished.seconds = time.monotonic() - started
    finished.cpu_seconds = _children_cpu() - used
    return finished


def _follow(
    process: subprocess.Popen[bytes], *, lines: list[str], watch: Watch | None, deadline: float, stall: float
) -> EndReason:
    """Read both pipes until they close; returns how the run ended."""
    blocks, position, last_change = Blocks(), 0.0, time.monotonic()
    with selectors.DefaultSelector() as selector, ExitStack() as pipes:
        for pipe, keep in ((process.stdout, blocks.add), (process.stderr, lambda line: _keep(lines, line))):
            if pipe is not None:
                selector.register(pipes.enter_context(pipe), selectors.EVENT_READ, Lines(take=keep))
        while selector.get_map():
            for key, _ in selector.select(POLL_SECONDS):
                chunk = os.read(key.fd, 65536)
                key.data.feed(chunk)
                if not chunk:
                    selector.unregister(key.fileobj)
            now = time.monotonic()
            if now > deadline:
                return "timeout"
            if watch:
                new_position = watch(blocks.latest)
                if new_position is None:
                    return "stopped"
                if new_position != position:
                    position, last_change = new_position, now
                elif now - last_change > stall:
                    return "stalled"
    return "exit"


@dataclass(kw_only=True)
class Lines:
    """Splits a stream of bytes into lines of bounded length."""

    take: Callable[[str], None]
    pending: bytes = b""

    def feed(self, chunk: bytes) -> None:
        """Call `take` with every line that `chunk` completes."""
        *whole, pending = (self.pending + chunk).split(b"\n")
        self.pending = pending[:MAX_LINE_BYTES]
        for line in whole:
            self.take(line[:MAX_LINE_BYTES].decode(errors="replace").rstrip())


@dataclass(kw_only=True)
class Blocks:
    """Collects the `name=value` lines of `-progress` into blocks."""

    latest: dict[str, str] = field(default_factory=dict)
    _open: dict[str, str] = field(default_factory=dict)

    def add(self, line: str) -> None:
        """Add one line; `progress=` ends a block."""
        name, _, value = line.partition("=")
        self._open[name] = value.strip()
        if name == "progress":
            self.latest, self._open = self._open, {}


def _keep(lines: list[str], line: str) -> None:
    """Append a line; beyond MAX_LINES only the first and the last lines are kept."""
    lines.append(POINTER.sub("", line))
    if len(lines) > MAX_LINES:
        del lines[MAX_LINES // 2]


def _command(binary: Path) -> list[str]:
    """Start through the loader if unpacking lost the executable bit, which the task user may not be able to set."""
    return [str(binary)] if os.access(binary, os.X_OK) else [LOADER, str(binary)]


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
