"""How long a new process takes to import the app and to respond to its first request. `python -m bench.imports`.

Every figure is the wall-clock time of a whole process, the median of runs that alternate with those of the others.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench import Row, goal_row
from bench.status import NO_SWEEPS
from bench.table import show
from local.stack import Stack
from tests.support.stack_client import StackClient
from tests.support.videos import make_video

ROUNDS = 25
MAX_RATIO = 1.3
"""Goal for the time to import the app, as a multiple of the time to import azure.functions alone."""
VIDEO = "tom.mp4"
ROOT = Path(__file__).parents[1]

BARE, APP = "import azure.functions", "import function_app"
FIRST_REQUEST = """
import asyncio, os
import azure.functions as func
from function_app import app

async def main():
    [function] = [each for each in app.get_functions() if each.get_function_name() == {function!r}]
    request = func.HttpRequest("GET", "/", params={{}}, route_params={route_params!r}, body=b"")
    response = await function.get_user_function()(request)
    os._exit(response.status_code != 200)  # without closing connections

asyncio.run(main())
"""
PROGRAMS = {
    BARE: BARE,
    APP: APP,
    "first GET status": FIRST_REQUEST.format(function="list_videos", route_params={}),
    "first GET status/{video}": FIRST_REQUEST.format(function="show_video", route_params={"video": VIDEO}),
}
"""Figure -> the Python program that is measured."""


def run() -> list[Row]:
    """Seconds of each program, and the ratio of the imports."""
    with tempfile.TemporaryDirectory() as scratch:
        medians = asyncio.run(_on_a_stack(Path(scratch)))
    ratio = medians[APP] / medians[BARE]
    return [
        *({"figure": figure, "value": seconds, "unit": "s"} for figure, seconds in medians.items()),
        goal_row(f"{APP} / {BARE}", ratio, "ratio", MAX_RATIO),
    ]


async def _on_a_stack(directory: Path) -> dict[str, float]:
    async with Stack(directory=directory, settings=NO_SWEEPS) as stack:
        async with StackClient(stack.endpoints, stack.env) as client:
            await client.drop(VIDEO, make_video(directory / VIDEO, seconds=1).read_bytes())
            await client.final_status(VIDEO)
        return await asyncio.to_thread(medians_of, PROGRAMS, os.environ | stack.env)


def medians_of(programs: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, float]:
    """The median seconds of each program. The programs alternate, so that a busy machine affects all of them alike."""
    seconds: dict[str, list[float]] = {figure: [] for figure in programs}
    for number in range(ROUNDS + 1):
        for figure, program in programs.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True)
            if number:  # the first round compiles and fills the disk cache
                seconds[figure].append(time.perf_counter() - began)
    return {figure: statistics.median(values) for figure, values in seconds.items()}


if __name__ == "__main__":
    show("imports", run())
