"""Runs the packaged converter on one file and reads what it leaves behind."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.support.fork_server import ForkServer


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one run of convert.py ended: exit code, result.json, working directory, stderr."""

    code: int
    result: dict[str, Any]
    work: Path
    stderr: str

    @property
    def verdict(self) -> str:
        """`converted`, or the code of the rejection."""
        return str(self.result.get("code") or self.result.get("verdict"))


class Convert(Protocol):
    """Type of the fixture `convert`: converts a copy of a file, alone in a new directory."""

    def __call__(self, source: Path, *flags: str, name: str = "input.mp4") -> Outcome: ...


def run_converter(converter: Path, source: Path, *flags: str, name: str, work: Path, server: ForkServer) -> Outcome:
    """Run `converter`, a convert.py, in `work` on a copy of `source` called `name`."""
    shutil.copyfile(source, work / name)
    arguments = [*flags, "--", name]
    if "COVERAGE_PROCESS_CONFIG" in os.environ:  # coverage measures processes that start, not those that are forked
        command = [sys.executable, "-I", str(converter), *arguments]
        finished = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=90, check=False)
    else:
        finished = server.run(converter, *arguments, cwd=work, timeout=90)
    result = work / "result.json"
    return Outcome(
        code=finished.returncode,
        result=json.loads(result.read_text()) if result.exists() else {},
        work=work,
        stderr=finished.stderr,
    )
