"""Linux system calls that the standard library lacks; each raises OSError if refused, or anywhere but on Linux."""

import ctypes
import errno
import os
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_SECCOMP: Final = 22
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38

_libc = ctypes.CDLL(None, use_errno=True)
_LINUX: Final = os.uname().sysname == "Linux"


def prctl(option: int, *arguments: int) -> None:
    """Call prctl; arguments that are not given are 0."""
    _check_system()
    padded = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    _check(_libc.prctl(option, *padded), f"prctl {option}")


def syscall(name: str, number: int, *arguments: int | bytes | None) -> int:
    """Call a system call by number and return its result; `name` is for the error."""
    _check_system()
    values = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in arguments]
    return _check(_libc.syscall(ctypes.c_long(number), *values), name)


def _check_system() -> None:
    """Elsewhere the same numbers mean other calls."""
    if not _LINUX:
        raise OSError(errno.ENOSYS, "not on Linux")


def _check(result: int, name: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result
