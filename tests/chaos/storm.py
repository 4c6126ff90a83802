"""A storm over the real local stack, and what is left of it once it is quiet."""

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError

from local.stack import Stack
from shared.names import gif_name
from tests.chaos.plan import Fault, Plan
from tests.integration.kit import Person
from tests.videos import make_video

QUIET = 240
"""Seconds within which all must have come to rest after the last fault."""
SETTINGS = {
    "GIFDROP_GRACE_SECONDS": "4",
    "GIFDROP_HUNG_SECONDS": "30",
    "GIFDROP_ORPHAN_SECONDS": "15",
    "GIFDROP_RECONCILE_SCHEDULE": "*/3 * * * * *",
}


@dataclass(kw_only=True)
class Aftermath:
    """What a storm did, and what came of it. `lost`, `doubled` and `stale` name videos and must be empty."""

    seed: int
    uploads: int
    videos: int
    faults: Counter[str]
    gifs: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    attempts: float = 0.0
    """Batch tasks per video in its newest version."""
    seconds_to_rest: float = 0.0


async def storm(plan: Plan, directory: Path) -> Aftermath:
    """Let it rage, wait until it is quiet, and look."""
    bodies = {width: _body(directory / f"{width}.mp4", width) for width in {upload.width for upload in plan.uploads}}
    events = ["--drop", "0.2", "--double", "0.2", "--seed", str(plan.seed), "--time-scale", "0.1"]
    arguments = {"batch": ["--control"], "events": events}
    async with (
        Stack(directory=directory / "stack", settings=SETTINGS, arguments=arguments) as stack,
        Person(stack.endpoints, stack.env) as person,
    ):
        begun = time.monotonic()
        await asyncio.gather(_upload_all(plan, bodies, person, begun), _trouble(plan, stack, person, begun))
        await _control(person, "DELETE", "faults")
        rested = time.monotonic()
        await _rest(plan, person)
        aftermath = await _look(plan, person)
        aftermath.seconds_to_rest = round(time.monotonic() - rested, 1)
        return aftermath


def _body(path: Path, width: int) -> bytes:
    return make_video(path, seconds=0.4, size=f"{width}x32").read_bytes() if width else b"no video"


async def _until(begun: float, at: float) -> None:
    await asyncio.sleep(max(0.0, begun + at - time.monotonic()))


async def _upload_all(plan: Plan, bodies: dict[int, bytes], person: Person, begun: float) -> None:
    for upload in plan.uploads:
        await _until(begun, upload.at)
        await person.drop(upload.video, bodies[upload.width])


async def _trouble(plan: Plan, stack: Stack, person: Person, begun: float) -> None:
    for fault in plan.faults:
        await _until(begun, fault.at)
        await _happen(fault, stack, person)


async def _happen(fault: Fault, stack: Stack, person: Person) -> None:
    call: dict[str, object] = {"operation": fault.operation, "times": fault.times}
    match fault.kind:
        case "429":
            await _control(person, "POST", "faults", faults=[call | {"status": 429}])
        case "429 with Retry-After":
            await _control(person, "POST", "faults", faults=[call | {"status": 429, "retryAfter": 1}])
        case "503":
            await _control(person, "POST", "faults", faults=[call | {"status": 503}])
        case "connection cut":
            await _control(person, "POST", "faults", faults=[call | {"drop": True}])
        case "uploads failed":
            await _control(person, "POST", "uploads", fail=fault.times)
        case "host killed":
            await stack.kill("functions")
            await stack.restart("functions")
        case "batch killed":
            await stack.kill("batch")
            await stack.restart("batch")
        case "node lost":
            await _nodes(person, "lose")
        case "node preempted":
            await _nodes(person, "preempt", seconds=1)
        case "job deleted" | "job terminated" | "job disabled":
            await _jobs(person, fault.kind)


async def _control(person: Person, method: str, path: str, **body: object) -> None:
    url = f"{person.endpoints['batch']}/_control/{path}"
    async with person.http.request(method, url, json=body or None, ssl=person.tls) as response:
        assert response.status == 204, f"{path}: {response.status} {await response.text()}"


async def _nodes(person: Person, what: str, **body: object) -> None:
    with contextlib.suppress(AzureError):
        nodes = [node.id async for node in person.batch.list_nodes("gifdrop")]
        for node in nodes[:1]:
            await _control(person, "POST", f"pools/gifdrop/nodes/{node}/{what}", **body)


async def _jobs(person: Person, what: str) -> None:
    from azure.batch.models import BatchJobDisableOptions

    with contextlib.suppress(AzureError):
        async for job in person.batch.list_jobs(filter="state eq 'active'"):
            if what == "job deleted":
                await person.batch.begin_delete_job(job.id)
            elif what == "job terminated":
                await person.batch.begin_terminate_job(job.id, options={"terminateReason": "a storm"})  # type: ignore[arg-type]
            else:
                how = BatchJobDisableOptions(disable_tasks="requeue")
                await person.batch.begin_disable_job(job.id, how)


async def _rest(plan: Plan, person: Person) -> None:
    """Wait until all is final and tidy, or time is up: what is left then is found by looking."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(QUIET):
            while not await _at_rest(plan, person):
                await asyncio.sleep(1)


async def _at_rest(plan: Plan, person: Person) -> bool:
    versions = [blob async for blob in person.storage.get_container_client("videos").list_blobs()]
    records = person.storage.get_container_client("conversions").list_blobs(include=["metadata"])
    known = {record.name: record.metadata async for record in records}
    final = all(
        known.get(blob.name, {}).get("etag") == blob.etag.strip('"')
        and known[blob.name]["state"] in ("succeeded", "failed")
        for blob in versions
    )
    staging = [blob async for blob in person.storage.get_container_client("staging").list_blobs()]
    return final and not staging and not await person.tasks()


async def _look(plan: Plan, person: Person) -> Aftermath:
    aftermath = Aftermath(
        seed=plan.seed,
        uploads=len(plan.uploads),
        videos=len(plan.newest),
        faults=Counter(fault.kind for fault in plan.faults),
    )
    gifs = {blob.name async for blob in person.storage.get_container_client("gifs").list_blobs()}
    aftermath.gifs = len(gifs)
    aftermath.doubled = [*(gifs - {gif_name(video) for video in plan.newest}), *await person.tasks()]
    tasks = 0
    for video, width in plan.newest.items():
        version = (await person.storage.get_blob_client("videos", video).get_blob_properties()).etag.strip('"')
        record: dict[str, Any] = {"state": None}
        if await person.version(video) == version:
            record = await person.record(video)
        gif = await person.gif(gif_name(video))
        tasks += record.get("attempt", 0)
        if record["state"] == "failed":
            aftermath.failed[record["error"]["code"]] += 1
            if gif is not None:
                aftermath.stale.append(video)
            if width:  # a good video has no reason to fail but trouble, which must not win
                aftermath.lost.append(f"{video}: {record['error']['message']}")
        elif record["state"] != "succeeded" or gif is None:
            aftermath.lost.append(f"{video}: {record['state']}")
        elif int.from_bytes(gif[6:8], "little") != width:
            aftermath.stale.append(video)
    aftermath.attempts = tasks / len(plan.newest)
    return aftermath
