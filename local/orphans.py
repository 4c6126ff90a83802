"""Finds and terminates processes that outlived the service that started them."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

STACK_VARIABLE = "GIFDROP_STACK"
"""Environment variable of every service: the directory of its stack."""
_PR_SET_CHILD_SUBREAPER = 36
_GRACE_SECONDS = 2.0


def adopt_orphans() -> None:
    """Make this process the parent of descendants whose own parent exits (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def find_orphans(directory: Path, *, known: Collection[int]) -> list[psutil.Process]:
    """Child processes of the stack in `directory` whose pids are not in `known`, and all their descendants."""
    found: list[psutil.Process] = []
    for child in psutil.Process().children():
        if child.pid not in known and _belongs(child, str(directory)):
            found += [*_children(child), child]
    return found


def _belongs(process: psutil.Process, directory: str) -> bool:
    # A Batch task does not inherit the variable, but its working directory is in the stack's directory.
    with suppress(psutil.Error):
        if process.environ().get(STACK_VARIABLE) == directory:
            return True
    with suppress(psutil.Error):
        cwd = process.cwd()
        return cwd == directory or cwd.startswith(directory + os.sep)
    return False


def descendants(pid: int) -> list[psutil.Process]:
    """All descendants of `pid`; empty if it has exited."""
    with suppress(psutil.NoSuchProcess):
        return _children(psutil.Process(pid))
    return []


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []


def terminate(processes: Iterable[psutil.Process]) -> None:
    """Terminate the processes, kill those that remain after a grace period, and wait for them to exit."""
    alive = list(processes)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(alive, timeout=_GRACE_SECONDS)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=_GRACE_SECONDS)
