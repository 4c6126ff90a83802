"""Takes Matroska files apart and puts them together again, with what no muxer would write."""

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Final

UNKNOWN_SIZE: Final = b"\x01" + b"\xff" * 7
HEADER: Final = bytes.fromhex("1A45DFA3")
SEGMENT: Final = bytes.fromhex("18538067")
SEEK_HEAD: Final = bytes.fromhex("114D9B74")
SEEK: Final = bytes.fromhex("4DBB")
SEEK_ID: Final = bytes.fromhex("53AB")
SEEK_POSITION: Final = bytes.fromhex("53AC")
INFO: Final = bytes.fromhex("1549A966")
TIMESTAMP_SCALE: Final = bytes.fromhex("2AD7B1")
DURATION: Final = bytes.fromhex("4489")
PREVIOUS_FILE: Final = bytes.fromhex("3C83AB")
TRACKS: Final = bytes.fromhex("1654AE6B")
TRACK: Final = b"\xae"
CODEC: Final = b"\x86"
CODEC_PRIVATE: Final = bytes.fromhex("63A2")
DEFAULT_DURATION: Final = bytes.fromhex("23E383")
VIDEO: Final = b"\xe0"
PIXEL_WIDTH: Final = b"\xb0"
PIXEL_HEIGHT: Final = b"\xba"
ENCODINGS: Final = bytes.fromhex("6D80")
CLUSTER: Final = bytes.fromhex("1F43B675")
CLUSTER_TIME: Final = b"\xe7"
SIMPLE_BLOCK: Final = b"\xa3"
CUES: Final = bytes.fromhex("1C53BB6B")
CHAPTERS: Final = bytes.fromhex("1043A770")
TAGS: Final = bytes.fromhex("1254C367")
SIMPLE_TAG: Final = bytes.fromhex("67C8")
ATTACHMENTS: Final = bytes.fromhex("1941A469")
VOID: Final = b"\xec"


def size_of(length: int) -> bytes:
    """A size in eight bytes."""
    return struct.pack(">Q", length | 1 << 56)


def element(kind: bytes, content: bytes = b"", *, size: bytes | None = None) -> bytes:
    """One element; `size` is a false size."""
    return kind + (size_of(len(content)) if size is None else size) + content


def number(kind: bytes, value: int) -> bytes:
    """An element with an unsigned number."""
    return element(kind, value.to_bytes(8))


def elements(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each element; those of unknown size reach to the end."""
    at = 0
    while at < len(data):
        id_length = 9 - data[at].bit_length()
        kind, at = data[at : at + id_length], at + id_length
        length = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + length]) & ((1 << 7 * length) - 1)
        at += length
        end = len(data) if size == (1 << 7 * length) - 1 else at + size
        yield kind, data[at:end]
        at = end


def changed(data: bytes, path: tuple[bytes, ...], change: Callable[[bytes], bytes]) -> bytes:
    """`data` with every element at `path` replaced by `change(content)`, which returns whole elements or nothing.

    The elements around them get the sizes that they need.
    """
    kind, rest = path[0], path[1:]
    made = b""
    for found, content in elements(data):
        if found != kind:
            made += element(found, content)
        elif rest:
            made += element(found, changed(content, rest, change))
        else:
            made += change(content)
    return made


def with_content(kind: bytes, content: bytes) -> Callable[[bytes], bytes]:
    """A change to an element of this kind with this content."""
    return lambda _: element(kind, content)


def before_clusters(data: bytes, extra: bytes) -> bytes:
    """`data` with elements in front of its tracks."""
    return changed(data, (SEGMENT, TRACKS), lambda tracks: extra + element(TRACKS, tracks))


def in_track(data: bytes, extra: bytes) -> bytes:
    """`data` with elements at the end of its track."""
    return changed(data, (SEGMENT, TRACKS, TRACK), lambda track: element(TRACK, track + extra))


def nested(kind: bytes, *, levels: int, size: bytes | None = None) -> bytes:
    """Elements of one kind within each other."""
    made = b""
    for _ in range(levels):
        made = element(kind, made, size=size)
    return made


def attachment(name: str, mime: str, data: bytes) -> bytes:
    """An Attachments element with one file."""
    file = [
        element(bytes.fromhex("466E"), name.encode()),
        element(bytes.fromhex("4660"), mime.encode()),
        element(bytes.fromhex("465C"), data),
        number(bytes.fromhex("46AE"), 1),
    ]
    return element(ATTACHMENTS, element(bytes.fromhex("61A7"), b"".join(file)))


def seek(position: int, *, kind: bytes) -> bytes:
    """An entry of a SeekHead."""
    return element(SEEK, element(SEEK_ID, kind) + number(SEEK_POSITION, position))


def cue(time: int, position: int) -> bytes:
    """An entry of the Cues."""
    where = number(b"\xf7", 1) + number(b"\xf1", position)
    return element(b"\xbb", number(b"\xb3", time) + element(b"\xb7", where))


def compression(*, scope: int, algorithm: int = 0) -> bytes:
    """The ContentEncodings of a track: scope 1 are its frames, 2 its CodecPrivate; algorithm 0 is zlib."""
    settings = element(bytes.fromhex("5034"), number(bytes.fromhex("4254"), algorithm))
    encoding = number(bytes.fromhex("5031"), 0) + number(bytes.fromhex("5032"), scope)
    encoding += number(bytes.fromhex("5033"), 0) + settings
    return element(ENCODINGS, element(bytes.fromhex("6240"), encoding))


def block(data: bytes, *, time: int = 0, flags: int = 0x80) -> bytes:
    """A SimpleBlock of track 1."""
    return element(SIMPLE_BLOCK, b"\x81" + struct.pack(">hB", time, flags) + data)


def bomb(size: int) -> bytes:
    """Zeros under zlib, a thousandth of their size."""
    packer = zlib.compressobj(9)
    chunk = bytes(2**20)
    return b"".join(packer.compress(chunk) for _ in range(size // len(chunk))) + packer.flush()
