"""Holds pixels that hardly change from frame to frame, since each changed pixel costs a GIF bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from converter.encoding import frame_order

CHANNELS: Final = 3
CHUNK_BYTES: Final = 12_000  # fits the processor's caches together with its intermediate results
MAX_CHANGE: Final = 63  # twice that fits the seven bits left beside the borrow of each byte


def hold(file: int, *, count: int, frame_bytes: int, max_change: int) -> None:
    """Replace each RGB pixel by the one shown before it unless a channel differs by more than `max_change`.

    The file holds `count` raw frames. A pixel is compared with what is shown, not with the frame before: a slow fade
    is shown in steps, and never further than `max_change` from the source.
    """
    if not 0 < max_change <= MAX_CHANGE:
        return
    comparison = Comparison.within(max_change)
    shown = [int.from_bytes(chunk, "little") for chunk in _chunks(frame_order.read(file, frame_bytes, 0))]
    for frame in range(1, count):
        data = bytearray()
        for number, chunk in enumerate(_chunks(frame_order.read(file, frame_bytes, frame * frame_bytes))):
            shown[number] = comparison.update(shown[number], int.from_bytes(chunk, "little"))
            data += shown[number].to_bytes(len(chunk), "little")
        frame_order.write(file, bytes(data), frame * frame_bytes)


def _chunks(frame: bytes) -> Iterator[bytes]:
    for at in range(0, len(frame), CHUNK_BYTES):
        yield frame[at : at + CHUNK_BYTES]


@dataclass(frozen=True)
class Comparison:
    """Compares the bytes of two large integers at once: Python has no faster arithmetic on many bytes.

    Each field has the same byte at every place: its high bit, the other bits, the limit, and what carries into the
    high bit when added to more than twice the limit. `first` is the high bit of each pixel's first byte.
    """

    high: int
    low: int
    limit: int
    carry: int
    first: int

    @classmethod
    def within(cls, limit: int) -> "Comparison":
        """A comparison that ignores differences up to `limit`."""

        def everywhere(byte: int) -> int:
            return int.from_bytes(bytes([byte]) * CHUNK_BYTES, "little")

        first = int.from_bytes(b"\x80\0\0" * (CHUNK_BYTES // CHANNELS), "little")
        return cls(everywhere(0x80), everywhere(0x7F), everywhere(limit), everywhere(0x7F - 2 * limit), first)

    def update(self, shown: int, new: int) -> int:
        """The pixels of `shown`, each replaced by that of `new` if a channel differs by more than the limit."""
        difference = ((new | self.high) - (shown & self.low)) ^ ((new ^ shown ^ self.high) & self.high)
        shifted = ((difference & self.low) + self.limit) ^ (difference & self.high)
        exceeded = (shifted | ((shifted & self.low) + self.carry)) & self.high
        changed = (exceeded | (exceeded >> 8) | (exceeded >> 16)) & self.first
        mask = (changed << 1) - (changed >> 7)
        mask |= (mask << 8) | (mask << 16)
        return shown ^ ((shown ^ new) & mask)
