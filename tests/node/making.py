"""Small videos and damaged ones, made on the spot by the pinned ffmpeg."""

import struct
import subprocess
from pathlib import Path
from typing import Final

import imageio_ffmpeg

TINY: Final = "testsrc2=s=96x64:d=1:r=12"
H264: Final = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-threads", "1")


def ffmpeg(target: Path, *arguments: str) -> Path:
    """Run the pinned ffmpeg; the target comes last."""
    binary = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([binary, "-v", "error", "-nostdin", "-y", *arguments, str(target)], check=True)
    return target


def video(target: Path, *options: str, source: str = TINY) -> Path:
    """One second of a moving test picture in H.264, unless `options` say otherwise."""
    return ffmpeg(target, "-f", "lavfi", "-i", source, *(options or H264))


def atom(kind: bytes, content: bytes = b"") -> bytes:
    """One MP4 box."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def patched(data: bytes, kind: bytes, offset: int, value: bytes) -> bytes:
    """`data` with `value` written `offset` bytes after the first box type `kind`."""
    at = data.index(kind) + 4 + offset
    return data[:at] + value + data[at + len(value) :]
