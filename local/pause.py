"""Pauses processes with SIGSTOP, as a service that hangs."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def paused(process: psutil.Process) -> Iterator[None]:
    """Pause a process and its descendants during a `with` block; they may exit or be killed meanwhile."""
    suspended: dict[int, psutil.Process] = {}
    try:
        # Repeated for those that were started before their parent was suspended.
        while found := [each for each in _tree(process) if each.pid not in suspended]:
            for each in found:
                suspended[each.pid] = each
                with suppress(psutil.NoSuchProcess):
                    each.suspend()
        yield
    finally:
        for each in reversed(suspended.values()):
            with suppress(psutil.NoSuchProcess):
                each.resume()


def resume(pid: int) -> None:
    """Resume a process and its descendants. Does nothing if it has exited or is not paused."""
    with suppress(psutil.NoSuchProcess):
        for each in _tree(psutil.Process(pid)):
            with suppress(psutil.NoSuchProcess):
                each.resume()


def _tree(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return []
