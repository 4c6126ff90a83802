"""Landlock: restricts which files a process may open. https://docs.kernel.org/userspace-api/landlock.html"""

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from converter.sandbox import kernel

# The same numbers on every architecture.
_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_VERSION_FLAG: Final = 1
_PATH_BENEATH: Final = 1

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
TRUNCATE: Final = 1 << 14

# Every right that a version knows is denied unless it is granted below. Version 1 has bits 0 to 12: the four above, and
# removing or making a file, directory, link, socket, FIFO or device. The later ones: (since version, bits).
_FILE_RIGHTS: Final = (
    (1, (1 << 13) - 1),
    (2, 1 << 13),  # link or rename into another directory
    (3, TRUNCATE),
    (5, 1 << 15),  # ioctl on a device
)
_TCP_RIGHTS: Final = (4, 0b11)  # bind, connect
_SCOPES: Final = (6, 0b11)  # abstract Unix sockets and signals of processes outside

_LOADERS: Final = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
# Where the loader finds the C library; no user data.
_LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")


def version() -> int:
    """The version of Landlock that the kernel offers; raises OSError if it has none."""
    return kernel.syscall("landlock", _CREATE_RULESET, None, 0, _VERSION_FLAG)


def restrict(*, executable: Path, reads: Sequence[Path], writes: Sequence[Path]) -> None:
    """Allow this process to read libraries, `reads` and `writes`, to write `writes`, and to execute `executable`."""
    rules = ruleset(version())
    handle = kernel.syscall("landlock_create_ruleset", _CREATE_RULESET, rules, len(rules), 0)
    try:
        for library in map(Path, _LIBRARIES):
            if library.exists():
                _allow(handle, library, READ_FILE)
        for loader in map(Path, _LOADERS):
            if loader.exists():
                _allow(handle, loader, READ_FILE | EXECUTE)
        _allow(handle, executable, READ_FILE | EXECUTE)
        for path in reads:
            _allow(handle, path, READ_FILE | (READ_DIR if path.is_dir() else 0))
        (handled,) = struct.unpack_from("=Q", rules)
        for path in writes:
            _allow(handle, path, (READ_FILE | WRITE_FILE | TRUNCATE) & handled, os.O_NOFOLLOW)
        kernel.syscall("landlock_restrict_self", _RESTRICT_SELF, handle, 0)
    finally:
        os.close(handle)


def ruleset(version: int) -> bytes:
    """A `struct landlock_ruleset_attr` that denies all that `version` can deny, as long as that version knows it."""
    fields = [sum(bits for since, bits in _FILE_RIGHTS if version >= since)]
    fields += [bits for since, bits in (_TCP_RIGHTS, _SCOPES) if version >= since]
    return struct.pack(f"={len(fields)}Q", *fields)


def _allow(ruleset: int, path: Path, rights: int, flags: int = 0) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC | flags)
    try:
        rule = struct.pack("=Qi", rights, descriptor)
        kernel.syscall("landlock_add_rule", _ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)
