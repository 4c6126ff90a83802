"""One stack to a directory."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = "lock"


class InUseError(Exception):
    """Another stack runs in the directory."""


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory, made if it is not there; raises InUseError when another process does.

    The system lets go of the lock when its holder dies.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / _NAME).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InUseError(f"a stack runs in {directory} already, process {file.read().strip()}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
