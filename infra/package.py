"""Builds the Batch application package, the converter and a pinned static ffmpeg, as a reproducible zip.

`python -m infra.package [--out DIR]` writes `DIR/gifdrop/<version>.zip` and prints its id, version and path.
"""

import argparse
import hashlib
import json
import os
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import imageio_ffmpeg

PACKAGE_ID: Final = "gifdrop"
ROOT: Final = Path(__file__).resolve().parent.parent
ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
CHUNK_BYTES: Final = 2**20
COMPRESSION_LEVEL: Final = 1  # ffmpeg shrinks from 165 to about 70 MB; higher levels take seconds and save little


@dataclass(frozen=True, kw_only=True)
class Package:
    """A built package. `version` is the first 12 hex digits of the SHA-256 of all names, modes and contents."""

    id: str
    version: str
    path: Path


def build(out: Path) -> Package:
    """Write `out/gifdrop/<version>.zip` unless it exists."""
    files = sources()
    version = version_of(files, cache=out / PACKAGE_ID / ".digests.json")
    target = out / PACKAGE_ID / f"{version}.zip"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{version}.{os.getpid()}")
        try:
            _write(draft, files)
            draft.replace(target)  # atomic: concurrent builds each end with a complete file
        finally:
            draft.unlink(missing_ok=True)
    return Package(id=PACKAGE_ID, version=version, path=target)


def sources() -> dict[str, Path]:
    """Name in the zip -> file: `convert.py` and `ffmpeg` at the root, the other modules in `converter/`."""
    modules = sorted(path for path in (ROOT / "converter").rglob("*.py") if path.name != "convert.py")
    return {
        "convert.py": ROOT / "converter" / "convert.py",
        "ffmpeg": linux_binary(Path(imageio_ffmpeg.__file__).parent / "binaries"),
        **{str(path.relative_to(ROOT)): path for path in modules},
    }


def linux_binary(folder: Path) -> Path:
    """The ffmpeg in `folder` that runs on the nodes, which are Linux on x86-64."""
    for path in sorted(folder.glob("ffmpeg-*")):
        with path.open("rb") as file:
            head = file.read(20)
        if head[:6] == b"\x7fELF\x02\x01" and head[18:] == b"\x3e\x00":  # 64 bits, little-endian, x86-64
            return path
    raise OSError(f"{folder} has no ffmpeg for Linux on x86-64; build there, with imageio-ffmpeg from PyPI")


def _mode(name: str) -> int:
    return 0o755 if name == "ffmpeg" else 0o644


def version_of(files: Mapping[str, Path], *, cache: Path) -> str:
    """The version of these contents. `cache` keeps digests by path, size and time, so unchanged files are not read."""
    try:
        cached: dict[str, str] = json.loads(cache.read_text())
    except (OSError, ValueError):
        cached = {}
    digests: dict[str, str] = {}
    version = hashlib.sha256()
    for name, path in sorted(files.items()):
        stat = path.stat()
        key = f"{path}:{stat.st_size}:{stat.st_mtime_ns}"
        digests[key] = cached.get(key) or _digest(path)
        version.update(f"{name} {_mode(name):o} {digests[key]}\n".encode())
    if digests != cached:
        cache.parent.mkdir(parents=True, exist_ok=True)
        draft = cache.with_name(f"{cache.name}.{os.getpid()}")
        draft.write_text(json.dumps(digests))
        draft.replace(cache)
    return version.hexdigest()[:12]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(target: Path, files: Mapping[str, Path]) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date_time=ZIP_EPOCH)
            entry.create_system = 3  # Unix: the mode is in the upper half of external_attr
            entry.external_attr = (0o100000 | _mode(name)) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry._compresslevel = COMPRESSION_LEVEL  # type: ignore[attr-defined]  # noqa: SLF001 - ZipInfo has no other way
            with path.open("rb") as source, archive.open(entry, "w") as sink:
                while chunk := source.read(CHUNK_BYTES):
                    sink.write(chunk)


def main() -> None:
    """Build and print id, version and path."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / ".local" / "packages")
    out = parser.parse_args().out
    try:
        built = build(out)
    except OSError as error:
        sys.exit(str(error))
    for name, value in asdict(built).items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
