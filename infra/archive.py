"""Writes reproducible zip files: the same contents give the same bytes."""

import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
CHUNK_BYTES: Final = 2**20
COMPRESSION_LEVEL: Final = 1  # ffmpeg shrinks from 165 to about 70 MB; higher levels take seconds and save little


def write_zip(target: Path, files: Mapping[str, Path | bytes], *, executable: Collection[str] = ()) -> None:
    """Write `target` with these files, in order of name.

    files: Name in the zip -> a file or its content.
    executable: Names of the files that get mode 755 instead of 644.
    """
    with zipfile.ZipFile(target, "w") as archive:
        for name, source in sorted(files.items()):
            entry = _entry(name, 0o755 if name in executable else 0o644)
            if isinstance(source, bytes):
                archive.writestr(entry, source)
                continue
            with source.open("rb") as file, archive.open(entry, "w") as sink:
                while chunk := file.read(CHUNK_BYTES):
                    sink.write(chunk)


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=ZIP_EPOCH)
    entry.create_system = 3  # Unix: the mode is in the upper half of external_attr
    entry.external_attr = (0o100000 | mode) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry._compresslevel = COMPRESSION_LEVEL  # type: ignore[attr-defined]  # noqa: SLF001 - ZipInfo has no other way
    return entry
