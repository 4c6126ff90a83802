"""How ffmpeg is run: kernel limits, the sandbox, timeouts. Python stands in for an ffmpeg that misbehaves."""

import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from converter.process import ffmpeg

PYTHON = Path(os.path.realpath(sys.executable))
PYTHON_FILES = [Path(sys.base_prefix), Path(sys.prefix)]

needs_sandbox = pytest.mark.skipif(
    os.environ.get("GIFDROP_SANDBOX") == "optional", reason="this kernel lacks a part of the sandbox"
)


def run_confined(
    code: str,
    work: Path,
    *,
    writes: Sequence[str] = (),
    timeout: float = 30.0,
    watch: ffmpeg.Watch | None = None,
    stall: float = 60.0,
) -> ffmpeg.Finished:
    """Run Python code as ffmpeg is run; it may write the files `writes` in `work`."""
    return ffmpeg.run(
        binary=PYTHON,
        arguments=["-I", "-S", "-c", code],
        work=work,
        reads=PYTHON_FILES,
        writes=[work / name for name in writes],
        timeout=timeout,
        file_size=1_000_000,
        watch=watch,
        stall=stall,
    )


def last_line(finished: ffmpeg.Finished) -> str:
    return finished.lines[-1] if finished.lines else f"no output: {finished}"


def test_memory_is_limited(tmp_path: Path) -> None:
    finished = run_confined("bytearray(3 << 30)", tmp_path)
    assert "MemoryError" in last_line(finished)


def test_file_size_is_limited(tmp_path: Path) -> None:
    code = "open('big', 'wb', 0).write(bytes(2_000_000)); open('more', 'wb').write(bytes(2_000_000))"
    run_confined(code, tmp_path, writes=["big", "more"])
    assert max(path.stat().st_size for path in tmp_path.iterdir()) <= 1_000_000


def test_environment_is_empty(tmp_path: Path) -> None:
    finished = run_confined("import os, sys; print(sorted(os.environ), file=sys.stderr)", tmp_path)
    assert finished.lines == ["['LC_ALL']"]


def test_standard_input_is_empty(tmp_path: Path) -> None:
    finished = run_confined("import sys; print(repr(sys.stdin.read()), file=sys.stderr)", tmp_path)
    assert finished.lines == ["''"]


@needs_sandbox
def test_sockets_are_forbidden(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}))"
        finished = run_confined(code, tmp_path)
    assert "Operation not permitted" in last_line(finished)


@needs_sandbox
def test_access_to_other_processes_is_forbidden(tmp_path: Path) -> None:
    code = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for number in (101, 310, 438, 272) if os.uname().machine == "x86_64" else (117, 270, 438, 97):
    libc.syscall(number, 0, 0, 0, 0, 0, 0)
    print(ctypes.get_errno(), file=sys.stderr)
"""
    assert run_confined(code, tmp_path).lines == ["1"] * 4


@needs_sandbox
def test_other_files_can_be_neither_read_nor_written(tmp_path: Path) -> None:
    (work := tmp_path / "work").mkdir()
    (secret := tmp_path / "secret").write_text("secret")
    with ExitStack() as many:  # a parent with more open files than the child may have must not weaken the sandbox
        for _ in range(100):
            many.enter_context(secret.open())
        assert "Permission denied" in last_line(run_confined(f"open({str(secret)!r}).read()", work))
    assert "Permission denied" in last_line(run_confined(f"open({str(secret)!r}).read()", work))
    assert "Permission denied" in last_line(run_confined(f"open({str(secret)!r}, 'a')", work))
    assert "PermissionError" in last_line(run_confined(f"import os; os.mkdir({str(tmp_path / 'new')!r})", work))
    assert run_confined("open('mine', 'w').write('x'); open('mine').read()", work, writes=["mine"]).code == 0


def test_run_over_its_timeout_is_killed(tmp_path: Path) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    finished = run_confined(stubborn, tmp_path, timeout=1.0)
    assert (finished.ended, finished.code) == ("timeout", -signal.SIGKILL)


def test_stalled_run_is_killed(tmp_path: Path) -> None:
    finished = run_confined("while True: pass", tmp_path, watch=lambda _: 0.0, stall=1.0)
    assert (finished.ended, finished.code) == ("stalled", -signal.SIGKILL)


def test_output_is_kept_within_bounds(tmp_path: Path) -> None:
    code = "import sys\nfor i in range(50_000): print('x' * 2000, i, file=sys.stderr)"
    finished = run_confined(code, tmp_path)
    assert len(finished.lines) == ffmpeg.MAX_LINES
    assert max(map(len, finished.lines)) <= ffmpeg.MAX_LINE_BYTES


def test_memory_for_progress_is_bounded() -> None:
    blocks = ffmpeg.Blocks()
    for number in range(10_000):
        blocks.add(f"name{number}={number}")
    blocks.add("progress=continue")
    assert len(blocks.latest) == ffmpeg.MAX_BLOCK_NAMES + 1
    assert blocks.latest["progress"] == "continue"
