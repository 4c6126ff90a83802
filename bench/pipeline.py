"""Overhead of the pipeline: videos through the whole local stack against plain ffmpeg with the same arguments.

The stack is warm: it has converted one video.
"""

import asyncio
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import psutil

from bench import Row, goal_row, plot
from bench.table import show
from bench.upload import upload
from infra.package import sources
from local.resources import pool_definition
from local.stack import Stack
from tests.support.stack_client import StackClient
from tests.support.waiting import wait_until_async

COUNT = 12
SECONDS = 8
TIMEOUT_SECONDS = 600
ROUNDS = 3
POLL_SECONDS = 0.25
GOAL_RATIO = 1.15
SETTINGS = {"GIFDROP_COMPLETE_SCHEDULE": "0 * * * * *"}
"""As it is deployed; the local stack's own is every 2 s."""
PARTS = {
    "Batch emulator": "batch",
    "storage (Azurite)": "storage",
    "Functions host": "functions",
    "event sender": "events",
}
"""Part -> service of the stack."""
BITRATE = "8M"
"""Bits per second: what phones record 720p with."""
TASK_SLOTS = int(pool_definition()["taskSlotsPerNode"])
"""The task slots of the local pool."""
RECORDER = """
import json, runpy, subprocess, sys
log, *sys.argv = sys.argv[1:]
popen = subprocess.Popen.__init__
def record(self, command, *rest, **named):
    with open(log, "a") as file:
        print(json.dumps([str(word) for word in command]), file=file)
    popen(self, command, *rest, **named)
subprocess.Popen.__init__ = record
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a script and records the commands that it starts."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of all videos: wall clock, and processor seconds by part."""

    seconds: float
    cpu: dict[str, float]


