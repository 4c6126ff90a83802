"""The table of attempts to leave the sandbox, and how one is run."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from converter.process import ffmpeg

PYTHON: Final = Path(os.path.realpath(sys.executable))
PYTHON_FILES: Final = tuple({Path(sys.base_prefix), Path(sys.prefix)})
PROGRAMS: Final = Path(__file__).with_name("programs.py")
MAX_FILE_BYTES: Final = 64 * 2**20
OUTPUT: Final = "mine"

THROUGH: Final = "through"
DENIED: Final = ("refused EPERM", "refused EACCES")
ABSENT: Final = ("refused ENOSYS",)
TOO_LARGE: Final = ("refused EFBIG",)
NO_MEMORY: Final = ("refused ENOMEM",)
KILLED: Final = ("killed by signal 31",)  # SIGSYS


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A program in ffmpeg's place and the outcomes that are safe."""

    name: str
    safe: tuple[str, ...] = DENIED
    landlock_alone: bool = False
    """Landlock refuses it even without the seccomp filter."""
    unconfined: bool = True
    """Any user may do it outside the sandbox, which shows that the program works."""
    machine: str | None = None
    """The only machine on which it exists."""

    @property
    def possible(self) -> bool:
        """Whether this machine has what it needs."""
        return self.machine in (None, platform.machine())


def _table() -> Iterator[Attempt]:
    # The scratch directory.
    for name in ("symlink", "symlink_over_output", "fifo", "socket_file", "directory", "another_file", "unnamed_file"):
        yield Attempt(name=name, landlock_alone=True)
    for name in ("rename_over_output", "rename_output", "hard_link"):
        yield Attempt(name=name, landlock_alone=True, safe=(*DENIED, "refused EXDEV"))
    yield Attempt(name="hard_link_by_descriptor", unconfined=False)  # needs CAP_DAC_READ_SEARCH
    yield Attempt(name="device", landlock_alone=True, unconfined=False)
    yield Attempt(name="file_over_the_limit", safe=TOO_LARGE)
    yield Attempt(name="space_beyond_the_limit")
    yield Attempt(name="space_by_ioctl")
    yield Attempt(name="execute_output", landlock_alone=True)
    yield Attempt(name="execute_memory")
    yield Attempt(name="execute_shell", landlock_alone=True)
    # Files outside.
    for name in ("read_outside", "list_outside", "write_outside", "create_outside", "truncate_by_opening"):
        yield Attempt(name=name, landlock_alone=True)
    for name in ("delete_outside", "environment_of_another", "password_file"):
        yield Attempt(name=name, landlock_alone=True)
    for name in ("truncate_outside", "chmod_outside", "utime_outside", "chmod_output", "watch_outside"):
        yield Attempt(name=name)
    yield Attempt(name="chown_outside")
    for name in ("xattr_outside", "handle_outside"):  # not every file system has them
        yield Attempt(name=name, unconfined=False)
    # Processes.
    for name in ("fork", "fork_by_number", "vfork", "clone_without_flags", "new_session", "another_process_group"):
        yield Attempt(name=name, unconfined=name not in ("vfork", "another_process_group"))
    yield Attempt(name="clone3", safe=ABSENT)
    for name in ("clone_into_user_namespace", "clone_thread_into_mount_namespace", "unshare_user", "join_namespace"):
        yield Attempt(name=name, unconfined=False)
    yield Attempt(name="outlive_the_parent")
    for name in ("stop_another", "stop_a_thread_of_another", "stop_a_thread_by_its_id", "queue_a_signal"):
        yield Attempt(name=name)
    for name in ("signal_by_descriptor", "signal_everybody", "signal_the_group", "signal_as_owner_of_a_pipe"):
        yield Attempt(name=name)
    for name in ("limit_another", "read_limits_of_another", "change_own_limits", "slow_down_another"):
        yield Attempt(name=name)
    yield Attempt(name="move_another_to_one_cpu")
    for name in ("trace_another", "memory_of_another", "descriptor_of_another"):  # Yama may refuse them to anyone
        yield Attempt(name=name, unconfined=False)
    # Memory that stays, and keys.
    for name in ("shared_memory", "semaphores", "message_queue", "memory_file"):
        yield Attempt(name=name)
    yield Attempt(name="posix_message_queue")
    yield Attempt(name="file_in_shared_memory", landlock_alone=True)
    yield Attempt(name="huge_shared_map", safe=NO_MEMORY)
    for name in ("add_key", "read_keyring", "request_key"):
        yield Attempt(name=name, unconfined=False)
    # The network.
    for name in ("internet_socket", "unix_socket", "netlink_socket", "socket_pair"):
        yield Attempt(name=name)
    # The kernel.
    for name in ("io_uring", "userfaultfd", "bpf", "performance_counter", "mount", "chroot", "another_user"):
        yield Attempt(name=name, unconfined=False)
    for name in ("personality", "terminal_input"):
        yield Attempt(name=name, unconfined=False)
    yield Attempt(name="call_newer_than_the_filter", safe=ABSENT, unconfined=False)
    yield Attempt(name="x32_call", safe=KILLED, unconfined=False, machine="x86_64")
    yield Attempt(name="i386_call", safe=KILLED, unconfined=False, machine="x86_64")


