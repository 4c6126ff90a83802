"""Plays a Batch account that is silent for some time while a second one works, and measures what users notice."""

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from shared.names import gif_name
from tests.support.stack_client import StackClient
from tests.support.task_runs import runs_by_conversion
from tests.support.two_accounts import TwoAccounts
from tests.support.videos import make_video
from tests.support.waiting import wait_until_async

VIDEOS_AT_HOME = 20
"""Videos given to the home account just before it falls silent."""
UPLOAD_INTERVAL_SECONDS = 3.0
STATUS_INTERVAL_SECONDS = 1.0
REDELIVERY_SECONDS = 10.0
"""Event Grid's first delay after a delivery that failed."""
REST_TIMEOUT_SECONDS = 180.0
SETTINGS = {"GIFDROP_GRACE_SECONDS": "10", "GIFDROP_RECONCILE_SCHEDULE": "*/20 * * * * *"}


@dataclass(kw_only=True)
class Result:
    """What was measured, in seconds, while the home account was silent, and what was left afterwards."""

    acceptance: list[float] = field(default_factory=list)
    """From the delivery of an event to its acceptance."""
    deliveries_failed: int = 0
    list_seconds: list[float] = field(default_factory=list)
    """Of `GET status`."""
    show_seconds: list[float] = field(default_factory=list)
    """Of `GET status/{video}`."""
    statuses: Counter[int] = field(default_factory=Counter)
    """Status codes of both."""
    gif_seconds: dict[str, float] = field(default_factory=dict)
    """Video -> from its upload to its GIF, of videos uploaded and converted during the silence."""
    uploaded: int = 0
    """Videos uploaded during the silence."""
    open_at_home: int = 0
    """Videos whose tasks the home account had when it fell silent."""
    lost: list[str] = field(default_factory=list)
    """Videos without a GIF at the end."""
    duplicated: list[str] = field(default_factory=list)
    """Videos that still have a task, and GIFs of no video."""
    converted_twice: list[str] = field(default_factory=list)


async def play(directory: Path, *, seconds: float) -> Result:
    """Silence the home account for so long, upload videos and ask for their status meanwhile, and then inspect."""
    result = Result()
    small = make_video(directory / "small.mp4", seconds=0.4, size="64x36").read_bytes()
    long = make_video(directory / "long.mp4", seconds=3, size="320x180").read_bytes()
    # The events are sent here, so that their acceptance can be measured.
    async with (
        TwoAccounts(directory, settings=SETTINGS, events=["--drop", "1"]) as accounts,
        StackClient(accounts.stack.endpoints, accounts.stack.env) as client,
    ):
        key = json.loads(accounts.stack.layout.keys.read_text())["eventgrid"]
        home = [f"home/{number:02}.mp4" for number in range(VIDEOS_AT_HOME)]
        await client.drop_all(dict.fromkeys(home, long))
        await asyncio.gather(*(client.push_event(name, key=key) for name in home))
        records = [await client.record(name) for name in home]
        result.open_at_home = sum(record["state"] not in ("succeeded", "failed") for record in records)
        away: list[str] = []
        with accounts.stack.paused("batch"):
            await _measure(client, small, away, home, key=key, seconds=seconds, result=result)
        videos = [*home, *away]
        with suppress(TimeoutError):
            await wait_until_async(
                lambda: _at_rest(client, videos), within=max(REST_TIMEOUT_SECONDS, len(videos)), interval=1.0
            )
        await _inspect(client, videos, accounts.stack.layout.access_log, result)
    return result


