"""The pool and what depends on it in its account: node counts, autoscale, resize errors, the converter's package."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from shared.conversion import Problem
from shared.services.azure_errors import azure_errors

if TYPE_CHECKING:
    from datetime import datetime

    from azure.batch.models import AutoScaleRun, AutoScaleRunError, BatchNode, BatchPool, ResizeError

    from shared.services.batch.accounts import Accounts
    from shared.settings import Settings

MAX_FAILED_NODES = 5
"""Nodes whose start task's failure is read."""
DEFAULT_AUTOSCALE_INTERVAL = timedelta(minutes=15)
RECENT_SECONDS = 45.0
"""Seconds for which a state that was read counts as recent: more than the job cache, which reads it, keeps a job."""
_SELECT = [
    "id",
    "state",
    "allocationState",
    "allocationStateTransitionTime",
    "currentDedicatedNodes",
    "currentLowPriorityNodes",
    "targetDedicatedNodes",
    "targetLowPriorityNodes",
    "taskSlotsPerNode",
    "enableAutoScale",
    "autoScaleFormula",
    "autoScaleEvaluationInterval",
    "autoScaleRun",
    "resizeErrors",
]


@dataclass(frozen=True, kw_only=True)
class NodeCounts:
    """A number of nodes of each price."""

    dedicated: int
    low_priority: int

    @property
    def total(self) -> int:
        return self.dedicated + self.low_priority


@dataclass(frozen=True, kw_only=True)
class AutoscaleRun:
    """One evaluation of the autoscale formula."""

    at: datetime
    results: str | None
    """The formula's variables, as Batch prints them."""
    error: Problem | None


@dataclass(frozen=True, kw_only=True)
class PoolState:
    """The pool as Batch shows it."""

    id: str
    state: str
    allocation_state: str | None
    nodes: NodeCounts
    targets: NodeCounts
    task_slots_per_node: int | None
    autoscale_enabled: bool
    formula: str
    """The autoscale formula in force, empty while autoscale is off."""
    autoscale_interval: timedelta
    autoscale_run: AutoscaleRun | None
    """The last one; `None` before the first."""
    resize_errors: tuple[Problem, ...]
    """Those of the last resize. Batch keeps them until the next one, also when nothing is missing any more."""
    allocation_changed_at: datetime | None = None
    """When the last resize began or ended."""

    @property
    def steady(self) -> bool:
        return self.allocation_state == "steady"

    @property
    def lacks_nodes(self) -> bool:
        """Whether the last resize has ended with fewer nodes than it should."""
        return self.steady and self.nodes.total < self.targets.total

    @property
    def present_errors(self) -> tuple[Problem, ...]:
        """The resize errors that still keep nodes from the pool."""
        return self.resize_errors if self.lacks_nodes else ()


class Pool:
    """The pool of gifdrop in each account. Every method raises `ServiceError`, `NotFoundError` for no such pool."""

    def __init__(self, accounts: Accounts, settings: Settings) -> None:
        self._accounts = accounts
        self._id = settings.pool_id
        self._seen: dict[str, tuple[float, PoolState]] = {}

    async def state(self, url: str) -> PoolState:
        """The pool in the account with this endpoint."""
        with azure_errors():
            state = _state(await self._accounts.client(url).get_pool(self._id, select=_SELECT))
        self._seen[url] = (time.monotonic(), state)
        return state

    def recent_state(self, url: str) -> PoolState | None:
        """The state that somebody in this process read last, `None` if that was long ago. Nothing is fetched."""
        seen = self._seen.get(url)
        return seen[1] if seen and time.monotonic() - seen[0] < RECENT_SECONDS else None

    async def node_states(self, url: str) -> dict[str, int]:
        """How many nodes are in which state, by Batch's names; only states with nodes."""
        states: dict[str, int] = {}
        with azure_errors():
            counts = self._accounts.client(url).list_pool_node_counts(filter=f"poolId eq '{self._id}'")
            async for pool in counts:
                for count in (pool.dedicated, pool.low_priority):
                    for state, number in count.as_dict().items() if count else ():
                        if state != "total" and number:
                            states[state] = states.get(state, 0) + number
        return states

    async def start_task_failures(self, url: str) -> list[Problem]:
        """Why the start task failed, for up to `MAX_FAILED_NODES` nodes."""
        with azure_errors():
            nodes = self._accounts.client(url).list_nodes(
                self._id,
                filter="state eq 'starttaskfailed'",
                select=["id", "startTaskInfo"],
                max_results=MAX_FAILED_NODES,
            )
            async for page in nodes.by_page():
                return [_start_task_failure(node) for node in islice([node async for node in page], MAX_FAILED_NODES)]
        return []

    async def package_versions(self, url: str, package: str) -> list[str]:
        """The versions of an application package in an account."""
        with azure_errors():
            return list((await self._accounts.client(url).get_application(package)).versions)


def _state(pool: BatchPool) -> PoolState:
    return PoolState(
        id=pool.id or "",
        state=pool.state or "",
        allocation_state=pool.allocation_state,
        nodes=NodeCounts(
            dedicated=pool.current_dedicated_nodes or 0, low_priority=pool.current_low_priority_nodes or 0
        ),
        targets=NodeCounts(
            dedicated=pool.target_dedicated_nodes or 0, low_priority=pool.target_low_priority_nodes or 0
        ),
        task_slots_per_node=pool.task_slots_per_node,
        autoscale_enabled=bool(pool.enable_auto_scale),
        formula=(pool.auto_scale_formula or "") if pool.enable_auto_scale else "",
        autoscale_interval=pool.auto_scale_evaluation_interval or DEFAULT_AUTOSCALE_INTERVAL,
        autoscale_run=_run(pool.auto_scale_run) if pool.auto_scale_run else None,
        resize_errors=tuple(_problem(error) for error in pool.resize_errors or ()),
        allocation_changed_at=pool.allocation_state_transition_time,
    )


def _run(run: AutoScaleRun) -> AutoscaleRun:
    return AutoscaleRun(at=run.timestamp, results=run.results, error=_problem(run.error) if run.error else None)


def _problem(error: AutoScaleRunError | ResizeError) -> Problem:
    return Problem(code=error.code or "Unknown", message=error.message or error.code or "no reason is given")


def _start_task_failure(node: BatchNode) -> Problem:
    info = node.start_task_info
    failure = info.failure_info if info else None
    message = f"the start task of {node.id} ended with " + (f"exit code {info.exit_code}" if info else "unknown")
    if failure and failure.message:
        message += f": {failure.message}"
    return Problem(code=(failure.code if failure else None) or "StartTaskFailed", message=message)
