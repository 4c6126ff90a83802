"""The converter as a process of its own: results, progress, termination, and failures of the node."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.converter.mp4_files import H264, make_video, run_ffmpeg
from tests.support.waiting import wait_until


@contextmanager
def started(converter: Path, *flags: str, work: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The converter running on input.mp4; killed at the end if it still runs."""
    command = [sys.executable, "-I", str(converter), *flags, "input.mp4"]
    with subprocess.Popen(command, cwd=work, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def finished(converter: Path, work: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The converter after it has run on input.mp4."""
    return subprocess.run(
        [sys.executable, "-I", str(converter), "input.mp4"],
        cwd=work,
        env=environment or None,
        capture_output=True,
        text=True,
        check=False,
    )


def progress(work: Path) -> dict[str, float | str]:
    """The content of progress.json, empty before the first report."""
    path = work / "progress.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def test_converter_needs_only_the_standard_library(converter: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(converter.parent)!r}); import converter.main; print(*sys.modules)"
    listed = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    roots = {name.partition(".")[0] for name in listed.stdout.split()}
    assert roots - set(sys.stdlib_module_names) - {"converter", "__main__", "sitecustomize", "usercustomize"} == set()


def test_converter_runs_without_the_executable_bit_of_ffmpeg(converter: Path, tmp_path: Path) -> None:
    binary = converter.with_name("ffmpeg")
    mode = binary.stat().st_mode
    (tmp_path / "input.mp4").write_bytes(b"text")
    try:
        binary.chmod(0o644)
        run = finished(converter, tmp_path)
    finally:
        binary.chmod(mode)
    assert run.returncode == 0
    assert "NotAVideo" in (tmp_path / "result.json").read_text()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_ffmpeg_dies_with_the_converter(converter: Path, tmp_path: Path, end: signal.Signals) -> None:
    short = make_video(tmp_path / "short.mp4", *H264, source="testsrc2=s=1280x720:d=1:r=25")
    run_ffmpeg(tmp_path / "input.mp4", "-stream_loop", "59", "-i", str(short), "-c", "copy")
    with started(converter, "--preset", "best", work=tmp_path) as process:
        wait_until(lambda: progress(tmp_path).get("phase") == "decoding")
        children = wait_until(psutil.Process(process.pid).children)
        process.send_signal(end)
        process.wait(timeout=20)
        gone, alive = psutil.wait_procs(children, timeout=20)
    assert (len(gone) > 0, alive) == (True, [])
    assert not (tmp_path / "result.json").exists()


def test_progress_only_grows_and_ends_at_one(converter: Path, tmp_path: Path) -> None:
    make_video(tmp_path / "input.mp4", "-preset", "ultrafast", *H264, source="testsrc2=s=640x360:d=8:r=25")
    fractions: list[float] = []

    def ended() -> bool:
        if report := progress(tmp_path):
            fractions.append(float(report["fraction"]))
        return process.poll() is not None

    with started(converter, work=tmp_path) as process:
        wait_until(ended, within=90)
    assert fractions == sorted(fractions)
    assert len(set(fractions)) >= 3
    assert progress(tmp_path)["fraction"] == 1.0


def test_results_of_an_earlier_attempt_are_removed(converter: Path, tmp_path: Path) -> None:
    (tmp_path / "out.gif").write_bytes(b"GIF89a of another attempt")
    (tmp_path / "input.mp4").write_bytes(b"text")
    assert finished(converter, tmp_path).returncode == 0
    assert not (tmp_path / "out.gif").exists()


def test_missing_ffmpeg_is_a_node_failure(converter: Path, tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "convert.py").write_text(converter.read_text())
    (tmp_path / "package" / "converter").symlink_to(converter.parent / "converter")
    (tmp_path / "input.mp4").write_bytes(b"text")
    run = finished(tmp_path / "package" / "convert.py", tmp_path, PATH=str(converter.parent))
    assert run.returncode == 1
    assert "ffmpeg is missing" in run.stderr
    assert not (tmp_path / "result.json").exists()


def test_broken_ffmpeg_is_a_node_failure(converter: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    shutil.copytree(converter.parent / "converter", tools / "converter")
    shutil.copy(converter, tools)
    (tools / "ffmpeg").write_bytes(converter.with_name("ffmpeg").read_bytes()[:1_000_000])
    (tools / "ffmpeg").chmod(0o755)
    make_video(tmp_path / "input.mp4", *H264)
    run = finished(tools / "convert.py", tmp_path)
    assert run.returncode == 1
    assert "ffmpeg does not run on this node" in run.stderr
    assert not (tmp_path / "result.json").exists()


def test_node_with_many_cpus_converts_within_the_memory_limit(converter: Path, tmp_path: Path) -> None:
    make_video(tmp_path / "input.mp4", *H264, source="testsrc2=s=854x480:d=1:r=12")
    code = f"""
import sys
sys.path.insert(0, {str(converter.parent)!r})
from pathlib import Path
from converter.process import ffmpeg
from converter import main
ffmpeg._command = lambda binary: [str(binary), "-cpucount", "64"]
sys.exit(main.main(["input.mp4"], tools=Path({str(converter.parent)!r}), work=Path.cwd()))
"""
    subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, check=True, capture_output=True)
    assert json.loads((tmp_path / "result.json").read_text())["verdict"] == "converted"
