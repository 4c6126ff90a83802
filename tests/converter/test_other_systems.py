"""The converter without what only Linux has, for the local stack on other systems."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from converter.formats import gif
from converter.sandbox import kernel, landlock
from tests.converter import without_linux
from tests.converter.mp4_files import H264, make_video


@pytest.fixture(scope="module", autouse=True)
def _landlock() -> None:
    """It closes /proc to the converter."""
    try:
        landlock.version()
    except OSError:
        pytest.skip("this kernel lacks Landlock")


def convert(converter: Path, work: Path, sandbox: str) -> subprocess.CompletedProcess[str]:
    make_video(work / "input.mp4", *H264, source="testsrc2=s=64x64:d=1:r=10")
    return subprocess.run(
        [sys.executable, without_linux.__file__, str(converter), "input.mp4"],
        cwd=work,
        env={**os.environ, "GIFDROP_SANDBOX": sandbox},
        capture_output=True,
        text=True,
        check=False,
    )


def test_converter_without_linux_converts_if_the_sandbox_is_optional(converter: Path, tmp_path: Path) -> None:
    done = convert(converter, tmp_path, "optional")
    assert (done.returncode, done.stderr) == (0, "")
    assert '"sandbox": []' in done.stdout
    assert gif.measure((tmp_path / "out.gif").read_bytes()).frames > 1


def test_converter_without_linux_fails_if_the_sandbox_is_required(converter: Path, tmp_path: Path) -> None:
    done = convert(converter, tmp_path, "required")
    assert done.returncode == 1
    assert "ffmpeg cannot be sandboxed" in done.stderr
    assert not (tmp_path / "out.gif").exists()


def test_no_system_call_is_made_by_number_on_another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_LINUX", False)
    with pytest.raises(OSError, match="not on Linux"):
        kernel.syscall("landlock", 444)
    with pytest.raises(OSError, match="not on Linux"):
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