def run() -> list[Row]:
    """The ratio of the times; seconds of wall clock; seconds of processor time by part."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        video = _video(folder / "video.mp4")
        commands = _commands(folder, video)
        started, plain, staged = asyncio.run(_rounds(folder, video, commands))
    # Each round against the plain runs before and after it, because the load of the machine changes.
    ratios = [
        2 * run.seconds / (before.seconds + after.seconds)
        for run, before, after in zip(staged, plain[:-1], plain[1:], strict=True)
    ]
    plain_cpu = statistics.median(run.cpu["ffmpeg"] for run in plain)
    cpu = {part: statistics.median(run.cpu[part] for run in staged) for part in staged[0].cpu}
    cpu = {"ffmpeg": plain_cpu, "converter beside ffmpeg": max(0.0, cpu.pop("tasks") - plain_cpu)} | cpu
    per_video = {part: seconds / COUNT for part, seconds in cpu.items()}
    shown = {"plain ffmpeg": {"ffmpeg": plain_cpu / COUNT}, "pipeline": per_video}
    plot.save("pipeline", plot.bars("Processor time of one video", "s", shown, goal=GOAL_RATIO * plain_cpu / COUNT))
    figure = f"{COUNT} phone videos through the stack to plain ffmpeg, {TASK_SLOTS} at a time"
    spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
    return [
        goal_row(figure, statistics.median(ratios), "ratio", GOAL_RATIO) | {"spread": spread},
        {"figure": "pipeline", "value": statistics.median(run.seconds for run in staged), "unit": "s"},
        {"figure": "plain ffmpeg", "value": statistics.median(run.seconds for run in plain), "unit": "s"},
        {"figure": "start of the stack", "value": started, "unit": "s"},
        {
            "figure": "processor time, all parts to plain ffmpeg",
            "value": sum(cpu.values()) / plain_cpu,
            "unit": "ratio",
        },
        *({"figure": f"processor time, {part}", "value": s, "unit": "s per video"} for part, s in per_video.items()),
    ]


def _video(path: Path) -> Path:
    source = f"testsrc2=duration={SECONDS}:size=1280x720:rate=25,noise=alls=8:allf=t"
    rate = ["-b:v", BITRATE, "-maxrate", BITRATE, "-bufsize", BITRATE]
    _ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libx264", *rate, "-pix_fmt", "yuv420p", str(path))
    return path


def _ffmpeg(*arguments: str) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *arguments]
    subprocess.run(command, check=True)


def _commands(folder: Path, video: Path) -> list[list[str]]:
    """The ffmpeg commands with which the converter writes files for this video, recorded while it runs."""
    package, work, log = folder / "package", folder / "recorded", folder / "calls"
    for name, path in sources().items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, package / name)
    work.mkdir()
    shutil.copy(video, work / "input.mp4")
    script = str(package / "convert.py")
    command = [sys.executable, "-I", "-c", RECORDER, str(log), script, "input.mp4"]
    subprocess.run(command, cwd=work, check=True, stdout=subprocess.DEVNULL)
    calls = [json.loads(line)[1:] for line in log.read_text().splitlines()]
    return [call for call in calls if call[-1].startswith("file:") and call[-2] != "-i"]


def _plain(folder: Path, video: Path, commands: list[list[str]]) -> Run:
    recorded = str(folder / "recorded")

    def convert(number: int) -> None:
        work = folder / f"plain-{number}"
        work.mkdir(exist_ok=True)
        shutil.copy(video, work / "input.mp4")
        for command in commands:
            here = [argument.replace(recorded, str(work)) for argument in command]
            Path(here[-1].removeprefix("file:")).parent.mkdir(exist_ok=True)
            subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *here], cwd=work, check=True, stdout=subprocess.DEVNULL)

    used, began = _cpu_of_children(), time.perf_counter()
    with ThreadPoolExecutor(TASK_SLOTS) as pool:
        list(pool.map(convert, range(COUNT)))
    return Run(seconds=time.perf_counter() - began, cpu={"ffmpeg": _cpu_of_children() - used})


async def _rounds(folder: Path, video: Path, commands: list[list[str]]) -> tuple[float, list[Run], list[Run]]:
    """Seconds to start the stack, the plain runs, and those of the warm stack in between, one fewer."""
    body, began = await asyncio.to_thread(video.read_bytes), time.perf_counter()
    async with (
        Stack(directory=folder / "stack", settings=SETTINGS) as stack,
        StackClient(stack.endpoints, stack.env) as client,
    ):
        started = time.perf_counter() - began
        # The node unpacks the application package, and the app imports its SDKs.
        await client.drop("warm-up.mp4", body)
        assert (await client.final_status("warm-up.mp4"))["state"] == "succeeded"
        plain, staged = [await asyncio.to_thread(_plain, folder, video, commands)], []
        for number in range(ROUNDS):
            staged.append(await _pipeline(stack, client, number, body))
            plain.append(await asyncio.to_thread(_plain, folder, video, commands))
    return started, plain, staged


async def _pipeline(stack: Stack, client: StackClient, number: int, body: bytes) -> Run:
    names = [f"{number}-{each}.mp4" for each in range(COUNT)]
    used, began = _cpu_of(stack), time.perf_counter()
    await asyncio.to_thread(upload, stack.env, dict.fromkeys(names, body))
    for name in names:  # one after the other: each poll takes time from the conversions
        await _wait_for_gif(client, name)
    seconds = time.perf_counter() - began
    return Run(seconds=seconds, cpu={part: value - used[part] for part, value in _cpu_of(stack).items()})


def _cpu_of(stack: Stack) -> dict[str, float]:
    """Processor seconds so far by part; `tasks` are those that ended."""
    found: dict[str, float] = {}
    for part, service in PARTS.items():
        process = psutil.Process(stack.pid(service))
        tree = [process, *(child for child in process.children(recursive=True) if service == "storage")]
        found[part] = sum(times.user + times.system for times in (each.cpu_times() for each in tree))
    times = psutil.Process(stack.pid("batch")).cpu_times()
    found["tasks"] = times.children_user + times.children_system
    return found


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _wait_for_gif(client: StackClient, name: str) -> None:
    async def succeeded() -> bool:
        code, status = await client.status(name)
        assert code == 404 or status["state"] != "failed", status["error"]
        return bool(code == 200 and status["state"] == "succeeded")

    await wait_until_async(succeeded, within=TIMEOUT_SECONDS, interval=POLL_SECONDS)


if __name__ == "__main__":
    show("pipeline", run())
