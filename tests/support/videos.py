"""Videos made by the tests, and what a GIF really holds, both by ffmpeg."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What ffmpeg finds in a GIF."""

    width: int
    height: int
    frames: int
    seconds: float


def make_video(path: Path, *, seconds: float, size: str = "320x180", picture: str = "testsrc2") -> Path:
    """H.264, 25 frames a second, `seconds` long: a test card with a running counter, or another source of ffmpeg's."""
    source = f"{picture}=duration={seconds}:size={size}:rate=25"
    _ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", str(path))
    return path


def look_at(gif: bytes, path: Path) -> Seen:
    """Decode a GIF whole."""
    path.write_bytes(gif)
    report = _ffmpeg("-i", str(path), "-fps_mode", "passthrough", "-f", "null", "-", "-loglevel", "info")
    size = re.search(r"Video: gif, \S+, (\d+)x(\d+)", report)
    frames = re.findall(r"frame=\s*(\d+)", report)
    duration = re.search(r"Duration: 00:00:([\d.]+)", report)
    assert size
    assert frames
    assert duration
    return Seen(width=int(size[1]), height=int(size[2]), frames=int(frames[-1]), seconds=float(duration[1]))


def _ffmpeg(*arguments: str) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stderr
