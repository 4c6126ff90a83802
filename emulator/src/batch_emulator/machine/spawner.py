"""A helper process that starts and reaps the commands of tasks. It runs as a script, without the rest of the package.

The emulator has one thread, which must not wait for a fork, and its memory is large. Both ends are the same
interpreter, so messages are marshalled.
"""

from __future__ import annotations

import contextlib
import fcntl
import marshal
import os
import select
import signal
import socket
import struct
import sys
import termios

# For `start`: "start", number, arguments, environment, directory, paths of standard output and standard error.
# For `kill`: "kill", number. The answers: number, exit code, error number, error.
LENGTH = struct.Struct("<I")
_RESET_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ)
_RECEIVED_BYTES = 1 << 18


def pack(message: tuple[object, ...]) -> bytes:
    """A message with its length before it."""
    content = marshal.dumps(message)  # type: ignore[arg-type]
    return LENGTH.pack(len(content)) + content


def unpack(buffer: bytearray) -> list[tuple[object, ...]]:
    """Take the complete messages from `buffer`."""
    found: list[tuple[object, ...]] = []
    start = 0
    while len(buffer) >= start + LENGTH.size:
        end = start + LENGTH.size + LENGTH.unpack_from(buffer, start)[0]
        if len(buffer) < end:
            break
        found.append(marshal.loads(memoryview(buffer)[start + LENGTH.size : end]))  # noqa: S302 - from its own emulator
        start = end
    del buffer[:start]
    return found


class Spawner:
    """The processes that it has started, by number and by id."""

    def __init__(self, channel: socket.socket, journal: int) -> None:
        self._channel = channel
        self._journal = journal
        self._numbers: dict[int, int] = {}
        self._pids: dict[int, int] = {}
        self._out: list[bytes] = []
        self._parent = os.getppid()

    def serve(self) -> None:
        """Serve until the emulator ends, then kill what still runs."""
        wake, woken = os.pipe()
        for end in (wake, woken):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for ignored in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ignored, signal.SIG_IGN)
        buffer = bytearray()
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(wake, select.POLLIN)
        try:
            while True:
                ready = {fd for fd, _ in poll.poll()}
                if wake in ready:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake, 4096)
                    self._reap()
                if self._channel.fileno() in ready:
                    received = self._channel.recv(_RECEIVED_BYTES)
                    if not received:
                        return
                    buffer += received
                    for message in unpack(buffer):
                        self._handle(message)
                if self._out:
                    self._channel.sendall(b"".join(self._out))
                    self._out.clear()
        except OSError:
            return  # the emulator is gone
        finally:
            for pid in self._numbers:
                _kill_group(pid)

    def _handle(self, message: tuple[object, ...]) -> None:
        kind, number = message[:2]
        assert isinstance(number, int)  # noqa: S101
        if kind == "kill":
            if number in self._pids:
                _kill_group(self._pids[number])
            return
        if os.getppid() != self._parent:
            raise BrokenPipeError  # nobody waits for it any more
        try:
            pid = _start(*message[2:])  # type: ignore[arg-type]
        except OSError as error:
            self._out.append(pack((number, None, error.errno or 0, error.strerror or str(error))))
        except ValueError as error:
            self._out.append(pack((number, None, -1, str(error))))
        else:
            os.write(self._journal, b"+%d\n" % pid)
            self._numbers[pid], self._pids[number] = number, pid

    def _reap(self) -> None:
        while ended := _reap_one():
            pid, code = ended
            number = self._numbers.pop(pid)
            del self._pids[number]
            if self._numbers:
                os.write(self._journal, b"-%d\n" % pid)
            else:
                os.ftruncate(self._journal, 0)
            self._out.append(pack((number, code, 0, "")))


def _reap_one() -> tuple[int, int] | None:
    """The id and exit code of a process that has ended; what is left of its group is killed. None if there is none."""
    try:
        if hasattr(os, "waitid"):
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return None
            # While the process is not reaped, no other has its id.
            _kill_group(ended.si_pid)
            pid, status = os.waitpid(ended.si_pid, 0)
        else:  # macOS before Python 3.13
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return None
            _kill_group(pid)
    except ChildProcessError:
        return None
    return pid, os.waitstatus_to_exitcode(status)


def _leave_terminal() -> None:
    """Give up the emulator's terminal, so that no task reads from it.

    A session for each task would have the same effect, but Linux schedules each session as a group of its own, which
    takes a tenth of the time of a short task, and more on a busy machine.
    """
    with contextlib.suppress(OSError):  # there is none
        terminal = os.open("/dev/tty", os.O_RDWR)
        fcntl.ioctl(terminal, termios.TIOCNOTTY)
        os.close(terminal)


def _start(arguments: list[str], env: dict[str, str], directory: str, stdout: str, stderr: str) -> int:
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, stdout, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, stderr, os.O_WRONLY, 0),
    ]
    os.chdir(directory)
    try:
        return os.posix_spawn(
            _program(arguments[0], env), arguments, env, file_actions=actions, setpgroup=0, setsigdef=_RESET_SIGNALS
        )
    finally:
        os.chdir("/")  # not in a directory that is removed with its task


def _program(name: str, env: dict[str, str]) -> str:
    """The path of a program, searched as a shell would with the task's own search path."""
    if "/" in name:
        return name
    for folder in os.get_exec_path(env):
        path = os.path.join(folder, name)  # noqa: PTH118 - pathlib would double the time of a start
        if os.path.isfile(path) and os.access(path, os.X_OK):  # noqa: PTH113
            return path
    raise FileNotFoundError(2, "No such file or directory")


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    descriptor, journal_descriptor = int(sys.argv[1]), int(sys.argv[2])
    for inherited in (descriptor, journal_descriptor):
        os.set_inheritable(inherited, False)
    _leave_terminal()
    Spawner(socket.socket(fileno=descriptor), journal_descriptor).serve()
