"""The pool as the status API shows it: its nodes, its targets, and what prevents it from reaching them, in words."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from shared.cache import Cache
from shared.services.errors import NotFoundError, ServiceError
from shared.timestamps import to_rfc3339, utc_now

if TYPE_CHECKING:
    from shared.api.schemas import NodesResponse, PoolResponse
    from shared.conversion import Problem
    from shared.representation import ErrorResponse
    from shared.services.batch.pool import NodeCounts, PoolState
    from shared.services.services import Services

log = logging.getLogger(__name__)

CACHE_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 2.0
"""Seconds that a response waits for the pool: a list of videos is worth more."""


class PoolReader:
    """Reads the pool of the home account at most every 5 seconds."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._cache: Cache[str, PoolResponse] = Cache(seconds=CACHE_SECONDS, size=1)

    async def current(self) -> PoolResponse:
        """The pool: two Batch calls, a third when start tasks failed. An error is part of the response, not raised."""
        return await self._cache.get("pool", self._read)

    def recent(self) -> PoolResponse | None:
        """The pool, if it was read within the last 5 seconds."""
        return self._cache.peek("pool")

    async def _read(self) -> PoolResponse:
        settings, pool = self._services.settings, self._services.pool
        url = settings.batch_url
        try:
            async with asyncio.timeout(READ_TIMEOUT_SECONDS):
                state = await pool.state(url)
                node_states = await pool.node_states(url)
                failures = await pool.start_task_failures(url) if node_states.get("startTaskFailed") else []
        except NotFoundError:
            message = f"Batch has no pool {settings.pool_id!r}."
            return unreadable_pool(settings.pool_id, "PoolNotFound", message)
        except TimeoutError:
            message = f"Batch does not respond within {READ_TIMEOUT_SECONDS:g} s."
            return unreadable_pool(settings.pool_id, "BatchUnavailable", message)
        except ServiceError as error:
            log.warning("the pool cannot be read", exc_info=True)
            return unreadable_pool(settings.pool_id, "BatchUnavailable", f"Batch does not respond: {error}")
        return _represent(state, node_states, failures)


def waiting_for(pool: PoolResponse) -> str:
    """What a queued video waits for, as far as the pool's state shows: the end of a sentence."""
    if pool["error"]:
        return f"Batch: {pool['error']['message']}"
    has, wants = _total(pool["nodes"]), _total(pool["targets"])
    if pool["resize_errors"]:
        return f"more machines, which the pool cannot get: {pool['resize_errors'][0]['message']}"
    states = pool["node_states"]
    ready = sum(states.get(state, 0) for state in ("idle", "running"))
    if has == 0:
        return "a machine; the pool is getting one" if wants else "a machine; the pool adds one when it next scales"
    if states and not ready:
        return "a machine that is ready; none is at the moment"
    if wants > has:
        return f"its turn on a machine; the pool has {has} and is getting {wants - has} more"
    return "its turn on a machine"


def notes_on(pool: PoolResponse) -> list[str]:
    """The pool's state in sentences, problems first."""
    notes = []
    if pool["state"] == "deleting":
        notes.append("The pool is being deleted.")
    notes += [f"The pool cannot get the machines it needs: {error['message']}" for error in pool["resize_errors"]]
    run = pool["autoscale"]
    if run and run["error"]:
        notes.append(f"The autoscale formula failed: {run['error']['message']}")
    states = pool["node_states"]
    if failed := states.get("startTaskFailed", 0):
        why = pool["start_task_failures"][0]["message"] if pool["start_task_failures"] else "no reason is given."
        notes.append(f"{_machines(failed)} could not be prepared: {why}")
    if bad := sum(states.get(state, 0) for state in ("unusable", "offline", "unknown")):
        notes.append(f"{_machines(bad)} cannot be used.")
    if preempted := states.get("preempted", 0):
        notes.append(f"{_machines(preempted)} preempted by Azure; the pool replaces them when capacity is free.")
    has, wants = _total(pool["nodes"]), _total(pool["targets"])
    if pool["allocation_state"] != "steady" and has != wants:
        notes.append(f"The pool is scaling from {_machines(has)} to {_machines(wants)}.")
    elif has == 0:
        notes.append("The pool has no machines at the moment; it adds some when videos wait.")
    else:
        running = states.get("running", 0)
        notes.append(f"{_machines(has)}, {f'{running} running' if running else 'idle'}.")
    return notes


def unreadable_pool(id_: str, code: str, message: str) -> PoolResponse:
    """The pool where it cannot be read."""
    return {
        "id": id_,
        "state": None,
        "allocation_state": None,
        "nodes": None,
        "targets": None,
        "node_states": {},
        "task_slots_per_node": None,
        "autoscale": None,
        "resize_errors": [],
        "start_task_failures": [],
        "notes": [message],
        "error": {"code": code, "message": message},
        "as_of": to_rfc3339(utc_now()),
    }


def _represent(pool: PoolState, node_states: dict[str, int], failures: list[Problem]) -> PoolResponse:
    run = pool.autoscale_run
    response: PoolResponse = {
        "id": pool.id,
        "state": pool.state,
        "allocation_state": pool.allocation_state,
        "nodes": _nodes(pool.nodes),
        "targets": _nodes(pool.targets),
        "node_states": node_states,
        "task_slots_per_node": pool.task_slots_per_node,
        "autoscale": {
            "at": to_rfc3339(run.at),
            "results": run.results,
            "error": _error(run.error) if run.error else None,
        }
        if run
        else None,
        "resize_errors": [_error(error) for error in pool.present_errors],
        "start_task_failures": [_error(failure) for failure in failures],
        "notes": [],
        "error": None,
        "as_of": to_rfc3339(utc_now()),
    }
    return response | {"notes": notes_on(response)}


def _nodes(counts: NodeCounts) -> NodesResponse:
    return {"dedicated": counts.dedicated, "low_priority": counts.low_priority}


def _error(problem: Problem) -> ErrorResponse:
    return {"code": problem.code, "message": problem.message}


def _total(nodes: NodesResponse | None) -> int:
    return nodes["dedicated"] + nodes["low_priority"] if nodes else 0


def _machines(number: int) -> str:
    return f"{number} machine" + ("" if number == 1 else "s")
