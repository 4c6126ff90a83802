"""Runs a Python script in a process that lacks what only Linux has: python without_linux.py SCRIPT [ARGUMENT]...

A filter of system calls answers prctl and Landlock with ENOSYS and refuses limits on memory, as macOS does; Landlock
closes /proc; of `os`, what macOS lacks is removed.
"""

import ctypes
import errno
import os
import resource
import runpy
import struct
import sys
from pathlib import Path

ALLOW, REFUSE = 0x7FFF0000, 0x50000
PRCTL, PRLIMIT = {"x86_64": (157, 302), "aarch64": (167, 261)}[os.uname().machine]
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
READ = 1 << 2 | 1 << 3  # files, directories
libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def close_proc() -> None:
    """Deny this process and its children all files below /proc."""
    rules = struct.pack("=Q", READ)
    handle = call("create_ruleset", libc.syscall(CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), 0))
    for path in Path("/").iterdir():
        if path.name != "proc":
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rights = READ if path.is_dir() else 1 << 2
            call("add_rule", libc.syscall(ADD_RULE, handle, 1, struct.pack("=Qi", rights, descriptor), 0))
            os.close(descriptor)
    call("no_new_privs", libc.prctl(38, 1, 0, 0, 0))
    call("restrict_self", libc.syscall(RESTRICT_SELF, handle, 0))
    os.close(handle)


def refuse_calls() -> None:
    """Answer prctl and Landlock's calls with ENOSYS, and a new limit on memory with EINVAL."""
    load, equal, end = 0x20, 0x15, 0x06
    steps = [(load, 0, 0, 0)]  # the number of the call
    for number in (PRCTL, CREATE_RULESET, ADD_RULE, RESTRICT_SELF):
        steps += [(equal, 0, 1, number), (end, 0, 0, REFUSE | errno.ENOSYS)]
    steps += [
        (equal, 0, 5, PRLIMIT),
        (load, 0, 0, 24),  # the second argument: which limit
        (equal, 0, 3, resource.RLIMIT_AS),
        (load, 0, 0, 36),  # the upper half of the third: 0 if there is no new value
        (equal, 1, 0, 0),
        (end, 0, 0, REFUSE | errno.EINVAL),
        (end, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    header = struct.pack("@HxxxxxxP", len(steps), ctypes.addressof(code))
    call("seccomp", libc.prctl(22, 2, ctypes.c_char_p(header), 0, 0))


if __name__ == "__main__":
    close_proc()
    refuse_calls()
    for name in ("waitid", "pipe2", "O_PATH"):
        delattr(os, name)
    script, *sys.argv[1:] = sys.argv[1:]
    sys.argv[0] = script
    runpy.run_path(script, run_name="__main__")
