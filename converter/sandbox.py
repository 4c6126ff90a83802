"""Sandboxes ffmpeg: no sockets and no access to other processes (seccomp), only the files it needs (Landlock).

Both apply to the calling process and survive exec, need no privileges, and are skipped where the kernel lacks them.
"""

import ctypes
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_SECCOMP: Final = 22
_SECCOMP_MODE_FILTER: Final = 2
_SYS_LANDLOCK: Final = (444, 445, 446)  # create_ruleset, add_rule, restrict_self: the same numbers everywhere
_LANDLOCK_PATH: Final = 1
_READ: Final = 1 << 2 | 1 << 3  # read a file, list a directory
_EXECUTE: Final = 1 << 0
_ALL: Final = (1 << 13) - 1  # every right of Landlock version 1
_RIGHTS_BY_VERSION: Final = {1: _ALL, 2: _ALL | 1 << 13, 3: _ALL | 1 << 13 | 1 << 14}
# Numbers of socket, socketpair, ptrace, io_uring_setup, process_vm_readv, process_vm_writev, pidfd_getfd, unshare,
# setns, bpf, keyctl, perf_event_open, in the order of machine -> (audit architecture, numbers).
_MACHINES: Final = {
    "x86_64": (0xC000003E, (41, 53, 101, 425, 310, 311, 438, 272, 308, 321, 250, 298)),
    "aarch64": (0xC00000B7, (198, 199, 117, 425, 270, 271, 438, 97, 268, 280, 219, 241)),
}
_EPERM: Final = 1
# Where the loader finds the C library; no user data.
_LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")

_libc = ctypes.CDLL(None, use_errno=True)


def enter(*, readable: Sequence[Path], writable: Path) -> None:
    """Confine this process irreversibly; `readable` may also be executed."""
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _restrict_files(readable=readable, writable=writable)
    _forbid_sockets()


def available() -> list[str]:
    """Which of `landlock` and `seccomp` this kernel offers."""
    found = ["landlock"] if _landlock_version() > 0 else []
    if os.uname().machine in _MACHINES and "Seccomp_filters" in Path("/proc/self/status").read_text():
        found.append("seccomp")
    return found


def _landlock_version() -> int:
    return int(_libc.syscall(_SYS_LANDLOCK[0], None, ctypes.c_size_t(0), 1))


def _restrict_files(*, readable: Sequence[Path], writable: Path) -> None:
    version = _landlock_version()
    if version < 1:
        return
    handled = _RIGHTS_BY_VERSION[min(version, max(_RIGHTS_BY_VERSION))]
    rules = struct.pack("=Q", handled)
    ruleset = _libc.syscall(_SYS_LANDLOCK[0], rules, ctypes.c_size_t(len(rules)), 0)
    if ruleset < 0:
        return
    for path in (*map(Path, _LIBRARIES), *readable):
        _allow(ruleset, path, _READ | _EXECUTE)
    _allow(ruleset, writable, handled)
    _libc.syscall(_SYS_LANDLOCK[2], ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # a library directory that this system does not have
    if not path.is_dir():
        rights &= _EXECUTE | 1 << 1 | 1 << 2 | 1 << 14  # the rights that apply to a file
    rule = struct.pack("=Qi", rights, descriptor)
    _libc.syscall(_SYS_LANDLOCK[1], ruleset, _LANDLOCK_PATH, rule, 0)
    os.close(descriptor)


def _forbid_sockets() -> None:
    """Install a seccomp filter: EPERM for the listed calls; calls by another architecture's numbers are fatal."""
    if os.uname().machine not in _MACHINES:
        return
    architecture, calls = _MACHINES[os.uname().machine]
    load, equal, at_least, ret = 0x20, 0x15, 0x35, 0x06
    program = [(load, 0, 0, 4), (equal, 1, 0, architecture), (ret, 0, 0, 0x80000000), (load, 0, 0, 0)]
    program += [(at_least, 0, 1, 0x40000000), (ret, 0, 0, 0x80000000)]  # the x32 numbers of the same calls
    program += [(equal, len(calls) - i, 0, number) for i, number in enumerate(calls)]
    program += [(ret, 0, 0, 0x7FFF0000), (ret, 0, 0, 0x00050000 | _EPERM)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    header = struct.pack("@HxxxxxxP", len(program), ctypes.addressof(code))
    _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0)
