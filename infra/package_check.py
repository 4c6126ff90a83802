"""Checks a built application package with the standard library alone: python -m infra.package_check FILE

The name of the file is its version, the SHA-256 of the `launch.py` in it, which has the digests of all other files.
"""

import ast
import hashlib
import re
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

LAUNCHER = "launch.py"
FFMPEG = "ffmpeg"
FFMPEG_SHA256 = "0d709a0bed1a43f24cd2c420878c63afea4580671b6949ad19ed124572f3bc3d"
"""The ffmpeg for Linux on x86-64 in the wheel of imageio-ffmpeg 0.8.1."""


def problems(path: Path) -> list[str]:
    """What is wrong with a package; empty if it is what its name says and has the pinned ffmpeg."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            digests = {name: _digest(archive, name) for name in names}
            listed = listed_digests(archive.read(LAUNCHER).decode())
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, SyntaxError) as error:
        return [f"{path} is no application package: {error}"]
    found = []
    if digests.pop(LAUNCHER) != path.stem:
        found.append(f"{LAUNCHER} is not the one of version {path.stem}")
    if len(names) != len(set(names)) or digests.keys() != listed.keys():
        found.append(f"the files are not those listed in {LAUNCHER}")
    found += [f"{name} has been changed" for name in sorted(digests) if digests[name] != listed.get(name)]
    if listed.get(FFMPEG) != FFMPEG_SHA256:
        found.append("ffmpeg is not the pinned one")
    return found


def listed_digests(launcher: str) -> dict[str, str]:
    """The digests in a launcher's text. Raises ValueError if there are none."""
    found = re.search(r"^DIGESTS: dict\[str, str\] = (\{.*?\})$", launcher, re.MULTILINE | re.DOTALL)
    if not found:
        raise ValueError(f"{LAUNCHER} has no digests")
    digests: dict[str, str] = ast.literal_eval(found[1])
    return digests


def _digest(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(name) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    path = Path(arguments[0])
    for problem in (found := problems(path)):
        print(f"{path}: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
