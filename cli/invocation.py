"""How this command is called from the caller's shell."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path


def command_line(*arguments: str) -> str:
    """A line that runs `gifdrop` with these arguments in the current directory, inside a virtual environment or not."""
    return shlex.join([*_program(), *arguments])


def _program() -> list[str]:
    script = Path(sys.executable).with_name("gifdrop")
    found = shutil.which("gifdrop")
    if found is not None and os.path.realpath(found) == os.path.realpath(script):
        return ["gifdrop"]
    if not script.exists():
        return [sys.executable, "-m", "cli"]
    below = os.path.relpath(script)
    return [str(script) if below.startswith(os.pardir) else below]
