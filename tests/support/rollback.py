"""Replaces the app by a newer version and back while videos are being converted, and inspects what comes of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure.batch.models import BatchNodeDisableSchedulingOptions

from local.stack import Stack
from shared.names import gif_name
from shared.services.storage.record_format import UnreadableRecordError, from_json
from tests.support.app_versions import FIELD, copy_newer_app
from tests.support.stack_client import StackClient
from tests.support.task_runs import runs_by_conversion
from tests.support.videos import make_video
from tests.support.waiting import wait_until_async

SECONDS_PER_VIDEO = 6.0
"""Seconds per video within which all must have ended, at least `MIN_SECONDS`."""
MIN_SECONDS = 120.0
REQUEUE = BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="requeue")
SETTINGS = {"GIFDROP_GRACE_SECONDS": "5", "GIFDROP_RECONCILE_SCHEDULE": "*/3 * * * * *"}


@dataclass(kw_only=True)
class Result:
    """What a rollback left. `not_converted`, `run_again` and `unreadable` must be empty."""

    videos: int
    open_at_rollback: int = 0
    """Conversions in progress when this version took over again."""
    written_by_newer: int = 0
    """Records that have the newer version's field."""
    not_converted: list[str] = field(default_factory=list)
    run_again: list[str] = field(default_factory=list)
    """Videos converted more than once, in several attempts or the same one."""
    unreadable: list[str] = field(default_factory=list)
    """Videos whose record or status could not be read at some time."""


async def roll_back(directory: Path, *, videos: int, schema: int | None) -> Result:
    """Upload half of the videos to this version of the app and half to a newer one, and begin to convert them only
    then; return to this version, and when it has completed some, to the newer one.

    schema: The schema of the newer version's records. If it is higher than this version's, only the newer version can
        complete what it has begun.
    """
    newer = await asyncio.to_thread(copy_newer_app, directory / "newer", schema=schema)
    body = make_video(directory / "video.mp4", seconds=0.4, size="64x36").read_bytes()
    names = [f"{number:03}.mp4" for number in range(videos)]
    result = Result(videos=videos)
    async with (
        Stack(directory=directory / "stack", settings=SETTINGS) as stack,
        StackClient(stack.endpoints, stack.env) as client,
    ):

        async def replace_app(*arguments: str) -> None:
            await stack.kill("functions")
            await stack.restart("functions", arguments=arguments)

        async def upload(some: Sequence[str]) -> None:
            await client.drop_all(dict.fromkeys(some, body))
            await wait_until_async(lambda: _have_tasks(client, some), within=MIN_SECONDS, interval=0.3)

        async def ended(number: int) -> None:
            within = max(MIN_SECONDS, SECONDS_PER_VIDEO * videos)
            await wait_until_async(lambda: _have_ended(client, names, at_least=number), within=within, interval=0.3)

        nodes = await wait_until_async(lambda: _nodes(client), interval=0.3)
        for node in nodes:
            await client.batch.disable_node_scheduling("gifdrop", node, REQUEUE)
        await upload(names[::2])
        await replace_app("--app", str(newer))
        await upload(names[1::2])
        for node in nodes:
            await client.batch.enable_node_scheduling("gifdrop", node)
        await wait_until_async(lambda: _has_started(client), within=MIN_SECONDS)
        await replace_app()
        open_videos = len(await _open(client, names))
        result.open_at_rollback = open_videos
        await ended(min(videos, videos - open_videos + max(1, videos // 10)))
        unreadable = set(await _unreadable(client, names))
        await replace_app("--app", str(newer))
        await ended(videos)
        await client.wait_until_tasks_deleted()
        result.unreadable = sorted(unreadable | set(await _unreadable(client, names)))
        await _inspect(client, names, stack, result)
    return result


async def _nodes(client: StackClient) -> list[str]:
    return [node.id async for node in client.batch.list_nodes("gifdrop")]


async def _records(client: StackClient, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    recorded = {blob.name async for blob in client.storage.get_container_client("conversions").list_blobs()}
    found = [name for name in names if name in recorded]
    return dict(zip(found, await asyncio.gather(*map(client.record, found)), strict=True))


async def _have_tasks(client: StackClient, names: Sequence[str]) -> bool:
    records = await _records(client, names)
    return len(records) == len(names) and all(record["job_id"] for record in records.values())


async def _has_started(client: StackClient) -> bool:
    """Whether a node has taken a task."""
    async for job in client.batch.list_jobs():
        async for _ in client.batch.list_tasks(job.id, filter="state ne 'active'"):
            return True
    return False


async def _have_ended(client: StackClient, names: Sequence[str], *, at_least: int) -> bool:
    return len(names) - len(await _open(client, names)) >= at_least


async def _open(client: StackClient, names: Sequence[str]) -> list[str]:
    records = await _records(client, names)
    return [name for name in names if name not in records or records[name]["state"] not in ("succeeded", "failed")]


async def _unreadable(client: StackClient, names: Sequence[str]) -> list[str]:
    """The videos whose record this version cannot parse, or whose status the app does not show."""
    records = client.storage.get_container_client("conversions")
    found = []
    async for blob in records.list_blobs():
        if blob.name not in names:
            continue
        try:
            from_json(await (await records.download_blob(blob.name)).readall())
        except UnreadableRecordError:
            found.append(blob.name)
        if (await client.status(blob.name))[0] != 200:
            found.append(blob.name)
    return found


async def _inspect(client: StackClient, names: Sequence[str], stack: Stack, result: Result) -> None:
    runs = runs_by_conversion(stack.layout.access_log)
    for name, record in (await _records(client, names)).items():
        if record["state"] != "succeeded" or await client.gif(gif_name(name)) is None:
            result.not_converted.append(f"{name}: {record['state']}")
        if record["attempt"] != 1 or runs[record["id"]] != 1:
            result.run_again.append(f"{name}: attempt {record['attempt']}, {runs[record['id']]} runs")
        result.written_by_newer += FIELD in record
