"""Compares the converter with plain ffmpeg recipes and gifski by time, bytes, similarity and memory.

`python -m bench.conversion` prints a table. The methods run in turn and the fastest of each method's rounds counts, so
that a busy machine affects all of them alike.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench import clips
from bench.score import Cost, run_measured, similarity
from infra import package

GIFSKI: Final = clips.ROOT / ".local/gifski/node_modules/gifski/bin/debian/gifski"
LANCZOS: Final = "lanczos+accurate_rnd+full_chroma_int"
# The width and frame rate at which each preset is compared: the recipes get the same.
COMPARED_AT: Final = {"balanced": (480, 12.0), "best": (480, 12.0), "small": (320, 8.0)}
ROUNDS: Final = 2
Row = dict[str, Any]


def run() -> list[Row]:
    """One row for each clip, width and method; `x_floor`, `x_usual` and `x_gifski` are ratios of time."""
    return list(rows())


def rows() -> Iterator[Row]:
    """The same rows, each as soon as it is measured."""
    if not _gifski():
        print("gifski is not installed and is left out; docs/conversion.md says how to install it", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="gifdrop-bench-") as scratch:
        work = Path(scratch)
        converter = unpack_converter(work / "package")
        for kind, group in (("real", clips.real_clips()), ("synthetic", clips.synthetic_clips())):
            for name, clip in group.items():
                for max_width, fps in sorted(set(COMPARED_AT.values()), reverse=True):
                    here = work / f"{name}-{max_width}"
                    yield from _compare(name, kind, clip, converter, here, max_width=max_width, fps=fps)
        yield from _memory(converter, work)


def unpack_converter(target: Path) -> Path:
    """Unpack the application package into `target`; returns its convert.py."""
    with zipfile.ZipFile(package.build(clips.ROOT / ".local/packages").path) as archive:
        archive.extractall(target)
    (target / "ffmpeg").chmod(0o755)
    return target / "convert.py"


def _compare(name: str, kind: str, clip: Path, converter: Path, work: Path, *, max_width: int, fps: float) -> list[Row]:
    """Measure all methods on one clip at one width and frame rate."""
    presets = [preset for preset, compared_at in COMPARED_AT.items() if compared_at == (max_width, fps)]
    width, height = _gif_size(clip, converter, work, max_width=max_width)
    plain = [str(clips.ffmpeg()), "-nostdin", "-v", "error", "-y", "-i", str(clip), "-an"]
    chain = f"fps={fps:g},scale={width}:{height}:flags=lanczos"
    split = f"{chain},split[a][b];[a]palettegen[p];[b][p]paletteuse"
    commands: dict[str, Sequence[Sequence[str]]] = {
        "floor": [[*plain, "-vf", chain, "-f", "null", "-"]],
        "usual": [[*plain, "-lavfi", split, "out.gif"]],
        "naive": [[*plain, "-vf", f"fps={fps:g},scale={width}:{height}", "out.gif"]],
    }
    for preset in presets:
        flags = ["--preset", preset, "--width", str(max_width), "--fps", f"{fps:g}"]
        commands[preset] = [[sys.executable, "-I", str(converter), *flags, str(clip)]]
    if gifski := _gifski():
        frames = [*plain, "-vf", f"fps={fps:g},scale={width}:{height}:flags={LANCZOS}", "-pred", "none", "f%05d.png"]
        make = [gifski, "--quiet", "-Q", "90", "-r", f"{fps:g}", "-W", str(width), "-o", "out.gif"]
        commands["gifski -Q 90"] = [frames, ["/bin/sh", "-c", f"exec {' '.join(make)} f*.png"]]
    best: dict[str, Cost] = {}
    for _ in range(ROUNDS):
        for method, steps in commands.items():
            cost = _run_all(steps, work / method.replace(" ", ""))
            if method not in best or cost.seconds < best[method].seconds:
                best[method] = cost
    measured: list[Row] = []
    for method, cost in best.items():
        gif = work / method.replace(" ", "") / "out.gif"
        measured.append(
            {
                "clip": name,
                "kind": kind,
                "method": method,
                "width": width,
                "fps": fps,
                "seconds": round(cost.seconds, 3),
                "cpu_seconds": round(cost.cpu_seconds, 3),
                "peak_memory_bytes": cost.peak_memory_bytes,
                **{f"x_{base.split()[0]}": _ratio(cost, best.get(base)) for base in ("floor", "usual", "gifski -Q 90")},
                **_quality(gif, clip, width=width, height=height, fps=fps),
            }
        )
    _add_byte_ratios(measured)
    shutil.rmtree(work)
    return measured


def _quality(gif: Path, clip: Path, *, width: int, height: int, fps: float) -> Row:
    if not gif.exists():
        return {"bytes": None, "ssim": None, "vmaf": None}
    ssim, vmaf = similarity(gif, clip, width=width, height=height, fps=fps)
    return {"bytes": gif.stat().st_size, "ssim": ssim, "vmaf": vmaf}


def _add_byte_ratios(measured: list[Row]) -> None:
    """Add `bytes_x_usual`, bytes as a multiple of the usual recipe's."""
    usual = next(row["bytes"] for row in measured if row["method"] == "usual")
    for row in measured:
        row["bytes_x_usual"] = round(row["bytes"] / usual, 3) if row["bytes"] else None


