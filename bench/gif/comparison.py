"""Measures every method on every clip, and sums up what each needs at equal quality."""

import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench import clips
from bench.gif import pictures
from bench.gif.bd_rate import Point, bd_rate
from bench.gif.methods import TIMED, Job, commands, convert_command, unpack_converter
from bench.gif.tools import Tools, install
from bench.score import Cost, run_measured, similarity

WIDTH, FPS, SECONDS = 480, 12.0, 5.0
ROUNDS: Final = 2
METRICS: Final = ("ssim", "vmaf", "ssimulacra2")
REFERENCE: Final = "gifski"
METHODS: Final = ("gifdrop", "usual", "gifsicle", "vips")
LONG_CLIP_MINUTES: Final = (1, 10)
Row = dict[str, Any]


def run() -> list[Row]:
    """One row for each clip and method setting, then the summary of each clip, then the memory for long videos."""
    rows = measure([])
    summary = summarise(rows)
    pictures.draw(rows, summary)
    return [*rows, *summary, *_memory()]


def measure(
    names: Sequence[str], *, methods: Sequence[str] = (), seconds: float = SECONDS, rounds: int = ROUNDS
) -> list[Row]:
    """Measure some clips with some methods, both by default all.

    names: Names of clips. methods: Beginnings of the methods' names. seconds: Of each clip at most. rounds: Of the
    methods whose time is compared, the fastest counts.
    """
    tools = install()
    print(", ".join(f"{name} {version}" for name, version in tools.versions.items()), file=sys.stderr)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="gifdrop-bench-") as scratch:
        converter = unpack_converter(Path(scratch) / "package")
        for kind, group in (("real", clips.real_clips()), ("synthetic", clips.synthetic_clips())):
            for name, clip in group.items():
                if not names or name in names:
                    work = Path(scratch) / name
                    job = _job(clip, converter, work, seconds)
                    chosen = {
                        method: steps
                        for method, steps in commands(job, converter, tools).items()
                        if not methods or method.startswith(tuple(methods))
                    }
                    found = _measure_clip(name, job, chosen, work, tools=tools, rounds=rounds)
                    rows += [{"clip": name, "kind": kind, **row} for row in found]
    return rows


def summarise(rows: Sequence[Row]) -> list[Row]:
    """For each clip and method, the bytes at equal quality and the time, compared with gifski's."""
    summary: list[Row] = []
    for clip in dict.fromkeys(row["clip"] for row in rows):
        here = [row for row in rows if row["clip"] == clip]
        seconds = {row["method"]: row["seconds"] for row in here}
        cpu_seconds = {row["method"]: row["cpu_seconds"] for row in here}
        for method in METHODS:
            row: Row = {"clip": clip, "method": method, "kind": "summary"}
            for metric in METRICS:
                row[f"bytes_{metric}"] = _bytes_at_equal_quality(here, method, metric)
            if method == "gifdrop" and {"usual 256", f"{REFERENCE} -Q 90"} <= set(seconds):
                for preset in ("balanced", "best"):
                    for base, short in ((f"{REFERENCE} -Q 90", "gifski"), ("usual 256", "usual")):
                        mine = f"gifdrop {preset}"
                        row[f"{preset}_time_x_{short}"] = round(seconds[mine] / seconds[base], 3)
                        row[f"{preset}_cpu_x_{short}"] = round(cpu_seconds[mine] / cpu_seconds[base], 3)
            summary.append(row)
    return summary


def _bytes_at_equal_quality(rows: Sequence[Row], method: str, metric: str) -> float | None:
    """Bytes of the method as a multiple of gifski's; of gifdrop, between its presets balanced and best."""

    def curve(name: str) -> list[Point]:
        return [(row["bytes"], row[metric]) for row in rows if row["method"].startswith(name) and row[metric]]

    qualities = sorted(quality for preset in ("balanced", "best") for _, quality in curve(f"gifdrop {preset}"))
    within = (qualities[0], qualities[-1]) if method == "gifdrop" and len(qualities) == 2 else None
    difference = bd_rate(curve(REFERENCE), curve(method), within=within)
    return None if difference is None else round(1 + difference, 3)


