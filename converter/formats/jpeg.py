"""Measures a JPEG by walking its markers, without trusting the tool that wrote it."""

from typing import Final

_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended and progressive
_SCAN: Final = 0xDA
_END: Final = 0xD9


def size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels; raises ValueError if it is not one complete JPEG."""
    if data[:2] != b"\xff\xd8":
        raise ValueError("no JPEG header")
    found, at = None, 2
    try:
        while True:
            marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
            if data[at] != 0xFF:
                raise ValueError(f"no JPEG marker at byte {at}")
            if marker in _FRAMES:
                found = int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
            if marker == _SCAN:
                break
            if length < 2:
                raise ValueError(f"an impossible JPEG marker at byte {at}")
            at += 2 + length
    except IndexError:
        raise ValueError("the JPEG ends before its picture") from None
    # In a scan 0xFF is followed by 0 or a restart marker: the first other one is the end of a baseline JPEG.
    scan = data.find(bytes([0xFF, _END]), at)
    if found is None or 0 in found or scan != len(data) - 2:
        raise ValueError("the JPEG has no size, no end, or more behind it")
    return found
