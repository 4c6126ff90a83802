"""`ocp-range` headers."""

from __future__ import annotations

import re

from batch_emulator.errors import BatchError

_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")


def parse(header: str, size: int) -> tuple[int, int]:
    """The half-open range of bytes for a file of `size` bytes. Raises InvalidHeaderValue or InvalidRange."""
    match = _RANGE.match(header.strip())
    if match is None or match[0] == "bytes=-":
        raise BatchError("InvalidHeaderValue", HeaderName="ocp-range", HeaderValue=header)
    first, last = match[1], match[2]
    if first:
        start, end = int(first), min(int(last) + 1 if last else size, size)
    else:
        start, end = max(0, size - int(last)), size
    if start >= end and size:
        raise BatchError("InvalidRange", "The range specified is invalid for the current size of the resource.")
    return start, max(start, end)
