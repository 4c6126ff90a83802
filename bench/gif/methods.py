"""The commands that make a GIF, one for each method and quality setting."""

import shlex
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import clips
from bench.gif.tools import Tools
from infra import package

LANCZOS: Final = "lanczos+accurate_rnd+full_chroma_int"
PRESETS: Final = ("small", "balanced", "best")
GIFSKI_QUALITIES: Final = (50, 65, 80, 90, 95)
USUAL_COLOURS: Final = (64, 128, 256)
GIFSICLE_LOSSINESS: Final = (30, 100)
VIPS_BIT_DEPTHS: Final = (6, 8)
TIMED: Final = ("usual 256", "gifdrop small", "gifdrop balanced", "gifdrop best", "gifski -Q 90")
"""Run in several rounds; the others once."""
_VIPS: Final = (
    "import glob, pyvips, sys;"
    "frames = [pyvips.Image.new_from_file(name) for name in sorted(glob.glob('f*.png'))];"
    "height = frames[0].height;"
    "joined = pyvips.Image.arrayjoin(frames, across=1).copy();"
    "joined.set_type(pyvips.GValue.gint_type, 'page-height', height);"
    "joined.set_type(pyvips.GValue.array_int_type, 'delay', [round(1000 / float(sys.argv[2]))] * len(frames));"
    "joined.gifsave('out.gif', bitdepth=int(sys.argv[1]), interframe_maxerror=4)"
)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A clip to convert, and the size and rate of the GIF."""

    clip: Path
    seconds: float
    width: int
    height: int
    fps: float


def unpack_converter(target: Path) -> Path:
    """Unpack the application package into `target`; returns its convert.py."""
    with zipfile.ZipFile(package.build(clips.ROOT / ".local/packages").path) as archive:
        archive.extractall(target)
    (target / "ffmpeg").chmod(0o755)
    return target / "convert.py"


def convert_command(converter: Path, job: Job, *flags: str) -> list[str]:
    """The converter at the size and rate of the job."""
    shape = ["--width", str(job.width), "--fps", f"{job.fps:g}", "--duration", f"{job.seconds:g}"]
    return [sys.executable, "-I", str(converter), *shape, *flags, str(job.clip)]


def commands(job: Job, converter: Path, tools: Tools) -> dict[str, list[list[str]]]:
    """Method with its setting -> the commands that write out.gif, one after the other."""
    plain = [str(clips.ffmpeg()), "-nostdin", "-v", "error", "-y", "-t", f"{job.seconds:g}", "-i", str(job.clip), "-an"]
    chain = f"fps={job.fps:g},scale={job.width}:{job.height}:flags="

    def usual(colours: int, target: str = "out.gif") -> list[str]:
        split = f"{chain}lanczos,split[a][b];[a]palettegen=max_colors={colours}[p];[b][p]paletteuse"
        return [*plain, "-lavfi", split, target]

    found = {f"usual {colours}": [usual(colours)] for colours in USUAL_COLOURS}
    found |= {f"gifdrop {preset}": [convert_command(converter, job, "--preset", preset)] for preset in PRESETS}
    pictures = [*plain, "-vf", f"{chain}{LANCZOS}", "-pred", "none", "f%05d.png"]
    if tools.gifski:
        for quality in GIFSKI_QUALITIES:
            make = [str(tools.gifski), "--quiet", "-Q", str(quality), "-r", f"{job.fps:g}", "-W", str(job.width)]
            shell = ["/bin/sh", "-c", f"exec {shlex.join(make)} -o out.gif f*.png"]
            found[f"gifski -Q {quality}"] = [pictures, shell]
    if tools.gifsicle:
        for lossiness in GIFSICLE_LOSSINESS:
            shrink = [str(tools.gifsicle), "-O3", f"--lossy={lossiness}", "usual.gif", "-o", "out.gif"]
            found[f"gifsicle --lossy={lossiness}"] = [usual(256, "usual.gif"), shrink]
    for depth in VIPS_BIT_DEPTHS:
        found[f"vips bitdepth={depth}"] = [pictures, [str(tools.python), "-c", _VIPS, str(depth), f"{job.fps:g}"]]
    return found
