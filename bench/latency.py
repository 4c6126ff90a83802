"""From drop to GIF: what the pipeline adds to the converter's own time, one video at a time on a warm stack."""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import Row, goal_row, plot
from bench.table import show
from local.stack import Stack
from shared.services.storage.rest import API_VERSION, STORAGE_SCOPE
from tests.support.stack_client import StackClient
from tests.support.videos import make_video
from tests.support.waiting import wait_until_async

COUNT = 15
WARM_UP = 3
BACKSTOP_COUNT = 5
BACKSTOP_PERIOD_SECONDS = 5
GOAL_SECONDS = 0.5
LOST = f"the same with every result event lost, timer every {BACKSTOP_PERIOD_SECONDS} s"


def run() -> list[Row]:
    """Medians with result events, and with every result event lost."""
    with tempfile.TemporaryDirectory() as scratch:
        body = make_video(Path(scratch) / "short.mp4", seconds=1).read_bytes()
        with_events = asyncio.run(_measure(Path(scratch) / "events", body, COUNT, schedule="0 * * * * *"))
        schedule = f"*/{BACKSTOP_PERIOD_SECONDS} * * * * *"
        lost = ["--drop", "on-result-uploaded=1"]
        without = asyncio.run(_measure(Path(scratch) / "lost", body, BACKSTOP_COUNT, schedule=schedule, events=lost))
    shown = {"with result events": with_events, f"all lost, timer every {BACKSTOP_PERIOD_SECONDS} s": without}
    plot.save("latency", plot.dots("Drop to GIF minus the converter's time", "s", shown, goal=GOAL_SECONDS))
    return [
        _row("drop to GIF minus the converter's time, median", statistics.median, with_events, GOAL_SECONDS),
        _row(f"{LOST}, longest", max, without, BACKSTOP_PERIOD_SECONDS + 1),
    ]


def _row(figure: str, pick: Callable[[list[float]], float], seconds: list[float], goal: float) -> Row:
    row = goal_row(figure, pick(seconds), "s", goal)
    return row | {"spread": f"{min(seconds):.2f}-{max(seconds):.2f}"}


async def _measure(
    directory: Path, body: bytes, count: int, *, schedule: str, events: list[str] | None = None
) -> list[float]:
    settings = {"GIFDROP_COMPLETE_SCHEDULE": schedule}
    arguments = {"events": events} if events else {}
    async with (
        Stack(directory=directory, settings=settings, arguments=arguments) as stack,
        StackClient(stack.endpoints, stack.env) as client,
    ):
        return [await _overhead(client, f"{number}.mp4", body) for number in range(WARM_UP + count)][WARM_UP:]


async def _overhead(client: StackClient, name: str, body: bytes) -> float:
    gif = f"{client.storage.url.rstrip('/')}/gifs/{name.replace('.mp4', '.gif')}"
    token = (await client.credential.get_token(STORAGE_SCOPE)).token
    headers = {"Authorization": f"Bearer {token}", "x-ms-version": API_VERSION}

    async def published() -> bool:
        # Not by the SDK: with a certificate file, it makes a new TLS connection for each request.
        async with client.http.head(gif, headers=headers, ssl=client.tls) as response:
            return response.ok

    began = time.perf_counter()
    await client.drop(name, body)
    await wait_until_async(published, within=120, interval=0.02)
    taken = time.perf_counter() - began
    return taken - await _converter_seconds(client, name)


async def _converter_seconds(client: StackClient, name: str) -> float:
    record = await (await client.storage.get_blob_client("conversions", name).download_blob()).readall()
    staged = client.storage.get_blob_client("staging", f"{json.loads(record)['task_id']}/result.json")
    seconds: dict[str, float] = json.loads(await (await staged.download_blob()).readall())["seconds"]
    return sum(seconds.values())


if __name__ == "__main__":
    show("latency", run())