ATTEMPTS: Final = {attempt.name: attempt for attempt in _table() if attempt.possible}


@dataclass(kw_only=True)
class Surroundings:
    """What an attempt may try to reach: a scratch directory, another task's GIF, another process of the user."""

    scratch: Path
    victim: Path
    process: subprocess.Popen[bytes]
    _before: tuple[object, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._before = self._state()

    def _state(self) -> tuple[object, ...]:
        found = self.victim.lstat()
        attributes = (found.st_mode, found.st_uid, found.st_nlink, found.st_mtime_ns, self.victim.read_bytes())
        status = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        limits = Path(f"/proc/{self.process.pid}/limits").read_text()
        memory = Path("/proc/sysvipc/shm").read_text().count(f" {os.getuid()} ")
        return attributes, sorted(self.victim.parent.iterdir()), status in "TtZX", limits, memory

    def changed(self) -> bool:
        """Whether anything outside is not as before, or scratch has more than the one output."""
        names = {path.name for path in self.scratch.iterdir()}
        output = self.scratch / OUTPUT
        used = output.lstat().st_blocks * 512 if OUTPUT in names else 0
        return self._state() != self._before or not names <= {OUTPUT} or used > MAX_FILE_BYTES


@contextmanager
def surroundings(folder: Path) -> Iterator[Surroundings]:
    """Make them in `folder`."""
    for name in ("scratch", "other"):
        (folder / name).mkdir()
    (victim := folder / "other" / "out.gif").write_bytes(b"GIF89a of another task")
    with subprocess.Popen(["/bin/sleep", "600"], stdin=subprocess.DEVNULL) as process:
        try:
            yield Surroundings(scratch=folder / "scratch", victim=victim, process=process)
        finally:
            process.kill()


def run(attempt: Attempt, around: Surroundings) -> str:
    """Run the program as ffmpeg is run; returns the outcome."""
    finished = ffmpeg.run(
        binary=PYTHON,
        arguments=["-I", "-S", str(PROGRAMS), *_arguments(attempt, around)],
        work=around.scratch,
        reads=[*PYTHON_FILES, PROGRAMS],
        writes=[around.scratch / OUTPUT],
        timeout=20.0,
        file_size=MAX_FILE_BYTES,
    )
    return _outcome(finished.code, finished.lines)


def run_unconfined(attempt: Attempt, around: Surroundings) -> str:
    """Run the program without any sandbox; returns the outcome."""
    (around.scratch / OUTPUT).write_bytes(b"")
    finished = subprocess.run(
        [PYTHON, "-I", "-S", str(PROGRAMS), *_arguments(attempt, around)],
        cwd=around.scratch,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        timeout=20.0,
        check=False,
        start_new_session=attempt.name != "new_session",
    )
    return _outcome(finished.returncode, finished.stderr.splitlines())


def _arguments(attempt: Attempt, around: Surroundings) -> list[str]:
    return [attempt.name, str(around.victim), str(around.process.pid)]


def _outcome(code: int, lines: list[str]) -> str:
    return f"killed by signal {-code}" if code < 0 else (lines[-1] if lines else f"exit {code} without a word")
