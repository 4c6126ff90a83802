"""Measures a GIF's similarity to its source and the cost of a command."""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.clips import ffmpeg

SAMPLED_FRAMES: Final = 3
_SCALER: Final = "lanczos+accurate_rnd+full_chroma_int+full_chroma_inp"
_SSIMULACRA2: Final = (
    "import glob, sys; from ssimulacra2.ssimulacra2 import compute_ssimulacra2 as score;"
    "pairs = [(path, path.replace('/source', '/gif')) for path in glob.glob(sys.argv[1] + '/source*.png')];"
    "print(sum(score(*pair) for pair in pairs) / len(pairs))"
)


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


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """SSIM from 0 to 1, VMAF from 0 to 100, SSIMULACRA2 up to 100; None for what cannot be measured here."""

    ssim: float
    vmaf: float | None
    ssimulacra2: float | None


def similarity(
    gif: Path,
    source: Path,
    *,
    width: int,
    height: int,
    fps: float,
    seconds: float | None = None,
    python: Path | None = None,
) -> Similarity:
    """Compares a GIF with its source, scaled to the GIF's size and rate.

    SSIM is in yuv444p with equal weight for each plane: a GIF's colours are not subsampled, and its dither shows in
    them. VMAF measures brightness only. SSIMULACRA2 sees colour as the eye does; it is the mean of a few frames.

    seconds: Of the source, from its start. Default: all.
    python: An interpreter with the package ssimulacra2, which needs `seconds`. Default: it is not measured.
    """
    scale = f"fps={fps:g},scale={width}:{height}:flags={_SCALER}"
    # Both through RGB, so that the source's colour matrix makes no difference.
    shape = f"setsar=1,format=gbrp,scale=flags={_SCALER}:out_color_matrix=bt601,format=yuv444p,setpts=N/{fps:g}/TB"
    graph = f"[0:v]format=rgb24,{scale},{shape},split[a][c];[1:v]{scale},{shape},split[b][d];[a][b]ssim[x]"
    part = ["-t", f"{seconds:g}"] if seconds else []
    inputs = ["-i", str(gif), *part, "-i", str(source)]
    output = _ffmpeg_output(inputs, f"{graph};[c][d]libvmaf=n_threads=2[y]", "[x]", "[y]")
    if "VMAF score" not in output:
        output = _ffmpeg_output(inputs, f"{graph};[c]nullsink;[d]nullsink", "[x]")
    ssim, vmaf = re.search(r"SSIM.* All:([\d.]+)", output), re.search(r"VMAF score: ([\d.]+)", output)
    if ssim is None:
        raise RuntimeError(f"no SSIM for {gif}: {output[-400:]}")
    return Similarity(
        ssim=float(ssim[1]),
        vmaf=float(vmaf[1]) if vmaf else None,
        ssimulacra2=_ssimulacra2(python, gif, source, f"{scale},setsar=1", round(seconds * fps))
        if python and seconds
        else None,
    )


def _ssimulacra2(python: Path, gif: Path, source: Path, scale: str, frames: int) -> float:
    """The mean of some frames of the GIF, whose number is at least `frames` unless the source is shorter."""
    picked = "+".join(f"eq(n,{round(frames * (2 * i + 1) / (2 * SAMPLED_FRAMES))})" for i in range(SAMPLED_FRAMES))
    with tempfile.TemporaryDirectory() as scratch:
        for name, path in (("source", source), ("gif", gif)):
            chain = f"{scale},select='{picked}',format=gbrp,format=rgb24"
            target = f"{scratch}/{name}%d.png"
            command = [str(ffmpeg()), "-nostdin", "-v", "error", "-i", str(path), "-vf", chain]
            subprocess.run([*command, "-fps_mode", "passthrough", target], check=True)
        compared = subprocess.run(
            [str(python), "-c", _SSIMULACRA2, scratch], check=True, capture_output=True, text=True
        )
    return float(compared.stdout)


def _ffmpeg_output(inputs: Sequence[str], graph: str, *outputs: str) -> str:
    command = [str(ffmpeg()), "-nostdin", "-hide_banner", *inputs, "-lavfi", graph]
    for output in outputs:
        command += ["-map", output, "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=False, errors="replace").stderr
