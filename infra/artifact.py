"""Builds everything that a deployment uploads, for `infra/deploy.sh -a DIR`: python -m infra.artifact DIR

DIR gets `gifdrop/<version>.zip` (the converter), `app.zip` (the function app) and `smoke.mp4`. Deploying them needs the
standard library only, so the job that may sign in to Azure installs nothing.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from infra import package, smoke
from infra.archive import write_zip

APP_FILES = ("function_app.py", "host.json", "requirements.txt")


def app_files() -> dict[str, Path]:
    """The files of the function app, by name."""
    shared = [
        path for path in (package.ROOT / "shared").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    found = [*(package.ROOT / name for name in APP_FILES), *shared]
    return {path.relative_to(package.ROOT).as_posix(): path for path in found}


def main(arguments: Sequence[str]) -> int:
    if arguments in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    out = Path(arguments[0])
    built = package.build(out)
    write_zip(out / "app.zip", app_files())
    smoke.make(out / "smoke.mp4")
    for path in (built.path, out / "app.zip", out / "smoke.mp4"):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
