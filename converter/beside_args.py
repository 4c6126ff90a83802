"""Builds ffmpeg's arguments for the files beside the GIF, which are made from its raw frames."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from converter.ffmpeg_args import KEPT, frames_args
from converter.plan import Plan

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


def poster_args(plan: Plan, *, frames: Path, target: Path, frame: int | None, quality: int) -> list[str]:
    """Encodes the first frame that is neither blank nor black, or `frame` whatever it shows."""
    # The luma of a JPEG has all 256 levels.
    picture = f"scale={plan.width}:{plan.height}:flags={_ACCURATE}:out_range=full,format=yuv420p"
    if frame is None:
        entropy = f"metadata=select:key=lavfi.entropy.normalized_entropy.normal.Y:value={MIN_ENTROPY}:function=greater"
        brightest = f"metadata=select:key=lavfi.signalstats.YMAX:value={MIN_BRIGHTEST}:function=greater"
        picked = f"{picture},entropy,{entropy},signalstats,{brightest}"
    else:
        picked = f"select='eq(n,{frame})',{picture}"
    flattened = _on_white(plan) if plan.alpha else "[0:v]"
    return [
        *frames_args(plan, frames), "-lavfi", f"{flattened}{picked},setrange=full[o]", "-map", "[o]", "-frames:v", "1",
        "-c:v", "mjpeg", "-q:v", str(quality), "-update", "1", "-f", "image2", *KEPT, f"file:{target}",
    ]  # fmt: skip


def trial_args(plan: Plan, *, frames: Path, target: Path, count: int, quality: float) -> list[str]:
    """Encodes a few runs of the `count` frames, to estimate the bytes of all."""
    runs = max(MIN_TRIAL_RUNS, count // TRIAL_SHARE)
    starts = {max(0, min(count * i // (runs + 1), count - TRIAL_RUN_FRAMES)) for i in range(1, runs + 1)}
    picked = "+".join(f"between(n,{start},{start + TRIAL_RUN_FRAMES - 1})" for start in sorted(starts))
    graph = f"[0:v]select='{picked}',{_webp_picture(plan)}[o]"
    return [*frames_args(plan, frames), "-lavfi", graph, "-map", "[o]", *_webp_output(plan, target, quality)]


def webp_args(plan: Plan, *, frames: Path, targets: Sequence[Path], split: int, quality: float) -> list[str]:
    """Encodes the frames; with two targets, the first gets `split` frames and the second the rest."""
    progress = ["-progress", "pipe:1", "-stats_period", "0.5"]
    if len(targets) == 1:
        outputs = ["-map", "[o]", *_webp_output(plan, targets[0], quality)]
        return [*frames_args(plan, frames), "-lavfi", f"[0:v]{_webp_picture(plan)}[o]", *progress, *outputs]
    graph = [
        f"[0:v]{_webp_picture(plan)},split[a][b]",
        f"[a]trim=end_frame={split}[x]",
        f"[b]trim=start_frame={split}[y]",
    ]
    outputs = []
    for label, target in zip("xy", targets, strict=True):
        outputs += ["-map", f"[{label}]", *_webp_output(plan, target, quality)]
    return [*frames_args(plan, frames), "-lavfi", ";".join(graph), *progress, *outputs]


def _webp_picture(plan: Plan) -> str:
    pixels = "bgra" if plan.alpha else "yuv420p"
    return f"scale={plan.width}:{plan.height}:flags={_ACCURATE},format={pixels}"


def _webp_output(plan: Plan, target: Path, quality: float) -> list[str]:
    # The encoder of single pictures stores the changed blocks faster and better than that of animations, which is
    # needed for transparency.
    codec = ["libwebp_anim"] if plan.alpha else ["libwebp", "-cr_threshold", MAX_UNCHANGED]
    return [
        "-fps_mode", "passthrough", "-c:v", *codec, "-quality", f"{quality:.1f}", "-compression_level", WEBP_METHOD,
        "-f", "webp", *KEPT, f"file:{target}",
    ]  # fmt: skip


def _on_white(plan: Plan) -> str:
    size = f"{plan.width}x{plan.height}"
    scaled = f"[0:v]scale={plan.width}:{plan.height}:flags={_ACCURATE}[v]"
    return f"color=c=white:s={size}:r={plan.fps:g}[white];{scaled};[white][v]overlay=shortest=1:format=rgb,"
