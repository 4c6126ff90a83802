"""Kernel limits on one ffmpeg process, set in the child before ffmpeg starts."""

import errno
import functools
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

from converter.sandbox import kernel

ADDRESS_SPACE_BYTES: Final = 2 * 2**30
CPU_SECONDS: Final = 900
MAX_OPEN_FILES: Final = 64
SPARE_THREADS: Final = 256


def apply(*, file_size: int, threads: int, parent: int, required: bool) -> None:
    """Limit this process before it becomes ffmpeg: memory, CPU, bytes per file, open files, threads; no core dump.

    It is also killed when `parent`, its parent, dies. `threads` limits the total of the user, as the kernel counts it.
    Unless all are `required`, those that the kernel lacks or refuses are left out: macOS has no PR_SET_PDEATHSIG and
    does not limit memory.
    """
    tolerated = () if required else (OSError, ValueError)
    with suppress(*tolerated):
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise ProcessLookupError(errno.ESRCH, "the converter has died")
    for limit, value in (
        (resource.RLIMIT_AS, ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        (resource.RLIMIT_NPROC, threads),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with suppress(*tolerated):
            resource.setrlimit(limit, (bound, bound))


@functools.cache
def threads_allowed() -> int:
    """Threads that this user had at the first call, plus a margin: RLIMIT_NPROC counts all processes of a user."""
    total = 0
    for task in Path("/proc").glob("[0-9]*/status"):
        try:
            if task.stat().st_uid == os.getuid():
                total += int(task.read_text().partition("\nThreads:")[2].split()[0])
        except (OSError, ValueError, IndexError):
            continue  # the process has ended
    return total + SPARE_THREADS