async def _measure(
    client: StackClient, body: bytes, away: list[str], home: list[str], *, key: str, seconds: float, result: Result
) -> None:
    ends = time.monotonic() + seconds
    uploaded: dict[str, float] = {}

    async def watch_gifs() -> None:
        """Note when a GIF appears, without asking for its video's status, which would complete the conversion."""
        while time.monotonic() < ends:
            async for blob in client.storage.get_container_client("gifs").list_blobs(name_starts_with="away/"):
                video = blob.name.removesuffix(".gif") + ".mp4"
                if video in uploaded and video not in result.gif_seconds:
                    result.gif_seconds[video] = time.monotonic() - uploaded[video]
            await asyncio.sleep(0.5)

    async def ask(path: Callable[[], str], times: list[float]) -> None:
        while time.monotonic() < ends:
            times.append(await _timed(lambda: _count(client, path(), result)))
            await asyncio.sleep(STATUS_INTERVAL_SECONDS)

    async def upload(name: str) -> None:
        await client.drop(name, body)
        uploaded[name] = time.monotonic()
        result.uploaded += 1
        while True:
            began = time.monotonic()
            if await client.push_event(name, key=key) // 100 == 2:
                result.acceptance.append(time.monotonic() - began)
                return
            result.deliveries_failed += 1
            await asyncio.sleep(REDELIVERY_SECONDS)

    async with asyncio.TaskGroup() as group:
        group.create_task(watch_gifs())
        group.create_task(ask(lambda: "status?limit=50", result.list_seconds))
        group.create_task(ask(lambda: f"status/{home[0]}", result.show_seconds))
        group.create_task(ask(lambda: f"status/{(away or home)[0]}", result.show_seconds))
        # None so late that its GIF cannot arrive before the end.
        while time.monotonic() < ends - min(30.0, seconds / 3):
            name = f"away/{len(away):03}.mp4"
            away.append(name)
            group.create_task(upload(name))
            await asyncio.sleep(UPLOAD_INTERVAL_SECONDS)


async def _timed(call: Callable[[], Awaitable[None]]) -> float:
    began = time.monotonic()
    await call()
    return time.monotonic() - began


async def _count(client: StackClient, path: str, result: Result) -> None:
    result.statuses[(await client.request("GET", path)).status] += 1


async def _at_rest(client: StackClient, videos: list[str]) -> bool:
    gifs = {blob.name async for blob in client.storage.get_container_client("gifs").list_blobs()}
    return gifs >= set(map(gif_name, videos)) and not await client.videos_with_tasks()


async def _inspect(client: StackClient, videos: list[str], access_log: Path, result: Result) -> None:
    gifs = {blob.name async for blob in client.storage.get_container_client("gifs").list_blobs()}
    result.lost = [video for video in videos if gif_name(video) not in gifs]
    result.duplicated = [*(gifs - set(map(gif_name, videos))), *await client.videos_with_tasks()]
    runs = runs_by_conversion(access_log)
    for video in videos:
        if video not in result.lost and runs[(await client.record(video))["id"]] > 1:
            result.converted_twice.append(video)


def report(result: Result) -> str:
    """The result in lines for people."""
    arrived = sorted(result.gif_seconds.values())
    statuses = ", ".join(f"{count} x {status}" for status, count in sorted(result.statuses.items()))
    return "\n".join(
        [
            f"videos waiting at home when it fell silent: {result.open_at_home}",
            f"slowest acceptance of an event: {max(result.acceptance, default=0):.1f} s",
            f"deliveries: {len(result.acceptance)} accepted, {result.deliveries_failed} failed",
            f"slowest GET status: {max(result.list_seconds, default=0):.1f} s",
            f"slowest GET status/{{video}}: {max(result.show_seconds, default=0):.1f} s ({statuses})",
            f"GIFs by the other account during the silence: {len(arrived)} of {result.uploaded}",
            f"upload to GIF: median {statistics.median(arrived or [0]):.1f} s, slowest {max(arrived, default=0):.1f} s",
            f"lost: {len(result.lost)}, duplicated: {len(result.duplicated)}",
            f"converted twice: {len(result.converted_twice)}",
            *(f"  {name}" for name in [*result.lost, *result.duplicated, *result.converted_twice]),
        ]
    )
