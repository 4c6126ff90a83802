"""The files that ffmpeg writes. Its decoder may be under an attacker's control: no link is followed."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from converter.verdict import NodeFailure


def create(path: Path) -> None:
    """Make `path` a new, empty file in place of whatever has that name."""
    path.unlink(missing_ok=True)
    write_new(path, b"", mode=0o600)


def write_new(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write a file that does not exist yet."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, mode), "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(data)


def size(path: Path) -> int:
    """Bytes of the file, 0 if there is none; raises NodeFailure for anything but a regular file of our own."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return 0
    return _checked(found, path).st_size


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor to read and write the file; raises NodeFailure for anything but a regular file of our own."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise NodeFailure(f"ffmpeg left no file that can be opened as {path.name}: {error.strerror}") from error
    try:
        _checked(os.fstat(descriptor), path)
        yield descriptor
    finally:
        os.close(descriptor)


def read(path: Path, *, max_bytes: int) -> bytes:
    """The content of the file; raises NodeFailure if it is larger, or anything but a regular file of our own."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise NodeFailure(f"ffmpeg left no file that can be opened as {path.name}: {error.strerror}") from error
    try:
        expected = _checked(os.fstat(descriptor), path).st_size
        if expected > max_bytes:
            raise NodeFailure(f"ffmpeg left {expected} bytes in {path.name}, more than the limit of {max_bytes}")
        data = os.read(descriptor, expected)  # never more, even if the file grows
    finally:
        os.close(descriptor)
    if len(data) != expected:
        raise NodeFailure(f"{path.name} changed while it was read")
    return data


def _checked(found: os.stat_result, path: Path) -> os.stat_result:
    if not stat.S_ISREG(found.st_mode):
        raise NodeFailure(f"ffmpeg left something other than a file as {path.name}")
    if found.st_nlink != 1 or found.st_uid != os.geteuid():
        raise NodeFailure(f"ffmpeg left a link to another file as {path.name}")
    return found