def _measure_clip(
    name: str, job: Job, methods: Mapping[str, Sequence[Sequence[str]]], work: Path, *, tools: Tools, rounds: int
) -> Iterator[Row]:
    best: dict[str, Cost] = {}
    for number in range(rounds):
        for method, steps in methods.items():
            if number and method not in TIMED:
                continue
            cost = _run_all(steps, work / method.replace(" ", ""))
            if method not in best or cost.seconds < best[method].seconds:
                best[method] = cost
    for method, cost in best.items():
        gif = work / method.replace(" ", "") / "out.gif"
        found = similarity(
            gif, job.clip, width=job.width, height=job.height, fps=FPS, seconds=job.seconds, python=tools.python
        )
        row = {
            "method": method,
            "bytes": gif.stat().st_size,
            "ssim": found.ssim,
            "vmaf": found.vmaf,
            "ssimulacra2": None if found.ssimulacra2 is None else round(found.ssimulacra2, 2),
            "seconds": round(cost.seconds, 3),
            "cpu_seconds": round(cost.cpu_seconds, 3),
            "peak_memory_mb": round(cost.peak_memory_bytes / 1e6),
        }
        print(name, *row.values(), file=sys.stderr, flush=True)
        yield row
    pictures.keep_frame(name, job.clip, {method: work / method.replace(" ", "") / "out.gif" for method in best}, job)
    shutil.rmtree(work)


def _job(clip: Path, converter: Path, work: Path, max_seconds: float) -> Job:
    """The size that the converter chooses for this clip, and at most `max_seconds` of it."""
    work.mkdir(parents=True)
    described = subprocess.run([str(clips.ffmpeg()), "-i", str(clip)], capture_output=True, text=True, check=False)
    found = re.search(r"Duration: (\d+):(\d+):([\d.]+)", described.stderr)
    assert found is not None
    seconds = min(max_seconds, int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]))
    wanted = Job(clip=clip, seconds=min(seconds, 0.2), width=WIDTH, height=0, fps=FPS)
    subprocess.run(convert_command(converter, wanted), cwd=work, check=True, capture_output=True)
    made = json.loads((work / "result.json").read_text())["gif"]
    # Whole frames, so that no method has one more than another.
    whole = math.floor(seconds * FPS) / FPS
    return Job(clip=clip, seconds=whole, width=made["width"], height=made["height"], fps=FPS)


def _run_all(steps: Sequence[Sequence[str]], work: Path) -> Cost:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    costs = [run_measured(step, cwd=work) for step in steps]
    peaks = [cost.peak_memory_bytes for cost in costs]
    if (result := work / "result.json").exists():
        peaks.append(json.loads(result.read_text())["peak_memory_bytes"])
    return Cost(
        seconds=sum(cost.seconds for cost in costs),
        cpu_seconds=sum(cost.cpu_seconds for cost in costs),
        peak_memory_bytes=max(peaks),
    )


def _memory() -> Iterator[Row]:
    """Peak memory for one minute and ten minutes of 1080p under the default caps."""
    with tempfile.TemporaryDirectory(prefix="gifdrop-bench-") as scratch:
        converter = unpack_converter(Path(scratch) / "package")
        for minutes in LONG_CLIP_MINUTES:
            command = [sys.executable, "-I", str(converter), str(clips.long_hd_clip(minutes=minutes))]
            cost = _run_all([command], Path(scratch) / str(minutes))
            yield {
                "clip": f"1080p, {minutes} min",
                "kind": "memory",
                "method": "gifdrop balanced",
                "seconds": round(cost.seconds, 3),
                "peak_memory_mb": round(cost.peak_memory_bytes / 1e6),
            }
