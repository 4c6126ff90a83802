"""Builds ffmpeg's arguments for the files beside the GIF, which are made from its raw frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from converter.encoding.ffmpeg_args import KEPT, frames_args
from converter.planning.plan import Plan

TRIAL_RUN_FRAMES: Final = 4  # consecutive frames of which only the changes are stored, except in the first
MIN_TRIAL_RUNS: Final = 3
TRIAL_SHARE: Final = 40  # there is one run for each so many frames
# Above method 2, libwebp takes twice the time for 5 % fewer bytes.
WEBP_METHOD: Final = "2"
# A block of 16x16 pixels is left as it is while the squares of its changes sum up to less: 1.4 levels for each pixel.
MAX_UNCHANGED: Final = "500"
MIN_ENTROPY: Final = "0.1"  # of the brightness, from 0 for a blank picture to 1
MIN_BRIGHTEST: Final = "96"  # of 255; all pixels of a picture at the start of a fade-in are darker
_ACCURATE: Final = "bilinear+accurate_rnd+full_chroma_int+full_chroma_inp"


@dataclass(frozen=True, kw_only=True)
class Frames:
    """The decoded frames, and what is made of them: so many frames of this size and rate."""

    path: Path
    plan: Plan
    """What was decoded. The GIF may be smaller and have fewer frames."""
    width: int
    height: int
    fps: float
    count: int

    @property
    def input(self) -> list[str]:
        """Arguments for the input."""
        return frames_args(self.plan, self.path)

    @property
    def size(self) -> str:
        """The filter that scales them."""
        return f"scale={self.width}:{self.height}:flags={_ACCURATE}"

    @property
    def rate(self) -> str:
        """The filter that drops frames, with a comma behind it; empty if none are dropped."""
        return f"fps={self.fps:g}:eof_action=pass," if self.fps < self.plan.fps else ""


def poster_args(frames: Frames, *, target: Path, frame: int | None, quality: int) -> list[str]:
    """Encodes the first frame that is neither blank nor black, or `frame` whatever it shows."""
    # The luma of a JPEG has all 256 levels.
    picture = f"{frames.size}:out_range=full,format=yuv420p"
    if frame is None:
        entropy = f"metadata=select:key=lavfi.entropy.normalized_entropy.normal.Y:value={MIN_ENTROPY}:function=greater"
        brightest = f"metadata=select:key=lavfi.signalstats.YMAX:value={MIN_BRIGHTEST}:function=greater"
        picked = f"{picture},entropy,{entropy},signalstats,{brightest}"
    else:
        picked = f"select='eq(n,{frame})',{picture}"
    source = _on_white(frames) if frames.plan.alpha else f"[0:v]{frames.rate}"
    return [
        *frames.input, "-lavfi", f"{source}{picked},setrange=full[o]", "-map", "[o]", "-frames:v", "1",
        "-c:v", "mjpeg", "-q:v", str(quality), "-update", "1", "-f", "image2", *KEPT, f"file:{target}",
    ]  # fmt: skip


def trial_args(frames: Frames, *, target: Path, quality: float) -> list[str]:
    """Encodes a few runs of frames as WebP, to estimate the bytes of all."""
    runs, last = max(MIN_TRIAL_RUNS, frames.count // TRIAL_SHARE), frames.count - TRIAL_RUN_FRAMES
    starts = {max(0, min(frames.count * i // (runs + 1), last)) for i in range(1, runs + 1)}
    picked = "+".join(f"between(n,{start},{start + TRIAL_RUN_FRAMES - 1})" for start in sorted(starts))
    graph = f"[0:v]{frames.rate}select='{picked}',{_webp_picture(frames)}[o]"
    return [*frames.input, "-lavfi", graph, "-map", "[o]", *_webp_output(frames, target, quality)]


def webp_args(frames: Frames, *, targets: Sequence[Path], split: int, quality: float) -> list[str]:
    """Encodes the frames as WebP; with two targets, the first gets `split` frames and the second the rest."""
    command = [*frames.input, "-progress", "pipe:1", "-stats_period", "0.5", "-lavfi"]
    picture = f"[0:v]{frames.rate}{_webp_picture(frames)}"
    if len(targets) == 1:
        return [*command, f"{picture}[o]", "-map", "[o]", *_webp_output(frames, targets[0], quality)]
    graph = f"{picture},split[a][b];[a]trim=end_frame={split}[x];[b]trim=start_frame={split}[y]"
    outputs: list[str] = []
    for label, target in zip("xy", targets, strict=True):
        outputs += ["-map", f"[{label}]", *_webp_output(frames, target, quality)]
    return [*command, graph, *outputs]


def _webp_picture(frames: Frames) -> str:
    return f"{frames.size},format={'bgra' if frames.plan.alpha else 'yuv420p'}"


def _webp_output(frames: Frames, target: Path, quality: float) -> list[str]:
    # The encoder of single pictures stores the changed blocks faster and better than that of animations, which is
    # needed for transparency.
    codec = ["libwebp_anim"] if frames.plan.alpha else ["libwebp", "-cr_threshold", MAX_UNCHANGED]
    return [
        "-fps_mode", "passthrough", "-c:v", *codec, "-quality", f"{quality:.1f}", "-compression_level", WEBP_METHOD,
        "-f", "webp", *KEPT, f"file:{target}",
    ]  # fmt: skip


def _on_white(frames: Frames) -> str:
    white = f"color=c=white:s={frames.width}x{frames.height}:r={frames.fps:g}[white]"
    return f"{white};[0:v]{frames.rate}{frames.size}[v];[white][v]overlay=shortest=1:format=rgb,"
