"""The rules of the sandbox: numbers of system calls, the seccomp program, Landlock's rights."""

import errno
import os
import re
import struct
from pathlib import Path

import pytest

from converter.sandbox import landlock, rules, seccomp

HEADERS = [Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm-generic/unistd.h")]
"""Numbers on x86-64, and those of every newer architecture, aarch64 among them."""
NUMBERS = {
    **rules.REFUSED,
    **{name: pair for name, (pair, _) in rules.ALLOWED_WITH.items()},
    "clone3": (rules.CLONE3, rules.CLONE3),
}
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
KILL, ALLOW, REFUSE, UNKNOWN = 0x80000000, 0x7FFF0000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
THREAD = 0x3D0F00  # flags of pthread_create


def decide(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the filter for `machine` returns for a call."""
    padded = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<iIQ6Q", number, architecture or MACHINES[machine], 0, *padded)
    steps, at, accumulator = seccomp.program(machine), 0, 0
    while True:
        operation, yes, no, operand = steps[at]
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, operand)
            case 0x54:
                accumulator &= operand
            case 0x15:
                at += yes if accumulator == operand else no
            case 0x35:
                at += yes if accumulator >= operand else no
            case 0x06:
                return operand
            case _:
                raise AssertionError(f"unknown operation {operation:#x}")


@pytest.mark.parametrize("column", [0, 1], ids=list(MACHINES))
def test_numbers_agree_with_the_headers_of_this_system(column: int) -> None:
    if not HEADERS[column].exists():
        pytest.skip("no kernel headers")
    text = HEADERS[column].read_text()
    known = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b", text)}
    newest = max(known.values())
    for name, numbers in NUMBERS.items():
        if name in known or (numbers[column] or 0) <= newest:
            assert numbers[column] == known.get(name), name


@pytest.mark.parametrize("machine", MACHINES)
def test_refused_calls_fail_and_ordinary_ones_pass(machine: str) -> None:
    column = list(MACHINES).index(machine)
    refused = {numbers[column] for numbers in rules.REFUSED.values()}
    checked = {pair[column] for pair, _ in rules.ALLOWED_WITH.values()}
    for number in range(rules.FIRST_UNKNOWN):
        if number in refused:
            assert decide(machine, number) == REFUSE, number
        elif number not in checked | {rules.CLONE3}:
            assert decide(machine, number) == ALLOW, number
    assert decide(machine, rules.CLONE3) == UNKNOWN
    assert decide(machine, rules.FIRST_UNKNOWN) == decide(machine, 0x3FFFFFFF) == UNKNOWN


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_of_another_architecture_are_fatal(machine: str) -> None:
    assert decide(machine, 20, architecture=0x40000003) == KILL
    assert decide(machine, 0x40000000) == decide(machine, 0xFFFFFFFF - 2**32) == KILL


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "decision"),
    [
        ("kill", (os.getpid(), 9), ALLOW),
        ("kill", (os.getppid(), 19), REFUSE),
        ("kill", (0, 9), REFUSE),
        ("kill", (2**64 - 1, 9), REFUSE),
        ("tgkill", (os.getpid(), 77, 6), ALLOW),
        ("tgkill", (1, 1, 6), REFUSE),
        ("rt_sigqueueinfo", (1, 6, 0), REFUSE),
        ("clone", (THREAD,), ALLOW),
        ("clone", (17,), REFUSE),
        ("clone", (0x10000000 | 17,), REFUSE),
        ("clone", (THREAD | 0x10000000,), REFUSE),
        ("clone", (THREAD | 0x20000,), REFUSE),
        ("prlimit64", (0, 7, 0, 0x7FFF00000000), ALLOW),
        ("prlimit64", (os.getpid(), 7, 0, 0x7FFF00000000), ALLOW),
        ("prlimit64", (0, 7, 0x7FFF00000000, 0), REFUSE),
        ("prlimit64", (0, 7, 0x1000, 0), REFUSE),
        ("prlimit64", (1, 7, 0, 0x1000), REFUSE),
        ("fcntl", (3, 1030, 0), ALLOW),
        ("fcntl", (3, 8, 1), REFUSE),
        ("fcntl", (3, 10, 19), REFUSE),
        ("ioctl", (1, 0x5401, 0), ALLOW),
        ("ioctl", (1, 0x5412, 0), REFUSE),
        ("ioctl", (3, 0x4030582A, 0), REFUSE),
        ("prctl", (15, 0x1000), ALLOW),
        ("prctl", (1, 0), REFUSE),
    ],
)
def test_arguments_decide(machine: str, name: str, arguments: tuple[int, ...], decision: int) -> None:
    numbers = rules.ALLOWED_WITH[name][0]
    assert decide(machine, numbers[list(MACHINES).index(machine)], *arguments) == decision


def test_filter_is_refused_for_an_unknown_machine() -> None:
    with pytest.raises(OSError, match="no table of system calls for riscv64"):
        seccomp.program("riscv64")


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        (1, (0x1FFF,)),
        (2, (0x3FFF,)),
        (3, (0x7FFF,)),
        (4, (0x7FFF, 3)),
        (5, (0xFFFF, 3)),
        (6, (0xFFFF, 3, 3)),
        (9, (0xFFFF, 3, 3)),
    ],
)
def test_landlock_denies_all_that_its_version_knows(version: int, fields: tuple[int, ...]) -> None:
    assert landlock.ruleset(version) == struct.pack(f"={len(fields)}Q", *fields)
