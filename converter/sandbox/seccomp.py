"""seccomp: a filter of system calls that leaves a process its memory, its threads and the files it can open.

The rules are in `rules.py`; this compiles them to classic BPF.
https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

import ctypes
import errno
import os
import struct
from itertools import chain
from typing import Final

from converter.sandbox import kernel
from converter.sandbox.rules import ALLOWED_WITH, CLONE3, FIRST_UNKNOWN, REFUSED, SELF, Argument

_MODE_FILTER: Final = 2
# Machine -> (audit architecture, column of the numbers in `rules.py`).
_MACHINES: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_X32_BIT: Final = 0x40000000  # set in the numbers of x86-64's second ABI

# BPF instructions, `A` being the accumulator.
_LOAD: Final = 0x20  # A = 32 bits of `struct seccomp_data`
_AND: Final = 0x54
_EQUAL: Final = 0x15  # jumps over that many instructions if A is equal, if not
_AT_LEAST: Final = 0x35
_RETURN: Final = 0x06
_NUMBER: Final = 0  # offsets in `struct seccomp_data`
_ARCHITECTURE: Final = 4
_ARGUMENTS: Final = 16

Instruction = tuple[int, int, int, int]
"""Operation, jump if true, jump if false, operand."""
_KILL: Final = (_RETURN, 0, 0, 0x80000000)
_ALLOW: Final = (_RETURN, 0, 0, 0x7FFF0000)
_REFUSE: Final = (_RETURN, 0, 0, 0x00050000 | errno.EPERM)
_UNKNOWN: Final = (_RETURN, 0, 0, 0x00050000 | errno.ENOSYS)


def restrict() -> None:
    """Install the filter for this process; raises OSError if the kernel or the machine has none."""
    steps = program(os.uname().machine)
    code = ctypes.create_string_buffer(struct.pack("=" + "HBBI" * len(steps), *chain.from_iterable(steps)))
    header = struct.pack("@HxxxxxxP", len(steps), ctypes.addressof(code))
    buffer = ctypes.create_string_buffer(header)
    kernel.prctl(kernel.PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(buffer))


def program(machine: str) -> list[Instruction]:
    """The filter for this process on `machine`; raises OSError for a machine whose numbers are not known."""
    if machine not in _MACHINES:
        raise OSError(errno.ENOSYS, f"seccomp: no table of system calls for {machine}")
    architecture, column = _MACHINES[machine]
    steps: list[Instruction] = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), _KILL]
    steps += [(_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, _X32_BIT), _KILL]
    steps += [(_AT_LEAST, 0, 1, FIRST_UNKNOWN), _UNKNOWN, (_EQUAL, 0, 1, CLONE3), _UNKNOWN]
    for numbers in REFUSED.values():
        if (number := numbers[column]) is not None:
            steps += [(_EQUAL, 0, 1, number), _REFUSE]
    for pair, arguments in ALLOWED_WITH.values():
        body = [step for argument in arguments for step in _require(argument)]
        steps += [(_EQUAL, 0, len(body) + 1, pair[column]), *body, _ALLOW]
    return [*steps, _ALLOW]


def _require(argument: Argument) -> list[Instruction]:
    """Refuse the call unless the argument, masked, has one of its values."""
    values = [os.getpid() if value == SELF else value for value in argument.values]
    offset = _ARGUMENTS + 8 * argument.index + (4 if argument.upper_half else 0)
    found = [(_EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
    return [(_LOAD, 0, 0, offset), (_AND, 0, 0, argument.mask), *found, _REFUSE]
