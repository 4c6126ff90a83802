"""Processes that outlived the part of the stack that started them: found, and ended."""

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

MARK = "GIFDROP_STACK"
"""Environment variable of every part: the directory of its stack."""
_PR_SET_CHILD_SUBREAPER = 36
_GRACE_SECONDS = 2.0


def adopt_orphans() -> None:
    """From now on this process is the parent of every descendant whose own parent died. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def orphans(directory: Path, *, known: Collection[int]) -> list[psutil.Process]:
    """Children of this process, with their own, that belong to the stack in `directory` and are not `known` by pid."""
    found: list[psutil.Process] = []
    for child in psutil.Process().children():
        if child.pid not in known and _belongs(child, str(directory)):
            found += [*_children(child), child]
    return found


def _belongs(process: psutil.Process, directory: str) -> bool:
    # A Batch task has an environment of its own, but works in a directory of the stack.
    with suppress(psutil.Error):
        if process.environ().get(MARK) == directory:
            return True
    with suppress(psutil.Error):
        cwd = process.cwd()
        return cwd == directory or cwd.startswith(directory + os.sep)
    return False


def descendants(pid: int) -> list[psutil.Process]:
    """Every process below `pid`; none if that is gone."""
    with suppress(psutil.NoSuchProcess):
        return _children(psutil.Process(pid))
    return []


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []


def end(processes: Iterable[psutil.Process]) -> None:
    """Terminate, then kill, and wait until they are gone."""
    alive = list(processes)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(alive, timeout=_GRACE_SECONDS)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=_GRACE_SECONDS)
