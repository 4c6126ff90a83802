"""A video to try gifdrop with, drawn by ffmpeg: the game of life over a drifting gradient."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 4
_GRADIENT = (
    f"gradients=s=640x360:r=25:d={SECONDS}:n=5:speed=0.03:seed=4:type=spiral"
    ":c0=0x1b0b3a:c1=0x5b2a86:c2=0xd7263d:c3=0xf46036:c4=0x2e9cca"
)
_LIFE = (
    "life=s=160x90:r=25:rule=B3/S23:seed=7:random_fill_ratio=0.2:mold=25"
    ":life_color=0xffffff:death_color=0x3fd0ff:mold_color=0x000000"
)
_FILTER = (
    f"[1]trim=duration={SECONDS},scale=640:360:flags=neighbor,format=gbrp[life];[0]format=gbrp[gradient];"
    "[gradient][life]blend=all_mode=screen,format=yuv420p"
)


def sample_video(path: Path) -> Path:
    """The sample at `path`, drawn if it is not there. Raises OSError when ffmpeg cannot draw it."""
    if path.exists():
        return path
    import imageio_ffmpeg

    draft = path.with_name(f".{path.name}")
    draft.parent.mkdir(parents=True, exist_ok=True)
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        *("-nostdin", "-hide_banner", "-v", "error", "-y"),
        *("-f", "lavfi", "-i", _GRADIENT, "-f", "lavfi", "-i", _LIFE, "-filter_complex", _FILTER),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-movflags", "+faststart", "-f", "mp4", str(draft)),
    ]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    if done.returncode:
        raise OSError(f"ffmpeg could not draw the sample: {done.stderr.strip()}")
    return draft.replace(path)
