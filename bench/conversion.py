"""The converter against plain ffmpeg recipes and gifski: time, bytes, likeness, memory. `python -m bench.conversion`.

Each clip's commands run in turn, round by round, and the fastest counts, so that a busy machine touches all alike.
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
from bench.score import Cost, compare, cost
from infra import package

GIFSKI: Final = clips.ROOT / ".local/gifski/node_modules/gifski/bin/debian/gifski"
LANCZOS: Final = "lanczos+accurate_rnd+full_chroma_int"
# Sizes at which each preset meets the recipes: the same for all, or nothing could be compared.
MEETINGS: Final = {"balanced": (480, 12.0), "best": (480, 12.0), "small": (320, 8.0)}
ROUNDS: Final = 2
Row = dict[str, Any]


def run() -> list[Row]:
    """Rows {clip, kind, method, width, fps, seconds, cpu_seconds, x_floor, x_usual, x_gifski, bytes, ...}."""
    return list(rows())


def rows() -> Iterator[Row]:
    """Each as soon as it is measured."""
    if not _gifski():
        print("gifski is missing, and so are its rows; docs/conversion.md says how to install it", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="gifdrop-bench-") as scratch:
        work = Path(scratch)
        converter = unpack(work / "package")
        for kind, group in (("real", clips.real()), ("synthetic", clips.synthetic())):
            for name, clip in group.items():
                for meeting in sorted(set(MEETINGS.values()), reverse=True):
                    yield from _meet(name, kind, clip, converter, meeting, work / f"{name}-{meeting[0]}")
        yield from _memory(converter, work)


def unpack(target: Path) -> Path:
    """The converter as a node gets it; returns convert.py."""
    with zipfile.ZipFile(package.build(clips.ROOT / ".local/packages").path) as archive:
        archive.extractall(target)
    (target / "ffmpeg").chmod(0o755)
    return target / "convert.py"


def _meet(name: str, kind: str, clip: Path, converter: Path, meeting: tuple[int, float], work: Path) -> list[Row]:
    """All methods at one width and rate on one clip."""
    presets = [preset for preset, at in MEETINGS.items() if at == meeting]
    fps = meeting[1]
    width, height = _probe_gif(clip, converter, meeting, work)
    plain = [str(clips.ffmpeg()), "-nostdin", "-v", "error", "-y", "-i", str(clip), "-an"]
    chain = f"fps={fps:g},scale={width}:{height}:flags=lanczos"
    split = f"{chain},split[a][b];[a]palettegen[p];[b][p]paletteuse"
    commands: dict[str, Sequence[Sequence[str]]] = {
        "floor": [[*plain, "-vf", chain, "-f", "null", "-"]],
        "usual": [[*plain, "-lavfi", split, "out.gif"]],
        "naive": [[*plain, "-vf", f"fps={fps:g},scale={width}:{height}", "out.gif"]],
    }
    for preset in presets:
        flags = ["--preset", preset, "--width", str(meeting[0]), "--fps", f"{fps:g}"]
        commands[preset] = [[sys.executable, "-I", str(converter), *flags, str(clip)]]
    if gifski := _gifski():
        frames = [*plain, "-vf", f"fps={fps:g},scale={width}:{height}:flags={LANCZOS}", "-pred", "none", "f%05d.png"]
        make = [gifski, "--quiet", "-Q", "90", "-r", f"{fps:g}", "-W", str(width), "-o", "out.gif"]
        commands["gifski -Q 90"] = [frames, ["/bin/sh", "-c", f"exec {' '.join(make)} f*.png"]]
    best: dict[str, Cost] = {}
    for _ in range(ROUNDS):
        for method, steps in commands.items():
            spent = _all(steps, work / method.replace(" ", ""))
            if method not in best or spent.seconds < best[method].seconds:
                best[method] = spent
    found: list[Row] = []
    for method, spent in best.items():
        gif = work / method.replace(" ", "") / "out.gif"
        found.append(
            {
                "clip": name,
                "kind": kind,
                "method": method,
                "width": width,
                "fps": fps,
                "seconds": round(spent.seconds, 3),
                "cpu_seconds": round(spent.cpu_seconds, 3),
                "peak_memory_bytes": spent.peak_memory_bytes,
                **{
                    f"x_{base.split()[0]}": _ratio(spent, best.get(base)) for base in ("floor", "usual", "gifski -Q 90")
                },
                **_likeness(gif, clip, width=width, height=height, fps=fps),
            }
        )
    _relate(found)
    shutil.rmtree(work)
    return found


def _likeness(gif: Path, clip: Path, *, width: int, height: int, fps: float) -> Row:
    if not gif.exists():
        return {"bytes": None, "ssim": None, "vmaf": None}
    ssim, vmaf = compare(gif, clip, width=width, height=height, fps=fps)
    return {"bytes": gif.stat().st_size, "ssim": ssim, "vmaf": vmaf}


def _relate(found: list[Row]) -> None:
    """Bytes over the usual recipe's."""
    usual = next(row["bytes"] for row in found if row["method"] == "usual")
    for row in found:
        row["bytes_x_usual"] = round(row["bytes"] / usual, 3) if row["bytes"] else None


def _probe_gif(clip: Path, converter: Path, meeting: tuple[int, float], work: Path) -> tuple[int, int]:
    """The size that the converter gives this clip, which the recipes then use, too."""
    work.mkdir(parents=True)
    flags = ["--width", str(meeting[0]), "--duration", "0.2"]
    subprocess.run([sys.executable, "-I", str(converter), *flags, str(clip)], cwd=work, check=True, capture_output=True)
    made: Mapping[str, int] = json.loads((work / "result.json").read_text())["gif"]
    return made["width"], made["height"]


def _all(steps: Sequence[Sequence[str]], work: Path) -> Cost:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    spent = [cost(step, cwd=work) for step in steps]
    peaks = [one.peak_memory_bytes for one in spent]
    if (result := work / "result.json").exists():
        peaks.append(json.loads(result.read_text())["peak_memory_bytes"])
    return Cost(
        seconds=sum(one.seconds for one in spent),
        cpu_seconds=sum(one.cpu_seconds for one in spent),
        peak_memory_bytes=max(peaks),
    )


def _ratio(spent: Cost, base: Cost | None) -> float | None:
    return round(spent.seconds / base.seconds, 2) if base else None


def _gifski() -> str | None:
    return str(GIFSKI) if os.access(GIFSKI, os.X_OK) else shutil.which("gifski")


def _memory(converter: Path, work: Path) -> Iterator[Row]:
    """Peak memory for one minute and ten minutes of 1080p under the default caps."""
    for minutes in (1, 10):
        clip, here = clips.long_hd(minutes=minutes), work / f"memory-{minutes}"
        spent = _all([[sys.executable, "-I", str(converter), str(clip)]], here)
        made = json.loads((here / "result.json").read_text())
        yield {
            "clip": f"1080p, {minutes} min",
            "kind": "memory",
            "method": "balanced",
            "seconds": round(spent.seconds, 3),
            "peak_memory_bytes": spent.peak_memory_bytes,
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
