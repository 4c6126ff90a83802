"""When the formula is evaluated at once: a video waits for an empty pool, or the pool has become too small or idle."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from shared.lifecycle.scaling.hint import with_hint
from shared.services.batch.open_tasks import OpenTasks
from shared.services.errors import NotFoundError, ServiceError
from shared.timestamps import seconds_since, utc_now

if TYPE_CHECKING:
    from shared.services.batch.pool import PoolState
    from shared.services.services import Services

log = logging.getLogger(__name__)

GATHER_SECONDS = 2.0
"""How long an event that finds the pool empty waits for more, so that one request counts the tasks of a burst."""
WAKE_TIMEOUT_SECONDS = 2.0
"""Seconds that Batch has to answer while an event waits."""
CHECK_TIMEOUT_SECONDS = 15.0
RETRY_SECONDS = 60.0
"""How long after a resize ended with too few nodes another is asked for."""


async def wake(services: Services) -> None:
    """Ask for nodes if tasks wait for a pool that has none and gets none. Call it after tasks were added.

    Decided by what this process has read of the pool anyway: while there are nodes, no request is sent. Of concurrent
    events one asks for all; what it misses, `scale_pools` finds.
    """
    if services.settings.wake == "off":
        return
    await asyncio.gather(*(_wake(url, services) for url in services.settings.batch_urls))


async def scale_pools(services: Services) -> None:
    """Compare each pool with what its formula would make of it now, and have that evaluated if it matters."""
    if services.settings.wake == "off":
        return
    await asyncio.gather(*(_scale(url, services) for url in services.settings.batch_urls))


async def open_tasks(url: str, services: Services) -> OpenTasks:
    """The tasks in one account that wait for a node or run. Raises `ServiceError`."""
    refs = [job.ref async for job in services.jobs.list_jobs(url) if job.state == "active"]
    counts = await asyncio.gather(*(services.tasks.count_open(ref) for ref in refs), return_exceptions=True)
    total = OpenTasks()
    for count in counts:
        if isinstance(count, OpenTasks):
            total = OpenTasks(*(ours + theirs for ours, theirs in zip(total, count, strict=True)))
        elif not isinstance(count, NotFoundError):  # the job has just been deleted, with its tasks
            raise count
    return total


async def _wake(url: str, services: Services) -> None:
    seen = services.pool.recent_state(url)
    if seen is None or not _is_asleep(seen) or not services.autoscale.reserve(url):
        return
    await asyncio.sleep(GATHER_SECONDS)
    try:
        async with asyncio.timeout(WAKE_TIMEOUT_SECONDS):
            state, tasks = await asyncio.gather(services.pool.state(url), open_tasks(url, services))
            if tasks.waiting and _is_asleep(state):
                await _request(url, state, tasks, "tasks wait for an empty pool", services)
    except (ServiceError, TimeoutError) as error:
        log.warning("%s is left to its schedule: %s", url, error or "no response")


async def _scale(url: str, services: Services) -> None:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            state, tasks = await asyncio.gather(services.pool.state(url), open_tasks(url, services))
            if reason := await _reason(url, state, tasks, services):
                await _request(url, state, tasks, reason, services)
    except (ServiceError, TimeoutError) as error:
        log.warning("%s is left to its schedule: %s", url, error or "no response")


async def _reason(url: str, state: PoolState, tasks: OpenTasks, services: Services) -> str | None:
    """Why the formula should be evaluated now, `None` to leave it to its schedule."""
    hinted = with_hint(state.formula, utc_now(), tasks.total)
    if hinted is None or state.state != "active" or not state.steady:
        return None
    # Nothing to run and nothing to remove, or nothing that waits: the usual case costs no evaluation.
    if not tasks.waiting and (tasks.running or not state.targets.total):
        return None
    reason = None
    wanted = await services.autoscale.evaluate(url, hinted)
    if tasks.waiting and wanted.total > state.targets.total:
        reason = "tasks wait for more nodes"
    elif tasks.waiting and state.lacks_nodes and _age(state) > RETRY_SECONDS:
        reason = "the last resize gave too few nodes"
    elif not tasks.total and wanted.total < state.targets.total:
        # The pool may run tasks of others, which the formula's samples show and our count does not.
        running = (await services.pool.node_states(url)).get("running")
        reason = None if running else "the pool is idle"
    return reason if reason and services.autoscale.reserve(url) else None


async def _request(url: str, state: PoolState, tasks: OpenTasks, reason: str, services: Services) -> None:
    text = with_hint(state.formula, utc_now(), tasks.total)
    if text is None:
        return
    accepted = await services.autoscale.enable(url, text, interval=state.autoscale_interval)
    fields = {"account": url, "reason": reason, "tasks": tasks.total, "accepted": accepted}
    log.info("scaling %s", json.dumps(fields))


def _is_asleep(state: PoolState) -> bool:
    return state.state == "active" and bool(state.formula) and state.steady and not state.targets.total


def _age(state: PoolState) -> float:
    """Seconds since the last resize ended."""
    return seconds_since(state.allocation_changed_at) if state.allocation_changed_at else 0.0
