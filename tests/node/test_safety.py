"""What surrounds ffmpeg: kernel limits, no sockets, no other files, a hard end, and nothing left behind."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from node import run, sandbox
from tests.node.making import H264, video

# Stands in for ffmpeg where a test needs a process that misbehaves: run by the same code, under the same limits.
PYTHON = Path(os.path.realpath(sys.executable))
NEEDED = [Path(sys.base_prefix), Path(sys.prefix)]


def confined(
    code: str, work: Path, *, timeout: float = 30.0, watch: run.Watch | None = None, stall: float = 60.0
) -> run.Finished:
    """Run Python code as ffmpeg is run."""
    return run.ffmpeg(
        binary=PYTHON,
        arguments=["-I", "-S", "-c", code],
        work=work,
        reads=NEEDED,
        timeout=timeout,
        file_size=1_000_000,
        watch=watch,
        stall=stall,
    )


def last_line(finished: run.Finished) -> str:
    return finished.lines[-1] if finished.lines else f"nothing was said: {finished}"


def test_memory_is_bounded(tmp_path: Path) -> None:
    finished = confined("bytearray(3 << 30)", tmp_path)
    assert "MemoryError" in last_line(finished)


def test_a_file_cannot_outgrow_its_limit(tmp_path: Path) -> None:
    confined("open('big', 'wb', 0).write(bytes(2_000_000)); open('more', 'wb').write(bytes(2_000_000))", tmp_path)
    assert max(path.stat().st_size for path in tmp_path.iterdir()) <= 1_000_000


def test_the_environment_is_empty(tmp_path: Path) -> None:
    finished = confined("import os, sys; print(sorted(os.environ), file=sys.stderr)", tmp_path)
    assert finished.lines == ["['LC_ALL']"]


def test_nothing_can_be_read_from_standard_input(tmp_path: Path) -> None:
    finished = confined("import sys; print(repr(sys.stdin.read()), file=sys.stderr)", tmp_path)
    assert finished.lines == ["''"]


@pytest.mark.skipif("seccomp" not in sandbox.available(), reason="this kernel has no seccomp filters")
def test_no_socket_can_be_opened(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}))"
        finished = confined(code, tmp_path)
    assert "Operation not permitted" in last_line(finished)


@pytest.mark.skipif("landlock" not in sandbox.available(), reason="this kernel has no Landlock")
def test_other_files_can_be_neither_read_nor_written(tmp_path: Path) -> None:
    (work := tmp_path / "work").mkdir()
    (secret := tmp_path / "secret").write_text("secret")
    with ExitStack() as many:  # a parent with more open files than the child may have must not weaken the sandbox
        for _ in range(100):
            many.enter_context(secret.open())
        assert "Permission denied" in last_line(confined(f"open({str(secret)!r}).read()", work))
    assert "Permission denied" in last_line(confined(f"open({str(secret)!r}).read()", work))
    assert "Permission denied" in last_line(confined(f"open({str(secret)!r}, 'a')", work))
    assert "Permission denied" in last_line(confined(f"import os; os.mkdir({str(tmp_path / 'new')!r})", work))
    assert confined("open('mine', 'w').write('x'); open('mine').read()", work).code == 0


def test_a_run_over_its_time_is_killed(tmp_path: Path) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    finished = confined(stubborn, tmp_path, timeout=1.0)
    assert (finished.ended, finished.code) == ("timeout", -signal.SIGKILL)


def test_a_run_that_stops_moving_is_killed(tmp_path: Path) -> None:
    finished = confined("while True: pass", tmp_path, watch=lambda _: 0.0, stall=1.0)
    assert (finished.ended, finished.code) == ("stalled", -signal.SIGKILL)


def test_what_a_chatty_process_says_is_kept_within_bounds(tmp_path: Path) -> None:
    code = "import sys\nfor i in range(50_000): print('x' * 2000, i, file=sys.stderr)"
    finished = confined(code, tmp_path)
    assert len(finished.lines) == run.LINES_KEPT
    assert max(map(len, finished.lines)) <= run.LINE_LENGTH


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_ffmpeg_dies_with_the_converter(converter: Path, tmp_path: Path, end: signal.Signals) -> None:
    video(tmp_path / "input.mp4", "-preset", "ultrafast", *H264, source="testsrc2=s=1280x720:d=60:r=25")
    command = [sys.executable, "-I", str(converter), "--preset", "best", "input.mp4"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        children: list[psutil.Process] = []
        while not (tmp_path / "progress.json").exists() or phase(tmp_path) != "decoding" or not children:
            children = psutil.Process(process.pid).children()
            time.sleep(0.02)
        process.send_signal(end)
        process.wait(timeout=20)
        gone, alive = psutil.wait_procs(children, timeout=20)
    assert (len(gone) > 0, alive) == (True, [])
    assert not (tmp_path / "result.json").exists()


def phase(work: Path) -> str:
    """What progress.json says is going on."""
    return str(json.loads((work / "progress.json").read_text())["phase"])


def test_progress_only_grows_and_ends_at_one(converter: Path, tmp_path: Path) -> None:
    video(tmp_path / "input.mp4", "-preset", "ultrafast", *H264, source="testsrc2=s=640x360:d=8:r=25")
    seen: list[float] = []
    with subprocess.Popen(
        [sys.executable, "-I", str(converter), "input.mp4"], cwd=tmp_path, stdout=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            if (tmp_path / "progress.json").exists():
                seen.append(json.loads((tmp_path / "progress.json").read_text())["fraction"])
            time.sleep(0.02)
    assert seen == sorted(seen)
    assert len(set(seen)) >= 3
    assert json.loads((tmp_path / "progress.json").read_text())["fraction"] == 1.0


def test_a_missing_ffmpeg_is_the_machines_fault(converter: Path, tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "convert.py").write_text(converter.read_text())
    (tmp_path / "package" / "node").symlink_to(converter.parent / "node")
    (tmp_path / "input.mp4").write_bytes(b"text")
    finished = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "package" / "convert.py"), "input.mp4"],
        cwd=tmp_path,
        env={"PATH": str(converter.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert "ffmpeg is missing" in finished.stderr
    assert not (tmp_path / "result.json").exists()


def test_an_earlier_attempts_results_do_not_survive(converter: Path, tmp_path: Path) -> None:
    (tmp_path / "out.gif").write_bytes(b"GIF89a of another attempt")
    (tmp_path / "input.mp4").write_bytes(b"text")
    subprocess.run([sys.executable, "-I", str(converter), "input.mp4"], cwd=tmp_path, check=True, capture_output=True)
    assert not (tmp_path / "out.gif").exists()


@pytest.mark.skipif("seccomp" not in sandbox.available(), reason="this kernel has no seccomp filters")
def test_no_other_process_can_be_looked_into(tmp_path: Path) -> None:
    code = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for number in (101, 310, 438, 272) if os.uname().machine == "x86_64" else (117, 270, 438, 97):
    libc.syscall(number, 0, 0, 0, 0, 0, 0)
    print(ctypes.get_errno(), file=sys.stderr)
"""
    assert confined(code, tmp_path).lines == ["1"] * 4


