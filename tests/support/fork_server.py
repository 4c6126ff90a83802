"""Runs Python programs as `subprocess.run` would, each in a process of its own that is forked instead of started.

An interpreter takes longer to start and to import its modules than many of our programs take to run. The server
imports them once and forks for each program.
"""

import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, NoReturn

PRELOADED: Final = (
    *("argparse", "base64", "bisect", "collections", "contextlib", "ctypes", "dataclasses", "datetime", "enum"),
    *("fnmatch", "functools", "hashlib", "itertools", "json", "math", "operator", "pathlib", "random", "re"),
    *("selectors", "shlex", "shutil", "signal", "struct", "subprocess", "tempfile", "typing", "urllib.parse", "uuid"),
)
"""Of the standard library: they do not depend on the environment."""
REQUEST_BYTES: Final = 2**18


class ForkServer:
    """A running server; `run` may be called by several threads."""

    def __init__(self, address: str) -> None:
        self._address = address

    def run(
        self,
        program: Path | str,
        *arguments: str,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        path: Sequence[str] = (),
        stdin: str = "",
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a file, or a module by its name. Raises subprocess.TimeoutExpired once it is killed.

        path: Folders before those of the standard library in `sys.path`.
        """
        request = {
            "program": str(program),
            "module": isinstance(program, str),
            "arguments": arguments,
            "cwd": str(cwd),
            "environment": dict(os.environ if environment is None else environment),
            "path": list(path),
        }
        command = [str(program), *arguments]
        with _file() as given, _file() as out, _file() as err:
            given.write(stdin)
            given.seek(0)
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
                connection.connect(self._address)
                files = [given.fileno(), out.fileno(), err.fileno()]
                socket.send_fds(connection, [json.dumps(request).encode()], files)
                pid = int(connection.recv(64))
                connection.settimeout(timeout)
                try:
                    code = int(connection.recv(64))
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(command, timeout or 0) from None
            return subprocess.CompletedProcess(command, code, _all_of(out), _all_of(err))


def _file() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8")  # the caller closes it


def _all_of(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


@contextmanager
def fork_server(*modules: str, path: Path | None = None) -> Iterator[ForkServer]:
    """A server in a process of its own, which ends with this one.

    modules: Imported once beside those of the standard library, from the folder `path`.
    """
    with tempfile.TemporaryDirectory() as folder:
        address = f"{folder}/socket"
        command = [sys.executable, "-I", "-S", "-X", "frozen_modules=on", str(Path(__file__).resolve()), address]
        command += [str(path or ""), *modules]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            yield ForkServer(address)
            process.stdin.close()


def _serve(address: str, path: str, *modules: str) -> dict[str, Any]:
    """Fork for each request until stdin ends. Returns only in the children, what they are to run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path[:0] = [path] if path else []
    for name in (*PRELOADED, *modules):
        importlib.import_module(name)
    gc.freeze()  # a collection in a child would write to, and so copy, all of this memory
    running: dict[int, tuple[int, socket.socket]] = {}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener, selectors.DefaultSelector() as selector:
        listener.bind(address)
        listener.listen()
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    _end(running)
                elif key.fileobj is listener:
                    connection, _ = listener.accept()
                    data, files, _, _ = socket.recv_fds(connection, REQUEST_BYTES, 3)
                    pid = os.fork()
                    if pid == 0:
                        for number, file in enumerate(files):
                            os.dup2(file, number)
                    for file in files:
                        os.close(file)
                    if pid == 0:
                        return dict(json.loads(data))
                    connection.send(str(pid).encode())
                    handle = os.pidfd_open(pid)
                    running[handle] = (pid, connection)
                    selector.register(handle, selectors.EVENT_READ)
                else:
                    selector.unregister(key.fd)
                    pid, connection = running.pop(key.fd)
                    _, status = os.waitpid(pid, 0)
                    os.close(key.fd)
                    with connection:
                        connection.send(str(os.waitstatus_to_exitcode(status)).encode())


def _end(running: Mapping[int, tuple[int, socket.socket]]) -> NoReturn:
    for pid, _ in running.values():
        os.kill(pid, signal.SIGKILL)
    os._exit(0)


def _run(request: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[:0] = request["path"]
    sys.argv = [request["program"], *request["arguments"]]
    if request["module"]:
        runpy.run_module(request["program"], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(request["program"], run_name="__main__")


if __name__ == "__main__":
    _run(_serve(*sys.argv[1:]))
