"""Fault injection: makes the faults of a plan happen to a running stack, and counts how many took effect."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure.batch.models import BatchJobDisableOptions
from azure.core.exceptions import AzureError

from local.stack import Stack
from tests.chaos.plan import CALL_KINDS, STORAGE_KINDS, CallKind, Fault, Kind, PauseKind, Plan, StorageKind
from tests.support.stack_client import StackClient
from tests.support.waiting import wait_until_async

TARGET_TIMEOUT_SECONDS = 5
"""Seconds that a fault waits for a node or a job that it can affect."""
BEYOND_TIMEOUT_SECONDS = 22.0
"""More than the app waits for a response."""
MAX_LATE = 3
"""Calls that one fault makes so late, at most."""
PAUSED: dict[PauseKind, str] = {
    "storage paused": "storage",
    "identity paused": "identity",
    "Batch paused": "batch",
    "Functions host paused": "functions",
    "event sender paused": "events",
}
"""Kind -> the service that hangs."""
APP_REQUESTS: tuple[dict[str, object], ...] = (
    {"headers": {"User-Agent": "azsdk-*"}},
    {"query": {"comp": "list"}},
)
"""Match the app's requests to storage: by the SDK, and its listings. Requests of nodes would use up attempts."""


@dataclass(kw_only=True)
class Injector:
    """Injects the faults of a plan into a stack."""

    stack: Stack
    client: StackClient
    newer_field: Path
    """A copy of the app whose records have one more field."""
    newer_schema: Path
    """A copy of the app whose records have a newer schema."""
    counts: Counter[str] = field(default_factory=Counter)
    """How often each kind took effect: on how many calls, uploads, processes, nodes and jobs."""
    _replacing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the Functions host is not this version of the app, or is being restarted."""

    async def inject_all(self, plan: Plan, began: float) -> None:
        """Inject every fault of a plan at its time, lift what is left, and start the newest app."""
        async with asyncio.TaskGroup() as lasting:
            for number, fault in enumerate(plan.faults):
                await sleep_until(began, fault.at)
                await self._inject(fault, _name(str(number), fault.kind), lasting)
        await self._discount_pending()
        await self._control("DELETE", "faults")
        await self._control("DELETE", "faults", service="storage_proxy")
        if self.counts["app replaced and rolled back"]:
            # Only this version can finish the conversions that it has begun.
            await self.stack.start_second("functions", arguments=["--app", str(self.newer_schema)])

    async def _inject(self, fault: Fault, name: str, lasting: asyncio.TaskGroup) -> None:
        match fault.kind:
            case kind if kind in CALL_KINDS:
                description = _call_fault(kind, fault)
                await self._control("POST", "faults", faults=[{"name": name, **description}])
                self.counts[kind] += description.get("times", 1)
            case kind if kind in STORAGE_KINDS:
                description = _storage_fault(kind, fault) | APP_REQUESTS[fault.times % len(APP_REQUESTS)]
                await self._control("POST", "faults", service="storage_proxy", faults=[{"name": name, **description}])
                self.counts[kind] += description.get("times", 1)
            case kind if kind in PAUSED:
                lasting.create_task(self._pause(kind, fault.seconds))
            case "uploads failed":
                await self._control("POST", "uploads", fail=fault.times)
                self.counts[fault.kind] += fault.times
            case "Functions host killed":
                if not self._replacing.locked():
                    async with self._replacing:
                        await self._restart_app()
                    self.counts[fault.kind] += 1
            case "Batch killed":
                await self._discount_pending(killed=True)
                await self.stack.kill("batch")
                await self.stack.restart("batch")
                self.counts[fault.kind] += 1
            case "newer app beside":
                lasting.create_task(self._run_beside(fault.seconds))
            case "app replaced and rolled back":
                lasting.create_task(self._roll_back(fault.seconds))
            case "node lost":
                await self._when_possible(fault.kind, lambda: self._fail_node("lose"))
            case "node preempted":
                await self._when_possible(fault.kind, lambda: self._fail_node("preempt", seconds=1))
            case "job deleted" | "job kept in deleting" | "job terminated" | "job disabled":
                await self._when_possible(fault.kind, lambda: self._close_jobs(fault))

    async def _when_possible(self, kind: Kind, affect: Callable[[], Awaitable[int]]) -> None:
        """Repeat `affect` until it affected something, or for `TARGET_TIMEOUT_SECONDS`."""
        with contextlib.suppress(TimeoutError):
            self.counts[kind] += await wait_until_async(affect, within=TARGET_TIMEOUT_SECONDS, interval=0.2)

    async def _discount_pending(self, *, killed: bool = False) -> None:
        """Subtract the calls and uploads that are still to fail, because they never will.

        killed: Only of the Batch emulator, which forgets them.
        """
        state = await self._state("batch")
        self.counts["uploads failed"] -= state["failingUploads"]
        faults = state["faults"] + ([] if killed else (await self._state("storage_proxy"))["faults"])
        for fault in faults:
            if fault["times"] > 0:
                self.counts[_kind(fault["name"])] -= fault["times"]
        self.counts = +self.counts

    async def _pause(self, kind: PauseKind, seconds: float) -> None:
        name = PAUSED[kind]
        if self.stack.pid(name) is not None:
            with self.stack.paused(name):
                await asyncio.sleep(seconds)
            self.counts[kind] += 1

    async def _restart_app(self, *arguments: str) -> None:
        await self.stack.kill("functions")
        await self.stack.restart("functions", arguments=arguments)

    async def _run_beside(self, seconds: float) -> None:
        """Run a newer app beside this one, on the same storage, and kill it."""
        second = await self.stack.start_second("functions", arguments=["--app", str(self.newer_field)])
        await asyncio.sleep(seconds)
        await self.stack.kill(second)
        self.counts["newer app beside"] += 1

    async def _roll_back(self, seconds: float) -> None:
        async with self._replacing:
            await self._restart_app("--app", str(self.newer_schema))
            await asyncio.sleep(seconds)
            await self._restart_app()
        self.counts["app replaced and rolled back"] += 1

    async def _state(self, service: str) -> dict[str, Any]:
        headers = await self.client.control_headers()
        async with self.client.http.get(self._control_url(service), headers=headers, ssl=self.client.tls) as response:
            state: dict[str, Any] = await response.json()
            return state

    async def _control(self, method: str, path: str, *, service: str = "batch", **body: Any) -> None:
        url = f"{self._control_url(service)}/{path}"
        headers, tls = await self.client.control_headers(), self.client.tls
        async with self.client.http.request(method, url, json=body or None, headers=headers, ssl=tls) as response:
            assert response.status == 204, f"{path}: {response.status} {await response.text()}"

    def _control_url(self, service: str) -> str:
        return f"{self.client.endpoints[service]}/_control"

    async def _fail_node(self, action: str, **body: Any) -> int:
        """Apply a control action to one idle or running node; returns how many there were."""
        with contextlib.suppress(AzureError):
            async for node in self.client.batch.list_nodes("gifdrop", filter="state eq 'idle' or state eq 'running'"):
                await self._control("POST", f"pools/gifdrop/nodes/{node.id}/{action}", **body)
                return 1
        return 0

    async def _close_jobs(self, fault: Fault) -> int:
        """Delete, terminate or disable every active job; returns how many there were."""
        count, batch = 0, self.client.batch
        with contextlib.suppress(AzureError):
            async for job in batch.list_jobs(filter="state eq 'active'"):
                match fault.kind:
                    case "job deleted":
                        await batch.begin_delete_job(job.id)
                    case "job kept in deleting":
                        hold = {"operation": "delete_job", "path": f"/jobs/{job.id}", "deleting": fault.seconds}
                        await self._control("POST", "faults", faults=[{"name": _name(job.id, fault.kind), **hold}])
                        await batch.begin_delete_job(job.id)
                    case "job terminated":
                        await batch.begin_terminate_job(job.id, options={"terminateReason": "chaos"})  # type: ignore[arg-type]
                    case _:
                        await batch.begin_disable_job(job.id, BatchJobDisableOptions(disable_tasks="requeue"))
                count += 1
        return count


async def sleep_until(began: float, seconds: float) -> None:
    """Sleep until `seconds` after `began`, a time of the monotonic clock."""
    await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))


def _name(prefix: str, kind: Kind) -> str:
    """A fault's name: the services allow no spaces in it."""
    return f"{prefix}_{kind}".replace(" ", "_")