def test_a_machine_with_many_cpus_converts_within_the_same_memory(converter: Path, tmp_path: Path) -> None:
    video(tmp_path / "input.mp4", *H264, source="testsrc2=s=854x480:d=1:r=12")
    code = f"""
import sys
sys.path.insert(0, {str(converter.parent)!r})
from pathlib import Path
from node import main, run
run._command = lambda binary: [str(binary), "-cpucount", "64"]
sys.exit(main.main(["input.mp4"], tools=Path({str(converter.parent)!r}), work=Path.cwd()))
"""
    subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, check=True, capture_output=True)
    assert json.loads((tmp_path / "result.json").read_text())["verdict"] == "converted"


def test_an_ffmpeg_that_does_not_run_is_the_machines_trouble(converter: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    shutil.copytree(converter.parent / "node", tools / "node")
    shutil.copy(converter, tools)
    (tools / "ffmpeg").write_bytes(converter.with_name("ffmpeg").read_bytes()[:1_000_000])
    (tools / "ffmpeg").chmod(0o755)
    video(tmp_path / "input.mp4", *H264)
    command = [sys.executable, "-I", str(tools / "convert.py"), "input.mp4"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert "ffmpeg does not run here" in finished.stderr
    assert not (tmp_path / "result.json").exists()
