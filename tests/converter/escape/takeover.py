"""Runs the converter with `fake_ffmpeg.py` in ffmpeg's place: `python -I takeover.py TOOLS NAME VICTIM [MISSING ...]`.

TOOLS is the folder of the unpacked package. MISSING are the parts of the sandbox that the kernel lacks.
"""

import errno
import importlib
import os
import sys
from pathlib import Path
from typing import Any

FAKE = Path(__file__).resolve().with_name("fake_ffmpeg.py")
PYTHON = Path(os.path.realpath(sys.executable))


def absent(**_: object) -> None:
    """Behave as a kernel without the feature."""
    raise OSError(errno.ENOSYS, "not in this kernel")


def main(tools: Path, name: str, victim: str, missing: list[str]) -> int:
    """Convert input.mp4 of the current directory."""
    sys.path.insert(0, str(tools))
    from converter import main as converter  # noqa: PLC0415  # importable only now
    from converter.process import ffmpeg  # noqa: PLC0415

    for part in missing:
        importlib.import_module(f"converter.sandbox.{part}").restrict = absent  # type: ignore[attr-defined]
    original: Any = ffmpeg.run

    def run(*, binary: Path, arguments: list[str], reads: list[Path], **rest: object) -> object:
        """Run the fake in place of `binary`."""
        command = ["-I", "-S", str(FAKE), name, victim, *arguments]
        libraries = {Path(sys.base_prefix), Path(sys.prefix)}
        return original(binary=PYTHON, arguments=command, reads=[*reads, *libraries, FAKE], **rest)

    ffmpeg.run = run  # type: ignore[assignment]
    return converter.main([*os.environ.get("FLAGS", "").split(), "input.mp4"], tools=tools, work=Path.cwd())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))
