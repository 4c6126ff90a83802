"""Overhead of the pipeline: videos through the whole local stack against plain ffmpeg with the same arguments."""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import aiohttp
import imageio_ffmpeg

from bench import Row
from bench.table import show
from bench.upload import upload
from infra.package import sources
from local import resources
from local.stack import Stack
from tests.support.waiting import wait_until_async

COUNT = 12
SECONDS = 8
TIMEOUT_SECONDS = 600
BITRATE = "8M"
"""Bits per second: what phones record 720p with."""
TASK_SLOTS = int(resources.pool_definition()["taskSlotsPerNode"])
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


def run() -> list[Row]:
    """Seconds to start the stack, to convert the videos in it, and to do so with plain ffmpeg; and the latter ratio."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        video = _video(folder / "video.mp4")
        commands = _commands(folder, video)
        plain = [_plain(folder, video, commands)]
        started, converted = asyncio.run(_pipeline(folder / "stack", video.read_bytes()))
        # Before and after, because the load of the machine may change.
        plain.append(_plain(folder, video, commands))
    floor = sum(plain) / len(plain)
    return [
        {
            "videos": COUNT,
            "seconds each": SECONDS,
            "stack start s": started,
            "pipeline s": converted,
            "plain ffmpeg s": floor,
            "ratio": converted / floor,
        }
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


def _plain(folder: Path, video: Path, commands: list[list[str]]) -> float:
    recorded = str(folder / "recorded")

    def convert(number: int) -> None:
        work = folder / f"plain-{number}"
        work.mkdir(exist_ok=True)
        shutil.copy(video, work / "input.mp4")
        for command in commands:
            here = [argument.replace(recorded, str(work)) for argument in command]
            Path(here[-1].removeprefix("file:")).parent.mkdir(exist_ok=True)
            subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *here], cwd=work, check=True, stdout=subprocess.DEVNULL)

    began = time.perf_counter()
    with ThreadPoolExecutor(TASK_SLOTS) as pool:
        list(pool.map(convert, range(COUNT)))
    return time.perf_counter() - began


async def _pipeline(directory: Path, body: bytes) -> tuple[float, float]:
    began = time.perf_counter()
    async with Stack(directory=directory) as stack:
        started = time.perf_counter() - began
        names = [f"{number}.mp4" for number in range(COUNT)]
        began = time.perf_counter()
        await asyncio.to_thread(upload, stack.env, dict.fromkeys(names, body))
        async with aiohttp.ClientSession(headers={"x-functions-key": stack.endpoints["function_key"]}) as http:
            await asyncio.gather(*(_wait_for_gif(http, stack.endpoints["functions"], name) for name in names))
        return started, time.perf_counter() - began


async def _wait_for_gif(http: aiohttp.ClientSession, functions: str, name: str) -> None:
    async def succeeded() -> bool:
        async with http.get(f"{functions}/api/status/{quote(name)}") as response:
            status = json.loads(await response.read())
        assert status.get("state") != "failed", status["error"]
        return response.status == 200 and status["state"] == "succeeded"

    await wait_until_async(succeeded, within=TIMEOUT_SECONDS, interval=0.5)


if __name__ == "__main__":
    show("pipeline", run())
