"""Fault injection: makes the faults of a plan happen to a running stack, and counts how many took effect."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from azure.batch.models import BatchJobDisableOptions
from azure.core.exceptions import AzureError

from local.stack import Stack
from tests.chaos.plan import Fault, Kind, Plan
from tests.support.stack_client import StackClient
from tests.support.waiting import wait_until_async

TARGET_TIMEOUT_SECONDS = 5
"""Seconds that a fault waits for a node or a job that it can affect."""
CALL_FAULTS: dict[Kind, dict[str, object]] = {
    "429": {"status": 429},
    "429 with Retry-After": {"status": 429, "retryAfter": 1},
    "503": {"status": 503},
    "connection dropped": {"drop": True},
}
"""Kinds that affect Batch calls -> the Batch emulator's description of the fault."""


async def sleep_until(began: float, seconds: float) -> None:
    """Sleep until `seconds` after `began`, a time of the monotonic clock."""
    await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))


async def inject_all(plan: Plan, stack: Stack, client: StackClient, began: float) -> Counter[str]:
    """Inject every fault of a plan at its time; returns how often each kind took effect, the pending ones included."""
    counts: Counter[str] = Counter()
    for fault in plan.faults:
        await sleep_until(began, fault.at)
        if fault.kind == "Batch killed":
            counts -= await pending(client)  # the emulator forgets them
        counts[fault.kind] += await _inject(fault, stack, client)
    return counts


async def pending(client: StackClient) -> Counter[str]:
    """By kind, how many calls and uploads are still to fail."""
    async with client.http.get(f"{client.endpoints['batch']}/_control", ssl=client.tls) as response:
        state = await response.json()
    counts: Counter[str] = Counter({"uploads failed": state["failingUploads"]})
    for fault in state["faults"]:
        times, _ = fault.pop("times"), fault.pop("operation")
        counts.update({kind: times for kind, description in CALL_FAULTS.items() if description == fault})
    return counts


async def clear(client: StackClient) -> None:
    """Cancel the pending faults."""
    await _control(client, "DELETE", "faults")


async def _inject(fault: Fault, stack: Stack, client: StackClient) -> int:
    """Inject a fault; returns how many calls, uploads, processes, nodes or jobs it affects."""
    match fault.kind:
        case "429" | "429 with Retry-After" | "503" | "connection dropped":
            description = {"operation": fault.operation, "times": fault.times, **CALL_FAULTS[fault.kind]}
            await _control(client, "POST", "faults", faults=[description])
            return fault.times
        case "uploads failed":
            await _control(client, "POST", "uploads", fail=fault.times)
            return fault.times
        case "Functions host killed":
            await stack.kill("functions")
            await stack.restart("functions")
            return 1
        case "Batch killed":
            await stack.kill("batch")
            await stack.restart("batch")
            return 1
        case "node lost":
            return await _when_possible(lambda: _fail_node(client, "lose"))
        case "node preempted":
            return await _when_possible(lambda: _fail_node(client, "preempt", seconds=1))
        case "job deleted" | "job terminated" | "job disabled":
            return await _when_possible(lambda: _close_jobs(client, fault.kind))


async def _when_possible(affect: Callable[[], Awaitable[int]]) -> int:
    """Repeat `affect` until it affected something, or for `TARGET_TIMEOUT_SECONDS`."""
    with contextlib.suppress(TimeoutError):
        return await wait_until_async(affect, within=TARGET_TIMEOUT_SECONDS, interval=0.2)
    return 0


async def _control(client: StackClient, method: str, path: str, **body: object) -> None:
    url = f"{client.endpoints['batch']}/_control/{path}"
    async with client.http.request(method, url, json=body or None, ssl=client.tls) as response:
        assert response.status == 204, f"{path}: {response.status} {await response.text()}"


async def _fail_node(client: StackClient, action: str, **body: object) -> int:
    """Apply a control action to one idle or running node; returns how many there were."""
    with contextlib.suppress(AzureError):
        async for node in client.batch.list_nodes("gifdrop", filter="state eq 'idle' or state eq 'running'"):
            await _control(client, "POST", f"pools/gifdrop/nodes/{node.id}/{action}", **body)
            return 1
    return 0


async def _close_jobs(client: StackClient, kind: Kind) -> int:
    """Delete, terminate or disable every active job; returns how many there were."""
    count = 0
    with contextlib.suppress(AzureError):
        async for job in client.batch.list_jobs(filter="state eq 'active'"):
            if kind == "job deleted":
                await client.batch.begin_delete_job(job.id)
            elif kind == "job terminated":
                await client.batch.begin_terminate_job(job.id, options={"terminateReason": "chaos"})  # type: ignore[arg-type]
            else:
                await client.batch.begin_disable_job(job.id, BatchJobDisableOptions(disable_tasks="requeue"))
            count += 1
    return count
