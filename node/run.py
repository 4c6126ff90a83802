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

from node import limits, sandbox

LINES_KEPT: Final = 200
LINE_LENGTH: Final = 500
STALL_SECONDS: Final = 60.0
TICK_SECONDS: Final = 0.5
GRACE_SECONDS: Final = 10.0
ADDRESS: Final = re.compile(r" @ 0x[0-9a-f]+")  # says nothing and differs each time
LOADER: Final = "/lib64/ld-linux-x86-64.so.2"

Ended = Literal["exit", "stopped", "timeout", "stalled"]


@dataclass(kw_only=True)
class Finished:
    """How ffmpeg ended: `code` is negative for a signal, `lines` what it said, seconds of wall clock and CPU."""

    code: int = 0
    ended: Ended
    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0


# Sees the latest block of `-progress` (or nothing); says how far the work is, or None to stop it.
Watch = Callable[[Mapping[str, str]], float | None]


def ffmpeg(
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
    """Run to the end, the timeout or a stall, whichever is first; nothing of it is alive afterwards.

    It may read `reads` and write in `work`, which is also its current directory.
    `watch` is asked at least twice a second; a run whose answer does not move for `stall` seconds is stalled.
    """
    threads = limits.threads_allowed()

    def confine() -> None:
        # The sandbox first: it opens files, which the limits deny to the child of a parent with many.
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
            process.wait(timeout=GRACE_SECONDS)  # its pipes are closed: it is ending
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        finished.code = process.wait()
    finished.seconds = time.monotonic() - started
    finished.cpu_seconds = _children_cpu() - used
    return finished


def _follow(
    process: subprocess.Popen[bytes], *, lines: list[str], watch: Watch | None, deadline: float, stall: float
) -> Ended:
    """Read both pipes until they close; says how the run ended."""
    blocks, before, moved = Blocks(), 0.0, time.monotonic()
    with selectors.DefaultSelector() as selector, ExitStack() as pipes:
        for pipe, keep in ((process.stdout, blocks.add), (process.stderr, lambda line: _keep(lines, line))):
            if pipe is not None:
                selector.register(pipes.enter_context(pipe), selectors.EVENT_READ, Lines(take=keep))
        while selector.get_map():
            for key, _ in selector.select(TICK_SECONDS):
                chunk = os.read(key.fd, 65536)
                key.data.feed(chunk)
                if not chunk:
                    selector.unregister(key.fileobj)
            now = time.monotonic()
            if now > deadline:
                return "timeout"
            if watch:
                done = watch(blocks.latest)
                if done is None:
                    return "stopped"
                if done != before:
                    before, moved = done, now
                elif now - moved > stall:
                    return "stalled"
    return "exit"


@dataclass(kw_only=True)
class Lines:
    """Cuts a stream of bytes into lines of bounded length."""

    take: Callable[[str], None]
    pending: bytes = b""

    def feed(self, chunk: bytes) -> None:
        """Pass on every line that `chunk` completes."""
        *whole, pending = (self.pending + chunk).split(b"\n")
        self.pending = pending[:LINE_LENGTH]
        for line in whole:
            self.take(line[:LINE_LENGTH].decode(errors="replace").rstrip())


@dataclass(kw_only=True)
class Blocks:
    """Collects `name=value` lines of `-progress` into blocks."""

    latest: dict[str, str] = field(default_factory=dict)
    _open: dict[str, str] = field(default_factory=dict)

    def add(self, line: str) -> None:
        """Take one line; `progress=` ends a block."""
        name, _, value = line.partition("=")
        self._open[name] = value.strip()
        if name == "progress":
            self.latest, self._open = self._open, {}


def _keep(lines: list[str], line: str) -> None:
    """Keep the first and the last of what a chatty decoder says."""
    lines.append(ADDRESS.sub("", line))
    if len(lines) > LINES_KEPT:
        del lines[LINES_KEPT // 2]


def _command(binary: Path) -> list[str]:
    """Through the loader where unpacking has lost the file's executable bit and another user owns it."""
    return [str(binary)] if os.access(binary, os.X_OK) else [LOADER, str(binary)]


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
