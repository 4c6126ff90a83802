"""What one ffmpeg process may use, set by the kernel in the child before ffmpeg starts."""

import ctypes
import functools
import os
import resource
import signal
from pathlib import Path
from typing import Final

ADDRESS_SPACE: Final = 2 * 2**30
CPU_SECONDS: Final = 900
OPEN_FILES: Final = 64
SPARE_THREADS: Final = 256

_PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None, use_errno=True)


def apply(*, file_size: int, threads: int) -> None:
    """Bind this process, about to become ffmpeg: memory, CPU time, bytes per file, open files, threads, no core.

    It dies with its parent. `threads` is the user's total, since that is what counts.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for limit, value in (
        (resource.RLIMIT_AS, ADDRESS_SPACE),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_NPROC, threads),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (bound, bound))


@functools.cache
def threads_allowed() -> int:
    """Threads of this user as of the first call and some to spare: the kernel counts all of a user's processes."""
    total = 0
    for task in Path("/proc").glob("[0-9]*/status"):
        try:
            if task.stat().st_uid == os.getuid():
                total += int(task.read_text().partition("\nThreads:")[2].split()[0])
        except (OSError, ValueError, IndexError):
            continue  # it ended while we looked
    return total + SPARE_THREADS
