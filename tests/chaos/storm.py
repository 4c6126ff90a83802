"""A storm over the real local stack, and what is left of it once it is quiet."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError

from local.stack import Stack
from shared.names import gif_name
from tests.chaos.plan import Fault, Kind, Plan
from tests.integration.kit import Person
from tests.support.videos import make_video

QUIET = 240
"""Seconds within which all must have come to rest after the last fault."""
PATIENCE = 5
"""Seconds for which a fault waits for a node or a job to happen to."""
CALLS: dict[Kind, dict[str, object]] = {
    "429": {"status": 429},
    "429 with Retry-After": {"status": 429, "retryAfter": 1},
    "503": {"status": 503},
    "connection cut": {"drop": True},
}
"""What the emulator is told of a kind that happens to calls."""
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
    """How often each kind of trouble took effect: on how many calls, uploads, processes, nodes and jobs."""
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
        _, faults = await asyncio.gather(_upload_all(plan, bodies, person, begun), _trouble(plan, stack, person, begun))
        faults -= await _unmet(person)
        await _control(person, "DELETE", "faults")
        rested = time.monotonic()
        await _rest(plan, person)
        aftermath = await _look(plan, person, faults)
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


async def _trouble(plan: Plan, stack: Stack, person: Person, begun: float) -> Counter[str]:
    """Let it happen; gives how often each kind took effect, if all that is still `_unmet` does."""
    faults: Counter[str] = Counter()
    for fault in plan.faults:
        await _until(begun, fault.at)
        if fault.kind == "batch killed":
            faults -= await _unmet(person)
        faults[fault.kind] += await _happen(fault, stack, person)
    return faults


async def _happen(fault: Fault, stack: Stack, person: Person) -> int:
    """Gives how often it takes effect, if as many calls or uploads come as are to fail."""
    match fault.kind:
        case "429" | "429 with Retry-After" | "503" | "connection cut":
            call = {"operation": fault.operation, "times": fault.times, **CALLS[fault.kind]}
            await _control(person, "POST", "faults", faults=[call])
            return fault.times
        case "uploads failed":
            await _control(person, "POST", "uploads", fail=fault.times)
            return fault.times
        case "host killed":
            await stack.kill("functions")
            await stack.restart("functions")
            return 1
        case "batch killed":
            await stack.kill("batch")
            await stack.restart("batch")
            return 1
        case "node lost":
            return await _soon(lambda: _nodes(person, "lose"))
        case "node preempted":
            return await _soon(lambda: _nodes(person, "preempt", seconds=1))
        case "job deleted" | "job terminated" | "job disabled":
            return await _soon(lambda: _jobs(person, fault.kind))


async def _soon(strike: Callable[[], Awaitable[int]]) -> int:
    """Strike as soon as there is something to strike, unless that takes too long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while not (struck := await strike()):
                await asyncio.sleep(0.2)
            return struck
    return 0


async def _unmet(person: Person) -> Counter[str]:
    """By kind, how many calls and uploads that are to fail have not come yet."""
    async with person.http.get(f"{person.endpoints['batch']}/_control", ssl=person.tls) as response:
        left = await response.json()
    unmet: Counter[str] = Counter({"uploads failed": left["failingUploads"]})
    for call in left["faults"]:
        times, _ = call.pop("times"), call.pop("operation")
        unmet.update({kind: times for kind, how in CALLS.items() if how == call})
    return unmet


async def _control(person: Person, method: str, path: str, **body: object) -> None:
    url = f"{person.endpoints['batch']}/_control/{path}"
    async with person.http.request(method, url, json=body or None, ssl=person.tls) as response:
        assert response.status == 204, f"{path}: {response.status} {await response.text()}"


async def _nodes(person: Person, what: str, **body: object) -> int:
    """Gives how many nodes it happened to."""
    with contextlib.suppress(AzureError):
        async for node in person.batch.list_nodes("gifdrop", filter="state eq 'idle' or state eq 'running'"):
            await _control(person, "POST", f"pools/gifdrop/nodes/{node.id}/{what}", **body)
            return 1
    return 0


async def _jobs(person: Person, what: str) -> int:
    """Gives how many jobs it happened to."""
    from azure.batch.models import BatchJobDisableOptions

    jobs = 0
    with contextlib.suppress(AzureError):
        async for job in person.batch.list_jobs(filter="state eq 'active'"):
            if what == "job deleted":
                await person.batch.begin_delete_job(job.id)
            elif what == "job terminated":
                await person.batch.begin_terminate_job(job.id, options={"terminateReason": "a storm"})  # type: ignore[arg-type]
            else:
                how = BatchJobDisableOptions(disable_tasks="requeue")
                await person.batch.begin_disable_job(job.id, how)
            jobs += 1
    return jobs


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


async def _look(plan: Plan, person: Person, faults: Counter[str]) -> Aftermath:
    aftermath = Aftermath(
        seed=plan.seed,
        uploads=len(plan.uploads),
        videos=len(plan.newest),
        faults=faults,
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
