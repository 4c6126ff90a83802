"""Runs ffmpeg: sandboxed, no shell, no stdin, an empty environment, its own process group, a hard timeout."""

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

from converter import sandbox
from converter.process import limits, scratch, survivors
from converter.verdict import NodeFailure

MAX_LINES: Final = 200
MAX_LINE_BYTES: Final = 500
MAX_BLOCK_NAMES: Final = 64
STALL_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.5
EXIT_GRACE_SECONDS: Final = 10.0
POINTER: Final = re.compile(r" @ 0x[0-9a-f]+")  # differs in each run
LOADERS: Final = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}

EndReason = Literal["exit", "stopped", "timeout", "stalled"]


@dataclass(kw_only=True)
class Finished:
    """How a run ended. `code` is negative for a signal, `lines` is stderr, `seconds` is wall clock.

    `sandbox` lists the parts of the sandbox that were entered.
    """

    code: int = 0
    ended: EndReason
    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    sandbox: list[str] = field(default_factory=list)


# Called with the latest block of `-progress`, empty before the first; returns how far the run is, or None to stop it.
Watch = Callable[[Mapping[str, str]], float | None]


def run(
    *,
    binary: Path,
    arguments: Sequence[str],
    work: Path,
    reads: Sequence[Path],
    writes: Sequence[Path] = (),
    timeout: float,
    file_size: int,
    watch: Watch | None = None,
    stall: float = STALL_SECONDS,
) -> Finished:
    """Run ffmpeg to its end, the timeout or a stall, whichever is first; none of its processes survives.

    It may read `reads` and write `writes`, which are made anew; it can make no other file. `file_size` limits each of
    them in bytes. `work` is its current directory. `watch` is called at least every half second; a run is stalled when
    its result has not changed for `stall` seconds. Raises NodeFailure if the sandbox is required and cannot be entered.
    """
    for path in writes:
        scratch.create(path)
    started, used, others = time.monotonic(), _children_cpu(), survivors.children()
    process, entered = _start([*_command(binary), *arguments], binary, work, reads, writes, file_size)
    finished = Finished(ended="stopped", sandbox=entered)
    try:
        finished.ended = _follow(process, lines=finished.lines, watch=watch, deadline=started + timeout, stall=stall)
        if finished.ended == "exit":
            process.wait(timeout=EXIT_GRACE_SECONDS)  # its pipes are closed, so it is exiting
    except subprocess.TimeoutExpired:
        finished.ended = "timeout"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        finished.code = process.wait()
        survivors.kill(spare=others)
    finished.seconds = time.monotonic() - started
    finished.cpu_seconds = _children_cpu() - used
    return finished


def _start(
    command: Sequence[str], binary: Path, work: Path, reads: Sequence[Path], writes: Sequence[Path], file_size: int
) -> tuple[subprocess.Popen[bytes], list[str]]:
    """Start ffmpeg in the sandbox; returns the process and the parts of the sandbox that it entered."""
    threads, required, parent = limits.threads_allowed(), sandbox.required(), os.getpid()
    report, reported = os.pipe()

    def confine() -> None:
        def set_limits() -> None:
            limits.apply(file_size=file_size, threads=threads, parent=parent, required=required)

        try:
            parts = sandbox.enter(
                executable=binary, reads=reads, writes=writes, set_limits=set_limits, required=required
            )
        except OSError as error:
            os.write(reported, str(error).encode(errors="replace"))
            raise
        os.write(reported, " ".join(parts).encode())

    try:
        process = subprocess.Popen(
            command,
            cwd=work,
            env={"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
            preexec_fn=confine,  # noqa: PLW1509 - this process has one thread
        )
    except subprocess.SubprocessError as error:
        hint = f"{sandbox.MODE_VARIABLE}=optional runs without it, for development only"
        raise NodeFailure(f"ffmpeg cannot be sandboxed: {_all_of(report, reported)} ({hint})") from error
    except OSError:
        _all_of(report, reported)
        raise
    return process, _all_of(report, reported).split()


def _all_of(reader: int, writer: int) -> str:
    """What was written to a pipe, whose ends are closed; the child's copy of `writer` is closed already."""
    os.close(writer)
    with open(reader, errors="replace") as file:
        return file.read()


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
    """Collects the `name=value` lines of `-progress` into blocks of at most MAX_BLOCK_NAMES names."""

    latest: dict[str, str] = field(default_factory=dict)
    _open: dict[str, str] = field(default_factory=dict)

    def add(self, line: str) -> None:
        """Add one line; `progress=` ends a block."""
        name, _, value = line.partition("=")
        if name == "progress" or name in self._open or len(self._open) < MAX_BLOCK_NAMES:
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
    loader = LOADERS.get(os.uname().machine)
    return [str(binary)] if loader is None or os.access(binary, os.X_OK) else [loader, str(binary)]


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
