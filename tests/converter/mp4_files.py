"""Makes small MP4s with the pinned ffmpeg, and the boxes and patches that damage them."""

import struct
import subprocess
from pathlib import Path
from typing import Final

import imageio_ffmpeg

TEST_PICTURE: Final = "testsrc2=s=96x64:d=1:r=12"
H264: Final = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-threads", "1")


def run_ffmpeg(target: Path, *arguments: str) -> Path:
    """Run the pinned ffmpeg with `target` as the output; returns it."""
    binary = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([binary, "-v", "error", "-nostdin", "-y", *arguments, str(target)], check=True)
    return target


def make_video(target: Path, *options: str, source: str = TEST_PICTURE) -> Path:
    """Encode `source`, a lavfi graph, by default one second of a moving test picture in H.264."""
    return run_ffmpeg(target, "-f", "lavfi", "-i", source, *(options or H264))


def box(kind: bytes, content: bytes = b"") -> bytes:
    """One MP4 box."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def patched(data: bytes, kind: bytes, offset: int, value: bytes) -> bytes:
    """`data` with `value` written `offset` bytes after the type of the first `kind` box."""
    at = data.index(kind) + 4 + offset
    return data[:at] + value + data[at + len(value) :]
