"""Whether this machine's kernel can confine ffmpeg as a node's does."""

import subprocess
import sys
from typing import Literal

from local.process import ROOT

UNCONFINED = "This kernel lacks Landlock or seccomp: here, ffmpeg runs without all of its sandbox."
_ENTER = """
from pathlib import Path
from converter.sandbox import enter

enter(executable=Path("/bin/sh"), reads=[], writes=[], set_limits=lambda: None, required=True)
"""


def sandbox_mode() -> Literal["required", "optional"]:
    """The value of GIFDROP_SANDBOX for the local stack, found out by a process that enters the sandbox."""
    entered = subprocess.run([sys.executable, "-c", _ENTER], cwd=ROOT, capture_output=True, check=False)
    return "required" if entered.returncode == 0 else "optional"
