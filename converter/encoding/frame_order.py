"""Puts the raw frames of a file into the order in which the GIF shows them, without holding a frame in memory."""

import errno
import os
from collections.abc import Iterator
from typing import Final

CHUNK_BYTES: Final = 2**20


def arrange(file: int, *, count: int, frame_bytes: int, reverse: bool, boomerang: bool) -> int:
    """Cut the file to its first `count` frames and rearrange them; returns their new number.

    `boomerang` appends all frames but the first and the last in reverse order, so that none is shown twice in a row.
    """
    os.ftruncate(file, count * frame_bytes)
    if reverse:
        for first in range(count // 2):
            _swap(file, first * frame_bytes, (count - 1 - first) * frame_bytes, frame_bytes)
    if not boomerang or count < 3:
        return count
    for copy in range(count - 2):
        for at, size in _chunks(frame_bytes):
            write(file, read(file, size, (count - 2 - copy) * frame_bytes + at), (count + copy) * frame_bytes + at)
    return 2 * count - 2


def _swap(file: int, one: int, other: int, size: int) -> None:
    for at, length in _chunks(size):
        data = read(file, length, one + at)
        write(file, read(file, length, other + at), one + at)
        write(file, data, other + at)


def read(file: int, size: int, at: int) -> bytes:
    """Exactly `size` bytes from `at`."""
    data = os.pread(file, size, at)
    if len(data) != size:
        raise OSError(errno.EIO, "a frame could not be read whole")
    return data


def write(file: int, data: bytes, at: int) -> None:
    """Write all of `data` at `at`."""
    if os.pwrite(file, data, at) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _chunks(size: int) -> Iterator[tuple[int, int]]:
    """Offset and size of each part of `size` bytes."""
    for at in range(0, size, CHUNK_BYTES):
        yield at, min(CHUNK_BYTES, size - at)
