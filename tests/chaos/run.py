"""Runs a plan on the real local stack and inspects what is left once everything has come to rest."""

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.stack import Stack
from shared.conversion import STATES
from shared.names import gif_name, is_video
from shared.services.storage.record_format import SCHEMA
from tests.chaos.faults import Injector, sleep_until
from tests.chaos.plan import Plan
from tests.support.app_versions import copy_newer_app
from tests.support.stack_client import StackClient
from tests.support.videos import make_video
from tests.support.waiting import wait_until_async

REST_TIMEOUT_SECONDS = 240
"""Seconds after the last fault within which everything must have come to rest."""
SETTINGS = {
    "GIFDROP_GRACE_SECONDS": "4",
    "GIFDROP_HUNG_SECONDS": "30",
    "GIFDROP_RECONCILE_SCHEDULE": "*/3 * * * * *",
}


@dataclass(kw_only=True)
class Result:
    """What a run did, and what it left. `lost`, `duplicated`, `outdated` and `miscounted` must be empty."""

    seed: int
    uploads: int
    videos: int
    faults: Counter[str]
    """How often each kind took effect: on how many calls, uploads, processes, nodes and jobs."""
    gifs: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """Error code -> videos."""
    lost: list[str] = field(default_factory=list)
    """Videos without a final record of their newest version, without their GIF, or failed though they are valid."""
    duplicated: list[str] = field(default_factory=list)
    """GIFs of no video, and videos that still have a task."""
    outdated: list[str] = field(default_factory=list)
    """Videos whose GIF is that of an older version."""
    miscounted: str = ""
    """How the index's counts differ from the records, if they do."""
    attempts_per_video: float = 0.0
    """Attempts at the newest version, on average."""
    seconds_to_rest: float = 0.0


async def run(plan: Plan, directory: Path, *, drop: float = 0.2) -> Result:
    """Upload videos and inject faults as planned, wait until everything has come to rest, and inspect it.

    drop: Fraction of the events, of uploads and of results, that is lost.
    """
    newer_field = copy_newer_app(directory / "newer-field")
    newer_schema = copy_newer_app(directory / "newer-schema", schema=SCHEMA + 1)
    bodies = {
        width: video_body(directory / f"{width}.mp4", width) for width in {upload.width for upload in plan.uploads}
    }
    events = ["--drop", str(drop), "--double", "0.2", "--seed", str(plan.seed), "--time-scale", "0.1"]
    arguments = {"batch": ["--control"], "events": events}
    async with (
        Stack(directory=directory / "stack", settings=SETTINGS, arguments=arguments, fault_proxies=True) as stack,
        StackClient(stack.endpoints, stack.env) as client,
    ):
        injector = Injector(stack=stack, client=client, newer_field=newer_field, newer_schema=newer_schema)
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(upload_all(plan, bodies, client, began))
            group.create_task(injector.inject_all(plan, began))
        injected = time.monotonic()
        await wait_for_rest(client)
        result = await inspect(plan, client, injector.counts)
        result.seconds_to_rest = round(time.monotonic() - injected, 1)
        return result


def video_body(path: Path, width: int) -> bytes:
    return make_video(path, seconds=0.4, size=f"{width}x32").read_bytes() if width else b"not a video"


async def upload_all(plan: Plan, bodies: dict[int, bytes], client: StackClient, began: float) -> None:
    for upload in plan.uploads:
        await sleep_until(began, upload.at)
        await client.drop(upload.video, bodies[upload.width])


async def wait_for_rest(client: StackClient) -> None:
    """Wait until all records are final and counted and tasks are deleted, or time is up: then the inspection fails."""

    async def at_rest() -> bool:
        return await _all_final(client) and not await client.videos_with_tasks() and not await _count_difference(client)

    with contextlib.suppress(TimeoutError):
        await wait_until_async(at_rest, within=REST_TIMEOUT_SECONDS, interval=1.0)


async def _all_final(client: StackClient) -> bool:
    """Whether the newest version of every video has succeeded or failed."""
    listed = client.storage.get_container_client("conversions").list_blobs(include=["metadata"])
    records = {record.name: record.metadata async for record in listed}
    return all(
        [
            records.get(blob.name, {}).get("etag") == blob.etag.strip('"')
            and records[blob.name]["state"] in ("succeeded", "failed")
            async for blob in client.storage.get_container_client("videos").list_blobs()
        ]
    )


async def _count_difference(client: StackClient) -> str:
    """How the counts of the API differ from the records, empty if they agree."""
    listed = client.storage.get_container_client("conversions").list_blobs(include=["metadata"])
    counts = Counter([record.metadata["state"] async for record in listed if is_video(record.name)])
    _, page = await client.get("status", limit="1")
    summary = Counter({state: page["summary"][state] for state in STATES})
    return "" if summary == counts else f"{dict(summary)} instead of {dict(counts)}"


async def inspect(plan: Plan, client: StackClient, counts: Counter[str]) -> Result:
    result = Result(seed=plan.seed, uploads=len(plan.uploads), videos=len(plan.newest), faults=counts)
    gifs = {blob.name async for blob in client.storage.get_container_client("gifs").list_blobs()}
    result.gifs = len(gifs)
    result.duplicated = [*(gifs - {gif_name(video) for video in plan.newest}), *await client.videos_with_tasks()]
    attempts = 0
    for video, width in plan.newest.items():
        etag = (await client.storage.get_blob_client("videos", video).get_blob_properties()).etag.strip('"')
        record: dict[str, Any] = {"state": None}
        if await client.recorded_etag(video) == etag:
            record = await client.record(video)
        gif = await client.gif(gif_name(video))
        attempts += record.get("attempt", 0)
        if record["state"] == "failed":
            result.failed[record["error"]["code"]] += 1
            if gif is not None:
                result.outdated.append(video)
            if width:  # a valid video must survive every fault
                result.lost.append(f"{video}: {record['error']['message']}")
        elif record["state"] != "succeeded" or gif is None:
            result.lost.append(f"{video}: {record['state']}")
        elif int.from_bytes(gif[6:8], "little") != width:
            result.outdated.append(video)
    result.attempts_per_video = attempts / len(plan.newest)
    result.miscounted = await _count_difference(client)
    return result
