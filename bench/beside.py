"""Compares the WebP and the poster beside a GIF with the GIF: time, bytes, similarity to the source.

The conversions with and without them run in turn, and the fastest of each one's rounds counts.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Final

from bench import Row, clips, goal_row
from bench.gif.methods import unpack_converter
from bench.score import run_measured, similarity
from bench.table import show

ROUNDS: Final = 3
ASKED: Final = {"gif": (), "webp": ("--also", "webp"), "both": ("--also", "poster,webp")}
FPS: Final = 12.0
GOAL_TIME, GOAL_BYTES, GOAL_SSIM = 0.5, 0.4, 0.0


def run() -> list[Row]:
    """One row for each real clip, then the worst of them against the goals."""
    with tempfile.TemporaryDirectory(prefix="gifdrop-bench-") as scratch:
        converter = unpack_converter(Path(scratch) / "package")
        rows = [_measure(name, clip, converter, Path(scratch)) for name, clip in clips.real_clips().items()]
    worst_time, worst_bytes = (max(float(str(row[key])) for row in rows) for key in ("webp x time", "webp x bytes"))
    worst_ssim = min(float(str(row["webp ssim"])) - float(str(row["gif ssim"])) for row in rows)
    return [
        *rows,
        goal_row("extra time of a WebP, to the conversion without", worst_time, "x", GOAL_TIME),
        goal_row("bytes of a WebP to the GIF", worst_bytes, "x", GOAL_BYTES),
        goal_row("SSIM of a WebP less the GIF's", worst_ssim, "", GOAL_SSIM, at_least=True),
    ]


def _measure(name: str, clip: Path, converter: Path, scratch: Path) -> Row:
    seconds = dict.fromkeys(ASKED, float("inf"))
    cpu = dict(seconds)
    for _ in range(ROUNDS):
        for asked, flags in ASKED.items():
            work = scratch / f"{name}-{asked}"
            work.mkdir(exist_ok=True)
            command = [sys.executable, "-I", str(converter), *flags, "--fps", f"{FPS:g}", str(clip)]
            cost = run_measured(command, cwd=work)
            seconds[asked] = min(seconds[asked], cost.seconds)
            cpu[asked] = min(cpu[asked], cost.cpu_seconds)
    work = scratch / f"{name}-both"
    result = json.loads((work / "result.json").read_text())
    gif, files = result["gif"], {file["kind"]: file for file in result["also"]}
    size = {"width": gif["width"], "height": gif["height"]}
    scores = {kind: similarity(work / f"out.{kind}", clip, **size, fps=FPS) for kind in ("gif", "webp")}
    return {
        "clip": name,
        "gif s": round(seconds["gif"], 3),
        "webp x time": round(seconds["webp"] / seconds["gif"] - 1, 3),
        "both x time": round(seconds["both"] / seconds["gif"] - 1, 3),
        "webp x cpu": round(cpu["webp"] / cpu["gif"] - 1, 3),
        "both x cpu": round(cpu["both"] / cpu["gif"] - 1, 3),
        "gif KB": round(gif["bytes"] / 1e3),
        "webp KB": round(files["webp"]["bytes"] / 1e3),
        "webp x bytes": round(files["webp"]["bytes"] / gif["bytes"], 3),
        "poster KB": round(files["poster"]["bytes"] / 1e3, 1),
        "gif ssim": round(scores["gif"].ssim, 4),
        "webp ssim": round(scores["webp"].ssim, 4),
        "gif vmaf": round(scores["gif"].vmaf or 0, 1),
        "webp vmaf": round(scores["webp"].vmaf or 0, 1),
        "peak MB": round(result["peak_memory_bytes"] / 1e6),
    }


if __name__ == "__main__":
    show("beside", run())
