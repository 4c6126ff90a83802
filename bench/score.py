"""Measures a GIF's similarity to its source (SSIM and VMAF by ffmpeg) and the cost of a command."""

import os
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.clips import ffmpeg


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Wall-clock and CPU seconds, including children, and the memory of the largest process."""

    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int


def run_measured(command: Sequence[str], *, cwd: Path) -> Cost:
    """Run a command; raises CalledProcessError if it fails."""
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        stderr = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command), stderr=stderr)
    return Cost(
        seconds=time.perf_counter() - started,
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_memory_bytes=used.ru_maxrss * 1024,
    )


def similarity(gif: Path, source: Path, *, width: int, height: int, fps: float) -> tuple[float, float | None]:
    """(SSIM, VMAF or None if this ffmpeg lacks it) against the source at the GIF's size and rate.

    In yuv444p with equal weight for each plane: a GIF's colours are not subsampled, and its dither shows in them.
    """
    scale = f"fps={fps:g},scale={width}:{height}:flags=lanczos+accurate_rnd+full_chroma_int+full_chroma_inp"
    shape = f"setsar=1,format=yuv444p,setpts=N/{fps:g}/TB"
    graph = f"[0:v]format=rgb24,{scale},{shape},split[a][c];[1:v]{scale},{shape},split[b][d];[a][b]ssim[x]"
    output = _ffmpeg_output(gif, source, f"{graph};[c][d]libvmaf=n_threads=2[y]", "[x]", "[y]")
    if "VMAF score" not in output:
        output = _ffmpeg_output(gif, source, f"{graph};[c]nullsink;[d]nullsink", "[x]")
    ssim, vmaf = re.search(r"SSIM.* All:([\d.]+)", output), re.search(r"VMAF score: ([\d.]+)", output)
    if ssim is None:
        raise RuntimeError(f"no SSIM for {gif}: {output[-400:]}")
    return float(ssim[1]), float(vmaf[1]) if vmaf else None


def _ffmpeg_output(gif: Path, source: Path, graph: str, *outputs: str) -> str:
    command = [str(ffmpeg()), "-nostdin", "-hide_banner", "-i", str(gif), "-i", str(source), "-lavfi", graph]
    for output in outputs:
        command += ["-map", output, "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=False, errors="replace").stderr