def _kind(name: str) -> str:
    """The kind of the fault with this name."""
    return name.partition("_")[2].replace("_", " ")


def _call_fault(kind: CallKind, fault: Fault) -> dict[str, Any]:
    """The Batch emulator's description of a fault."""
    lasting: dict[str, Any] = {"seconds": fault.seconds}
    counted: dict[str, Any] = {"operation": fault.operation, "times": fault.times}
    late = {"operation": fault.operation, "times": min(fault.times, MAX_LATE)}
    faults: dict[CallKind, dict[str, Any]] = {
        "429": counted | {"status": 429},
        "429 with Retry-After": counted | {"status": 429, "retryAfter": 1},
        "503": counted | {"status": 503},
        "connection dropped": counted | {"drop": True},
        "Batch silent": lasting | {"silent": True},
        "Batch slow": lasting | {"operation": fault.operation, "pace": 0.005},
        "Batch late": late | {"respondAfter": BEYOND_TIMEOUT_SECONDS},
        "Batch response lost half-way": counted | {"truncate": 10},
        "Batch works late": late | {"delay": BEYOND_TIMEOUT_SECONDS},
        "account refuses": lasting | {"operation": "create_task", "status": 403, "code": "AccountIsDisabled"},
    }
    return faults[kind]


def _storage_fault(kind: StorageKind, fault: Fault) -> dict[str, Any]:
    """The fault proxy's description of a fault."""
    faults: dict[StorageKind, dict[str, Any]] = {
        "storage busy": {"status": 503, "times": fault.times},
        "storage silent": {"silent": True, "seconds": fault.seconds},
        "storage late": {"respondAfter": BEYOND_TIMEOUT_SECONDS, "times": min(fault.times, MAX_LATE)},
        "storage response lost half-way": {"truncate": 10, "times": fault.times},
    }
    return faults[kind]
