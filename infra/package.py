"""Builds the Batch application package, the converter and a pinned static ffmpeg, as a reproducible zip.

`python -m infra.package [--out DIR]` writes `DIR/gifdrop/<version>.zip` and prints its id, version and path.
"""

import argparse
import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import imageio_ffmpeg

from infra.archive import write_zip
from infra.package_check import FFMPEG, FFMPEG_SHA256, LAUNCHER, problems

PACKAGE_ID: Final = "gifdrop"
_NODE: Final = ("Linux", "x86_64")
# The ffmpeg of the same release of imageio-ffmpeg for other machines, on which only the local stack runs.
LOCAL_FFMPEG_SHA256: Final = {
    ("Linux", "aarch64"): "0b0b5ac30495b4e07ce1321b8d58200f901f57782884a8b6b264c7528c2c9e77",
    ("Darwin", "arm64"): "591260c945d0eef150e3bf82b0ef988bd36a9cecc18ff05d6679617159f0a95e",
}
ROOT: Final = Path(__file__).resolve().parent.parent
_BINARIES: Final = Path(imageio_ffmpeg.__file__).parent / "binaries"


@dataclass(frozen=True, kw_only=True)
class Package:
    """A built package. `version` is the SHA-256 of its `launch.py`, which holds the digests of all other files."""

    id: str
    version: str
    path: Path


def build(out: Path, *, local: bool = False) -> Package:
    """Write `out/gifdrop/<version>.zip` unless it exists. Raises OSError if ffmpeg is not the pinned one.

    local: Take the ffmpeg for this machine, for the local stack, instead of that for the nodes. Default False.
    """
    if local and (machine := (os.uname().sysname, os.uname().machine)) != _NODE:
        if machine not in LOCAL_FFMPEG_SHA256:
            raise OSError(f"no ffmpeg is pinned for {' on '.join(machine)}; use the dev container")
        files = sources(local_binary(_BINARIES))
        code = launcher(files, ffmpeg_sha256=LOCAL_FFMPEG_SHA256[machine])
    else:
        files = sources()
        code = launcher(files)
    version = hashlib.sha256(code).hexdigest()
    target = out / PACKAGE_ID / f"{version}.zip"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{version}.{os.getpid()}")
        try:
            write_zip(draft, {LAUNCHER: code, **files}, executable={FFMPEG})
            draft.replace(target)  # atomic: concurrent builds each end with a complete file
        finally:
            draft.unlink(missing_ok=True)
    return Package(id=PACKAGE_ID, version=version, path=target)


def sources(ffmpeg: Path | None = None) -> dict[str, Path]:
    """Name in the zip -> file: `convert.py` and `ffmpeg` at the root, the other modules in `converter/`.

    ffmpeg: Another than that for the nodes.
    """
    entry = ROOT / "converter" / "convert.py"
    modules = sorted(path for path in entry.parent.rglob("*.py") if path != entry)
    return {
        "convert.py": entry,
        FFMPEG: ffmpeg or linux_binary(_BINARIES),
        **{path.relative_to(ROOT).as_posix(): path for path in modules},
    }


def linux_binary(folder: Path) -> Path:
    """The ffmpeg in `folder` that runs on the nodes, which are Linux on x86-64."""
    for path in sorted(folder.glob("ffmpeg-*")):
        with path.open("rb") as file:
            head = file.read(20)
        if head[:6] == b"\x7fELF\x02\x01" and head[18:] == b"\x3e\x00":  # 64 bits, little-endian, x86-64
            return path
    raise OSError(f"{folder} has no ffmpeg for Linux on x86-64; build there, with imageio-ffmpeg from PyPI")


def local_binary(folder: Path) -> Path:
    """The only ffmpeg in `folder`: a wheel of imageio-ffmpeg has that of one kind of machine."""
    (path,) = folder.glob("ffmpeg-*")
    return path


def launcher(files: Mapping[str, Path], *, ffmpeg_sha256: str | None = None) -> bytes:
    """The text of `launch.py` for these files. Raises OSError if ffmpeg is not the pinned one."""
    digests = {name: _digest(path) for name, path in sorted(files.items())}
    if digests[FFMPEG] != (ffmpeg_sha256 or FFMPEG_SHA256):
        raise OSError(f"{files[FFMPEG]} is not the pinned ffmpeg: its SHA-256 is {digests[FFMPEG]}")
    rows = "".join(f'    "{name}": "{digest}",\n' for name, digest in digests.items())
    template = (ROOT / "infra" / LAUNCHER).read_text(encoding="utf-8")
    empty = "DIGESTS: dict[str, str] = {}\n"
    if template.count(empty) != 1:
        raise ValueError(f"infra/{LAUNCHER} has no empty DIGESTS to fill in")
    return template.replace(empty, f"DIGESTS: dict[str, str] = {{\n{rows}}}\n").encode()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    """Build and print id, version and path."""
    parser = argparse.ArgumentParser(prog="python -m infra.package", description=(__doc__ or "").partition("\n")[0])
    folder = ROOT / ".local" / "packages"
    parser.add_argument("--out", type=Path, metavar="DIR", default=folder, help="default: .local/packages")
    out = parser.parse_args().out
    try:
        built = build(out)
    except OSError as error:
        sys.exit(str(error))
    # The file may be from an earlier run.
    if found := problems(built.path):
        sys.exit(f"{built.path} is damaged, delete it: {'; '.join(found)}")
    for name, value in asdict(built).items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
