"""The whole converter with an ffmpeg under an attacker's control, with and without the kernel's sandbox."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.converter.escape import fake_ffmpeg
from tests.support.fork_server import ForkServer

TAKEOVER = Path(__file__).with_name("takeover.py")
OTHER_GIF = fake_ffmpeg.GIF[:-1] + b"\x21\xfe\x05other\x00\x3b"
PARTS = ("landlock", "seccomp")
REPLACED = ("link", "link_to_zeros", "hard_link", "fifo", "folder")
HARMLESS = ("survivor", "shared_memory", "stop_converter", "progress_names", "progress_numbers")

needs_sandbox = pytest.mark.skipif(
    os.environ.get("GIFDROP_SANDBOX") == "optional", reason="this kernel lacks a part of the sandbox"
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """How the converter ended."""

    code: int
    gif: bytes | None
    result: dict[str, Any]
    stderr: str
    survivors: list[str]


def take_over(
    python: ForkServer,
    converter: Path,
    name: str,
    folder: Path,
    *,
    missing: Sequence[str] = (),
    mode: str = "required",
    flags: str = "",
) -> Run:
    """Convert with ffmpeg replaced; raises TimeoutExpired if that takes a minute."""
    (work := folder / "wd").mkdir()
    (victim := folder / "other.gif").write_bytes(OTHER_GIF)
    (work / "input.mp4").write_bytes(b"a video")
    finished = python.run(
        TAKEOVER,
        *(str(converter.parent), name, str(victim), *missing),
        cwd=work,
        environment={**os.environ, "GIFDROP_SANDBOX": mode, "FLAGS": flags},
        timeout=60,
    )
    assert victim.read_bytes() == OTHER_GIF
    gif, result = work / "out.gif", work / "result.json"
    left = [one for one in psutil.process_iter(["cmdline"]) if str(work) in " ".join(one.info["cmdline"] or ())]
    for one in left:
        one.kill()
    return Run(
        code=finished.returncode,
        gif=gif.read_bytes() if gif.exists() else None,
        result=json.loads(result.read_text()) if result.exists() else {},
        stderr=finished.stderr,
        survivors=[str(one) for one in left],
    )


@needs_sandbox
@pytest.mark.parametrize("name", [*REPLACED, "device", *HARMLESS])
def test_converter_publishes_its_own_gif_whatever_ffmpeg_tries(
    python: ForkServer, converter: Path, tmp_path: Path, name: str
) -> None:
    segments = Path("/proc/sysvipc/shm").read_text()
    run = take_over(python, converter, name, tmp_path)
    assert (run.code, run.gif, run.survivors, run.stderr) == (0, fake_ffmpeg.GIF, [], "")
    assert run.result["sandbox"] == ["landlock", "seccomp"]
    assert run.result["peak_memory_bytes"] < 100e6
    assert Path("/proc/sysvipc/shm").read_text() == segments


@pytest.mark.parametrize("name", REPLACED)
def test_converter_refuses_what_is_no_file_of_its_own(
    python: ForkServer, converter: Path, tmp_path: Path, name: str
) -> None:
    run = take_over(python, converter, name, tmp_path, missing=PARTS, mode="optional")
    assert (run.code, run.gif, run.result) == (1, None, {})
    assert "ffmpeg left" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("name", ["survivor", "progress_names", "progress_numbers"])
def test_converter_holds_without_a_sandbox(python: ForkServer, converter: Path, tmp_path: Path, name: str) -> None:
    run = take_over(python, converter, name, tmp_path, missing=PARTS, mode="optional")
    assert (run.code, run.gif, run.survivors) == (0, fake_ffmpeg.GIF, [])
    assert run.result["sandbox"] == []
    assert run.result["peak_memory_bytes"] < 100e6


def test_garbage_in_place_of_a_gif_is_a_node_failure(python: ForkServer, converter: Path, tmp_path: Path) -> None:
    run = take_over(python, converter, "garbage", tmp_path, missing=PARTS, mode="optional")
    assert (run.code, run.gif, run.stderr) == (1, None, "cannot convert on this node: no GIF header\n")


@pytest.mark.parametrize("also", ["poster", "webp"])
def test_garbage_in_place_of_a_file_beside_the_gif_is_a_node_failure(
    python: ForkServer, converter: Path, tmp_path: Path, also: str
) -> None:
    run = take_over(
        python, converter, "progress_numbers", tmp_path, missing=PARTS, mode="optional", flags=f"--also {also}"
    )
    assert (run.code, run.gif, run.result) == (1, None, {})
    assert run.stderr.startswith("cannot convert on this node: no ")
    assert list((tmp_path / "wd").glob("out.*")) == []


@needs_sandbox
@pytest.mark.parametrize("missing", PARTS)
def test_converter_fails_closed_on_a_kernel_without_a_part(
    python: ForkServer, converter: Path, tmp_path: Path, missing: str
) -> None:
    run = take_over(python, converter, "link", tmp_path, missing=[missing])
    assert (run.code, run.gif, run.result) == (1, None, {})
    assert "cannot convert on this node: ffmpeg cannot be sandboxed: [Errno 38] not in this kernel" in run.stderr
    assert "GIFDROP_SANDBOX=optional" in run.stderr


@needs_sandbox
@pytest.mark.parametrize(("missing", "entered"), [("landlock", ["seccomp"]), ("seccomp", ["landlock"])])
def test_result_lists_the_parts_that_were_entered(
    python: ForkServer, converter: Path, tmp_path: Path, missing: str, entered: list[str]
) -> None:
    run = take_over(python, converter, "progress_numbers", tmp_path, missing=[missing], mode="optional")
    assert (run.code, run.result["sandbox"]) == (0, entered)


def test_unknown_mode_of_the_sandbox_is_a_node_failure(python: ForkServer, converter: Path, tmp_path: Path) -> None:
    run = take_over(python, converter, "link", tmp_path, mode="off")
    assert (run.code, run.gif) == (1, None)
    assert "GIFDROP_SANDBOX must be required or optional, not 'off'" in run.stderr
