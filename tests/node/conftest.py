"""The converter as a node gets it, unpacked once, and a way to run it on a file."""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra import package

Convert = Callable[..., "Outcome"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one run of convert.py ended: exit code, result.json, its directory, what it said."""

    code: int
    result: dict[str, Any]
    work: Path
    stderr: str

    @property
    def verdict(self) -> str:
        """`converted`, or the code of the rejection."""
        return str(self.result.get("code") or self.result.get("verdict"))


@pytest.fixture(scope="session")
def packages() -> Path:
    """Where packages are built, as the local stack does."""
    return package.ROOT / ".local" / "packages"


@pytest.fixture(scope="session")
def converter(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """convert.py of the unpacked application package."""
    target = tmp_path_factory.mktemp("package")
    with zipfile.ZipFile(package.build(packages).path) as archive:
        archive.extractall(target)
    (target / "ffmpeg").chmod(0o755)
    return target / "convert.py"


@pytest.fixture(scope="session")
def convert(converter: Path, tmp_path_factory: pytest.TempPathFactory) -> Convert:
    """`convert(file, *flags, name="input.mp4")` converts a copy of the file, alone in a directory."""

    def run(source: Path, *flags: str, name: str = "input.mp4") -> Outcome:
        work = tmp_path_factory.mktemp("wd")
        shutil.copyfile(source, work / name)
        finished = subprocess.run(
            [sys.executable, "-I", str(converter), *flags, "--", name],
            cwd=work,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        result = work / "result.json"
        return Outcome(
            code=finished.returncode,
            result=json.loads(result.read_text()) if result.exists() else {},
            work=work,
            stderr=finished.stderr,
        )

    return run
