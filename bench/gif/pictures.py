"""Draws the benchmark's plots, and puts one frame of each method side by side."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench import clips, plot
from bench.gif.methods import Job

# Beside the source, from left to right.
SHOWN: Final = ("gifdrop balanced", "gifski -Q 80", "usual 256")
CROP: Final = 220
FRAMES: Final = clips.ROOT / ".local" / "gif-frames"
CURVES: Final = ("bunny", "parkour", "screen")
FRAMES_OF: Final = ("bunny", "parkour", "grief", "screen")
METRICS: Final = {"ssim": "SSIM", "ssimulacra2": "SSIMULACRA2"}
Row = dict[str, Any]


def draw(rows: Sequence[Row], summary: Sequence[Row]) -> None:
    """Write the plots and the frames into docs/plots."""
    ours = [row for row in summary if row["method"] == "gifdrop"]
    for metric, name in METRICS.items():
        bars = {row["clip"]: {"bytes": row[f"bytes_{metric}"]} for row in ours if row[f"bytes_{metric}"]}
        if bars:
            title = f"Bytes of balanced to best at gifski's quality by {name}"
            plot.save(f"gif-{metric}", plot.bars(title, "gifski = 1", bars, goal=1))
    for clip in CURVES:
        here = [row for row in rows if row["clip"] == clip]
        series = {
            method: sorted(
                (row["bytes"] / 1000, row["ssimulacra2"]) for row in here if row["method"].startswith(method)
            )
            for method in ("gifdrop", "gifski", "usual", "gifsicle", "vips")
        }
        series = {method: points for method, points in series.items() if points}
        if series:
            plot.save(f"gif-{clip}", plot.lines(f"{clip}: quality for bytes", "KB", "SSIMULACRA2", series))
    times = {row["clip"]: {"time": row["balanced_time_x_gifski"]} for row in ours if "balanced_time_x_gifski" in row}
    if times:
        plot.save("gif-time", plot.bars("Time of balanced", "gifski -Q 90 = 1", times, goal=1 / 3))
    _join()


def keep_frame(name: str, source: Path, gifs: Mapping[str, Path], job: Job) -> None:
    """Keep the middle frame of the source and of the shown methods, if all are there, as a row of the picture."""
    if not all(method in gifs for method in SHOWN):
        return
    inputs, chains = [], []
    at = round(job.seconds * job.fps / 2)
    for number, path in enumerate([source, *(gifs[method] for method in SHOWN)]):
        inputs += ["-i", str(path)]
        scale = f"fps={job.fps:g},scale={job.width}:{job.height}:flags=lanczos,setsar=1,format=gbrp"
        crop = f"crop='min(iw,{CROP})':'min(ih,{CROP})',scale={CROP}:{CROP}:flags=neighbor"
        chains.append(f"[{number}:v]{scale},select='eq(n,{at})',{crop},format=rgb24[f{number}]")
    labels = "".join(f"[f{number}]" for number in range(len(chains)))
    FRAMES.mkdir(parents=True, exist_ok=True)
    command = [str(clips.ffmpeg()), "-nostdin", "-v", "error", "-y", *inputs]
    graph = f"{';'.join(chains)};{labels}hstack={len(chains)}[o]"
    subprocess.run(
        [*command, "-lavfi", graph, "-map", "[o]", "-frames:v", "1", str(FRAMES / f"{name}.png")], check=True
    )


def _join() -> None:
    """Stack the rows kept by `keep_frame` into one picture."""
    rows = [FRAMES / f"{clip}.png" for clip in FRAMES_OF]
    if not all(row.exists() for row in rows):
        return
    inputs = [argument for row in rows for argument in ("-i", str(row))]
    command = [str(clips.ffmpeg()), "-nostdin", "-v", "error", "-y", *inputs, "-lavfi", f"vstack={len(rows)}"]
    subprocess.run([*command, "-frames:v", "1", "-q:v", "3", str(plot.FOLDER / "gif-frames.jpg")], check=True)
