"""Replaces the app by a newer version and back while videos are being converted, and inspects what comes of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.stack import Stack
from shared.names import gif_name
from shared.services.storage.record_format import SCHEMA, UnreadableRecordError, from_json
from tests.support.app_versions import FIELD, copy_newer_app
from tests.support.stack_client import StackClient
from tests.support.task_runs import runs_by_conversion
from tests.support.videos import make_video
from tests.support.waiting import wait_until_async

SECONDS_PER_VIDEO = 6.0
"""Seconds per video within which all must have ended, at least `MIN_SECONDS`."""
MIN_SECONDS = 120.0
SETTINGS = {"GIFDROP_GRACE_SECONDS": "5", "GIFDROP_RECONCILE_SCHEDULE": "*/3 * * * * *"}


@dataclass(kw_only=True)
class Result:
    """What a rollback left. `not_converted`, `run_again` and `unreadable` must be empty."""

    videos: int
    open_at_rollback: int = 0
    """Conversions that the newer version left unfinished."""
    written_by_newer: int = 0
    """Records that have the newer version's field."""
    not_converted: list[str] = field(default_factory=list)
    run_again: list[str] = field(default_factory=list)
    """Videos converted more than once, in several attempts or the same one."""
    unreadable: list[str] = field(default_factory=list)
    """Videos whose record or status could not be read at some time."""


async def roll_back(directory: Path, *, videos: int, schema: int | None) -> Result:
    """Upload a third of the videos to this version of the app, a third to a newer one, and the rest after the rollback.

    schema: The schema of the newer version's records. Only that version can finish what it has begun if the schema is
        higher than this version's, so the newer one takes over again at the end.
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

        async def upload(part: int) -> None:
            """Upload a third of the videos and wait until the app has recorded half of them."""
            some = names[part::3]
            await client.drop_all(dict.fromkeys(some, body))
            await wait_until_async(lambda: _has_recorded(client, some, at_least=(len(some) + 1) // 2), within=60)

        await upload(0)
        await replace_app("--app", str(newer))
        await upload(1)
        result.open_at_rollback = len(await _open(client, names))
        await replace_app()
        await upload(2)
        unreadable = set(await _unreadable(client, names))
        if schema is not None and schema > SCHEMA:
            await replace_app("--app", str(newer))
        within = max(MIN_SECONDS, SECONDS_PER_VIDEO * videos)
        await _wait_until_ended(client, names, within=within)
        unreadable |= set(await _unreadable(client, names))
        result.unreadable = sorted(unreadable)
        await _inspect(client, names, stack, result)
    return result


async def _records(client: StackClient, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    recorded = {blob.name async for blob in client.storage.get_container_client("conversions").list_blobs()}
    found = [name for name in names if name in recorded]
    return dict(zip(found, await asyncio.gather(*map(client.record, found)), strict=True))


async def _has_recorded(client: StackClient, names: Sequence[str], *, at_least: int) -> bool:
    return len(await _records(client, names)) >= at_least


async def _open(client: StackClient, names: Sequence[str]) -> list[str]:
    records = await _records(client, names)
    return [name for name in names if name not in records or records[name]["state"] not in ("succeeded", "failed")]


async def _wait_until_ended(client: StackClient, names: Sequence[str], *, within: float) -> None:
    async def ended() -> bool:
        return not await _open(client, names) and not await client.videos_with_tasks()

    await wait_until_async(ended, within=within, interval=0.5)


async def _unreadable(client: StackClient, names: Sequence[str]) -> list[str]:
    """The recorded videos whose record cannot be parsed, or whose status is neither shown nor left to the newer app."""
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