def _gif_size(clip: Path, converter: Path, work: Path, *, max_width: int) -> tuple[int, int]:
    """The width and height that the converter chooses for this clip."""
    work.mkdir(parents=True)
    flags = ["--width", str(max_width), "--duration", "0.2"]
    subprocess.run([sys.executable, "-I", str(converter), *flags, str(clip)], cwd=work, check=True, capture_output=True)
    made: Mapping[str, int] = json.loads((work / "result.json").read_text())["gif"]
    return made["width"], made["height"]


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


def _ratio(cost: Cost, base: Cost | None) -> float | None:
    return round(cost.seconds / base.seconds, 2) if base else None


def _gifski() -> str | None:
    return str(GIFSKI) if os.access(GIFSKI, os.X_OK) else shutil.which("gifski")


def _memory(converter: Path, work: Path) -> Iterator[Row]:
    """Peak memory for one minute and ten minutes of 1080p under the default caps."""
    for minutes in (1, 10):
        clip, here = clips.long_hd_clip(minutes=minutes), work / f"memory-{minutes}"
        cost = _run_all([[sys.executable, "-I", str(converter), str(clip)]], here)
        made = json.loads((here / "result.json").read_text())
        yield {
            "clip": f"1080p, {minutes} min",
            "kind": "memory",
            "method": "balanced",
            "seconds": round(cost.seconds, 3),
            "peak_memory_bytes": cost.peak_memory_bytes,
            "bytes": made["gif"]["bytes"],
        }
        shutil.rmtree(here)


def main() -> None:
    """Print the rows as a table."""
    print(f"{'clip':<16}{'method':<14}{'s':>7}{'x floor':>9}{'x usual':>9}{'x gifski':>9}", end="")
    print(f"{'KB':>8}{'x usual':>9}{'SSIM':>8}{'VMAF':>7}{'MB peak':>9}")
    for row in rows():
        print(f"{row['clip']:<16}{row['method']:<14}{row['seconds']:>7.2f}", end="")
        for key, shape in (("x_floor", "9.2f"), ("x_usual", "9.2f"), ("x_gifski", "9.2f")):
            print(_cell(row.get(key), shape), end="")
        print(_cell(row["bytes"] and row["bytes"] / 1e3, "8.0f"), _cell(row.get("bytes_x_usual"), "8.2f"), end="")
        print(
            _cell(row.get("ssim"), "8.4f"),
            _cell(row.get("vmaf"), "6.1f"),
            f"{row['peak_memory_bytes'] / 1e6:>8.0f}",
            flush=True,
        )


def _cell(value: float | None, shape: str) -> str:
    return " " * (int(shape.partition(".")[0]) - 1) + "-" if value is None else format(value, shape)


if __name__ == "__main__":
    main()
