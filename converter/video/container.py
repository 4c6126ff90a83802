"""Which demuxer a file gets: decided by its first bytes, never by ffmpeg's own probing, which knows hundreds."""

from typing import Final, Literal

Demuxer = Literal["mov", "matroska"]

HEADER_BYTES: Final = 16
EBML_MAGIC: Final = b"\x1a\x45\xdf\xa3"  # RFC 8794, section 11.2.1


def demuxer_of(header: bytes) -> Demuxer:
    """`matroska` for a file that starts like WebM or Matroska, otherwise `mov`, which refuses all but its own."""
    return "matroska" if header.startswith(EBML_MAGIC) else "mov"
