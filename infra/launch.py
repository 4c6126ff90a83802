"""Entry point of the application package: checks the package's files, then runs the converter.

infra.package fills in DIGESTS. The SHA-256 of the result is the version of the package, and the command line of a task
checks it, so nothing runs that differs from what was built.
"""

import hashlib
import runpy
import sys
from pathlib import Path

DIGESTS: dict[str, str] = {}
"""SHA-256 of every other file of the package, by name."""

IMPORTABLE = {".py", ".pyc", ".so"}


def problems(package: Path) -> list[str]:
    """What is wrong with an unpacked package: files that are missing, changed, or new and importable, and links."""
    found = []
    for name, expected in DIGESTS.items():
        path = package / name
        if path.is_symlink() or not path.is_file():
            found.append(f"{name} is missing")
            continue
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                found.append(f"{name} has been changed")
    # Others may stay, since Batch may keep files of its own in the directory.
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package).as_posix()
        if (path.suffix in IMPORTABLE or path.is_symlink()) and name not in DIGESTS and name != "launch.py":
            found.append(f"{name} is not part of the package")
    return found


def main() -> None:
    package = Path(__file__).resolve().parent
    found = problems(package)
    if found or not DIGESTS:
        sys.exit(f"the application package is damaged: {'; '.join(found) or 'it has no digests'}")
    sys.dont_write_bytecode = True  # a next task would find unexpected files
    sys.argv[0] = str(package / "convert.py")
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
