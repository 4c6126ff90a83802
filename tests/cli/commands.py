"""The command `gifdrop` as a child process, on pipes and on a pseudo-terminal."""

import asyncio
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from local.process import ROOT, clean_environment
from tests.support.waiting import wait_until

GIFDROP = (sys.executable, "-m", "cli")
MARKER = "TEST_OF_THE_COMMAND"
"""Environment variable that the processes of one command have in common."""
_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def environment(**variables: str) -> dict[str, str]:
    """The variables of a user's shell: none of an earlier stack, of a test, or of a terminal."""
    kept = clean_environment()
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES", "GIFDROP_URL", "GIFDROP_KEY"):
        kept.pop(name, None)
    return kept | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color"} | variables


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What a command printed, and its exit code."""

    code: int
    stdout: str
    stderr: str


def run(*arguments: str, cwd: Path, **variables: str) -> Ended:
    """Run `gifdrop` on pipes until it ends."""
    done = subprocess.run(
        [*GIFDROP, *arguments],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return Ended(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


@asynccontextmanager
async def running_command(*arguments: str, cwd: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `gifdrop` on pipes; on exit it is killed with all its descendants."""
    process = await asyncio.create_subprocess_exec(
        *GIFDROP,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=cwd,
        env=environment(),
    )
    try:
        yield process
    finally:
        _kill(process.pid)
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


def _kill(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for each in [*process.children(recursive=True), process]:
            with suppress(psutil.NoSuchProcess):
                each.kill()


@dataclass(kw_only=True)
class Terminal:
    """A command on a pseudo-terminal of 120 columns."""

    process: subprocess.Popen[bytes]
    descriptor: int
    marker: str
    output: bytearray = field(default_factory=bytearray)

    @property
    def raw(self) -> str:
        """Everything that was printed, with escape sequences."""
        return self.output.decode(errors="replace")

    @property
    def text(self) -> str:
        """Everything that was printed, without escape sequences."""
        return _ESCAPES.sub("", self.raw)

    def wait_for(self, text: str, *, within: float = 60.0) -> None:
        """Wait until the text was printed."""

        def printed() -> bool:
            assert self.process.poll() is None or text in self.text, self.text
            return text in self.text

        wait_until(printed, within=within)

    def press_ctrl_c(self) -> "Stopped":
        """Press Ctrl-C, and wait until the command has ended."""
        before = set(screen(self.raw))
        os.write(self.descriptor, b"\x03")
        code = self.process.wait(timeout=20)
        self._read_rest()
        lines = [line for line in screen(self.raw) if line not in before and line.strip().strip("^C")]
        return Stopped(code=code, lines=lines)

    def wait(self, within: float = 90.0) -> int:
        """Wait until the command has ended, and return its exit code."""
        code = self.process.wait(timeout=within)
        self._read_rest()
        return code

    def _read_rest(self) -> None:
        # The reader sees the end once the last process has closed the terminal.
        wait_until(lambda: not self._reader.is_alive(), within=10)

    def read_until_closed(self) -> None:
        """Collect what is printed, in a thread."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):
            while data := os.read(self.descriptor, 65536):
                self.output += data


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """How a command ended after Ctrl-C: its exit code, and the lines that it printed."""

    code: int
    lines: list[str]


def screen(raw: str) -> list[str]:
    """The lines that a terminal shows after this output."""
    lines = [""]
    row = 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", raw):
        if part == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif up := re.fullmatch(r"\x1b\[(\d*)A", part):
            row = max(row - int(up[1] or 1), 0)
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part == "\r" or part.startswith("\x1b"):
            continue
        else:
            lines[row] += part
    return lines


@contextmanager
def terminal(*command: str, cwd: Path, **variables: str) -> Iterator[Terminal]:
    """Run `gifdrop`, or the program in `command` if it is absolute, on a terminal; kill it with all descendants."""
    controller, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    marker = uuid4().hex
    full = command if command[0].startswith("/") else (*GIFDROP, *command)
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_TERMINAL, *full],
        stdin=side,
        stdout=side,
        stderr=side,
        cwd=cwd,
        env=environment(**variables) | {MARKER: marker},
        start_new_session=True,
    )
    os.close(side)
    found = Terminal(process=process, descriptor=controller, marker=marker)
    found.read_until_closed()
    try:
        yield found
    finally:
        _kill(process.pid)
        process.wait()
        for each in processes_of(marker):
            with suppress(psutil.NoSuchProcess):
                each.kill()
        wait_until(lambda: not found._reader.is_alive(), within=10)
        os.close(controller)


def processes_of(marker: str) -> list[psutil.Process]:
    """The processes that a command on a terminal has started, however deep."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARKER) == marker and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
