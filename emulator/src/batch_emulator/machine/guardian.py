"""A helper process that kills the process groups of tasks when the emulator dies.

The groups are also on disk: if the helper is killed too, the next emulator on the same directory kills them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

# Waits until the emulator's end of the pipe closes, then kills the groups that the journal says are alive. The start
# and end of a task cost one write to a file each and do not wake this process.
_SCRIPT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdin.read()
live = set()
for line in open(sys.argv[1]):
    (live.add if line[0] == "+" else live.discard)(int(line[1:]))
for pid in live:
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass
"""


class InUseError(Exception):
    """Another emulator uses this directory."""


def kill_group(pid: int) -> None:
    """Kill a process group, if it still exists."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def kill_groups(journal: str) -> None:
    """Kill the process groups that are alive according to the journal."""
    for pid in _live(journal):
        kill_group(pid)


def _live(journal: str) -> set[int]:
    live: set[int] = set()
    for line in journal.splitlines():
        (live.add if line.startswith("+") else live.discard)(int(line[1:]))
    return live


@dataclass(frozen=True, slots=True)
class Guardian:
    """Holds the lock of the directory, the journal of live process groups, and the helper."""

    lock: IO[str]
    journal: int
    journal_path: Path
    helper: subprocess.Popen[bytes]

    def close(self) -> None:
        """Kill every group and end the helper."""
        assert self.helper.stdin is not None  # noqa: S101
        self.helper.stdin.close()
        self.helper.wait()
        os.close(self.journal)
        self.lock.close()


def open_in(root: Path) -> Guardian:
    """Lock `root` for this emulator and kill what an earlier one left. Raises InUseError."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = (root / ".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise InUseError(f"another emulator uses {root}") from None
    journal = root / ".processes"
    if journal.exists():
        _kill_leftovers(journal.read_text(), root)
    descriptor = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC)
    command = [sys.executable, "-I", "-S", "-c", _SCRIPT, str(journal)]
    helper = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    return Guardian(lock, descriptor, journal, helper)


def _kill_leftovers(journal: str, root: Path) -> None:
    live = _live(journal)
    if not live:
        return
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            group = os.getpgid(process.pid)
            # The id may have been reused: only the environment of a task names this directory.
            if group in live and Path(process.environ().get("AZ_BATCH_NODE_ROOT_DIR", "/")).is_relative_to(root):
                kill_group(group)
