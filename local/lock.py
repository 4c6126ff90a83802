"""A lock file that allows one stack per directory."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from local.layout import create_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = "lock"


class InUseError(Exception):
    """Another stack is running in the directory; `pid` is its process, if known."""

    def __init__(self, directory: Path, pid: str) -> None:
        super().__init__(f"a stack is already running in {directory} (process {pid})")
        self.pid = pid


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Create and lock the directory, closed to other users; raises InUseError if another process has locked it.

    The operating system releases the lock when the process exits.
    """
    create_private(directory)
    with (directory / _NAME).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InUseError(directory, file.read().strip()) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def is_locked(directory: Path) -> bool:
    """Whether a stack is running in the directory, or starting or stopping."""
    try:
        with (directory / _NAME).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False
