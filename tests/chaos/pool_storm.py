"""Runs a pool storm on the real local stack: a pool that starts empty, grows when the app asks, and breaks."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError

from infra.autoscale import formula
from local import resources
from local.stack import Stack
from tests.chaos.faults import sleep_until
from tests.chaos.plan import Plan
from tests.chaos.pool_plan import PoolFault, PoolPlan
from tests.chaos.run import Result, inspect, upload_all, video_body, wait_for_rest
from tests.support.stack_client import StackClient
from tests.support.waiting import wait_until_async

MAX_NODES = 3
TARGET_TIMEOUT_SECONDS = 60.0
"""Seconds that a fault waits for a node that it can affect."""
REPAIR_SECONDS = 3
SETTINGS = {
    "GIFDROP_GRACE_SECONDS": "4",
    "GIFDROP_HUNG_SECONDS": "30",
    "GIFDROP_RECONCILE_SCHEDULE": "*/3 * * * * *",
    "GIFDROP_REPAIR_SECONDS": f"{REPAIR_SECONDS}",
    "GIFDROP_REPAIRS_PER_HOUR": "60",
}


@dataclass(kw_only=True)
class StormResult(Result):
    """What a storm did to the videos, and what the pool cost meanwhile."""

    repairs: Counter[str] = field(default_factory=Counter)
    """Step -> how often it was tried."""
    refused: int = 0
    """Repairs that Batch refused."""
    held: int = 0
    """How often the breaker began or prolonged a hold."""
    requests: int = 0
    """Evaluations that the app asked for."""
    nodes: list[int] = field(default_factory=list)
    """How many were allocated, second by second."""
    left: list[str] = field(default_factory=list)
    """Findings of the last look at the pool, which must be gone."""


async def run_storm(plan: PoolPlan, directory: Path, *, settings: dict[str, str] | None = None) -> StormResult:
    """Upload videos and break the pool as planned, wait until everything has come to rest, and inspect it."""
    pools = directory / "pools.json"
    pools.write_text(json.dumps([_pool_definition()]))
    bodies = {width: video_body(directory / f"{width}.mp4", width) for width in {one.width for one in plan.uploads}}
    arguments = {"batch": ["--control", "--pools", str(pools), "--allocation-delay", "1"]}
    counts: Counter[str] = Counter()
    stack = Stack(directory=directory / "stack", settings=SETTINGS | (settings or {}), arguments=arguments)
    async with stack, StackClient(stack.endpoints, stack.env) as client:
        nodes: list[int] = []
        meter = asyncio.create_task(_meter(client, nodes))
        began = time.monotonic()
        uploads = Plan(seed=plan.seed, seconds=plan.seconds, uploads=plan.uploads, faults=[])
        async with asyncio.TaskGroup() as group:
            group.create_task(upload_all(uploads, bodies, client, began))
            for fault in plan.faults:
                group.create_task(_inject(fault, began, client, counts))
        injected = time.monotonic()
        await wait_for_rest(client)
        found = await inspect(uploads, client, counts)
        result = StormResult(**vars(found), nodes=nodes)
        result.seconds_to_rest = round(time.monotonic() - injected, 1)
        await _read_journal(client, result)
        meter.cancel()
    log = (stack.layout.directory / "logs" / "functions.log").read_text(errors="replace")
    result.requests = log.count("scaling {")
    result.held = log.count("hold {")
    return result


def _pool_definition() -> dict[str, Any]:
    text = formula(max_dedicated=MAX_NODES, max_low_priority=0, min_nodes=0, tasks_per_slot=1)
    start_task = {"commandLine": "/bin/true", "waitForSuccess": True}
    return resources.pool_definition() | {"autoScaleFormula": text, "startTask": start_task}


async def _inject(fault: PoolFault, began: float, client: StackClient, counts: Counter[str]) -> None:
    await sleep_until(began, fault.at)
    match fault.kind:
        case "some start tasks fail":
            await _control(client, "start-tasks", fail=fault.count)
            counts[fault.kind] += 1
        case "all start tasks fail":
            await _control(client, "start-tasks", fail=-1)
            await asyncio.sleep(fault.seconds)
            await _control(client, "start-tasks", fail=0)
            counts[fault.kind] += 1
        case "quota gone":
            await _control(client, "quota", nodes=0)
            await asyncio.sleep(fault.seconds)
            await _control(client, "quota", nodes=64)
            counts[fault.kind] += 1
        case "resize never ends":
            await _control(client, "resizes", seconds=fault.seconds)
            counts[fault.kind] += 1
        case "node unusable" | "all nodes unusable" | "node offline":
            state = "offline" if fault.kind == "node offline" else "unusable"
            damage = {"state": state, "remedy": fault.remedy}
            counts[fault.kind] += await _affect(client, "damage", damage, every=fault.kind.startswith("all"))
        case "node lost":
            counts[fault.kind] += await _affect(client, "lose", {})
        case "node preempted":
            counts[fault.kind] += await _affect(client, "preempt", {"seconds": fault.seconds / 5})


async def _affect(client: StackClient, action: str, body: dict[str, Any], *, every: bool = False) -> int:
    """Apply a control action to one node that works, or to every one; returns to how many."""

    async def affect() -> int:
        nodes = [node async for node in _working(client)]
        for node in nodes if every else nodes[:1]:
            await _control(client, f"pools/gifdrop/nodes/{node}/{action}", gone_is_ok=True, **body)
        return len(nodes if every else nodes[:1])

    with contextlib.suppress(TimeoutError):
        return await wait_until_async(affect, within=TARGET_TIMEOUT_SECONDS, interval=0.2)
    return 0


async def _working(client: StackClient) -> AsyncIterator[str]:
    with contextlib.suppress(AzureError):
        async for node in client.batch.list_nodes("gifdrop", filter="state eq 'idle' or state eq 'running'"):
            yield str(node.id)


async def _control(client: StackClient, path: str, *, gone_is_ok: bool = False, **body: Any) -> None:
    url = f"{client.endpoints['batch']}/_control/{path}"
    headers = await client.control_headers()
    async with client.http.post(url, json=body or None, headers=headers, ssl=client.tls) as response:
        allowed = (204, 404) if gone_is_ok else (204,)
        assert response.status in allowed, f"{path}: {response.status} {await response.text()}"


async def _meter(client: StackClient, nodes: list[int]) -> None:
    """Note once a second how many nodes are allocated."""
    while True:
        with contextlib.suppress(AzureError):
            pool = await client.batch.get_pool("gifdrop")
            nodes.append(pool.current_dedicated_nodes or 0)
        await asyncio.sleep(1)


async def _read_journal(client: StackClient, result: StormResult) -> None:
    """Read what was repaired; findings have a moment to disappear."""

    async def no_findings() -> bool:
        _, health = await client.get("health")
        found = [check for check in health["checks"] if check["name"] == "repairs"]
        result.left = [check["message"] for check in found if not check["ok"]]
        return not result.left

    with contextlib.suppress(TimeoutError):
        await wait_until_async(no_findings, within=60, interval=2)
    blob = client.storage.get_blob_client("conversions", ".reconciliation/repairs.json")
    with contextlib.suppress(AzureError):
        journal = json.loads(await (await blob.download_blob()).readall())
        result.repairs = Counter(repair["step"] for repair in journal["repairs"])
        result.refused = sum(bool(repair["refused"]) for repair in journal["repairs"])
