"""Ends processes that outlive the ffmpeg that started them. The sandbox allows none; this is for runs without it."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from converter.sandbox import kernel
from converter.verdict import NodeFailure

KILL_SECONDS: Final = 10.0


def adopt() -> None:
    """Become the parent of descendants whose own parent ends, so that `children` lists them. Linux only."""
    with suppress(OSError):
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)


def children() -> set[int]:
    """The ids of this process's children, ended ones included; none where the system cannot list them."""
    if not hasattr(os, "waitid"):
        return set()  # macOS before Python 3.13; it has no /proc either
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return set()  # the usual case, without a look at all processes
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # the process has ended
        if int(fields[1]) == os.getpid():
            found.add(int(path.parent.name))
    return found


def kill(*, spare: set[int]) -> None:
    """Kill and reap all children but `spare`, and those that they leave; raises NodeFailure if that never ends."""
    deadline = time.monotonic() + KILL_SECONDS
    while remaining := children() - spare:
        if time.monotonic() > deadline:
            raise NodeFailure("processes started by ffmpeg cannot be ended")
        for child in remaining:
            os.kill(child, signal.SIGKILL)
        for child in remaining:
            os.waitpid(child, 0)
