"""The pool as the status API shows it: what it has, what it wants, and what keeps it from that, also in words."""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING

from shared.cache import Cache
from shared.conversion import now, timestamp
from shared.errors import message_of

if TYPE_CHECKING:
    from azure.batch.models import AutoScaleRunError, BatchNodeCounts, BatchPool, BatchTaskFailureInfo, ResizeError

    from shared.answers import ErrorAnswer, PoolAnswer
    from shared.clients import Clients

log = logging.getLogger(__name__)

FIELDS = [
    "id",
    "state",
    "allocationState",
    "currentDedicatedNodes",
    "currentLowPriorityNodes",
    "targetDedicatedNodes",
    "targetLowPriorityNodes",
    "taskSlotsPerNode",
    "autoScaleRun",
    "resizeErrors",
]
SHOWN_FAILURES = 5

_cache: Cache[Clients, PoolAnswer] = Cache(seconds=5, size=8)


async def pool_status(clients: Clients) -> PoolAnswer:
    """The pool's state, at most 5 seconds old: two Batch calls, a third when start tasks failed.

    Never raises: a list of videos is worth more.
    """
    return await _cache.get(clients, lambda: _read(clients))


def waiting_for(pool: PoolAnswer) -> str:
    """What a queued video waits for, as far as the pool's state tells: the end of a sentence."""
    if pool["error"]:
        return f"Batch: {pool['error']['message']}"
    has, wants = _sum(pool, "nodes"), _sum(pool, "targets")
    if pool["resize_errors"]:
        return f"more machines, which the pool cannot get: {pool['resize_errors'][0]['message']}"
    states = pool["node_states"]
    able = sum(states.get(state, 0) for state in ("idle", "running"))
    if has == 0:
        return "a machine; the pool is getting one" if wants else "a machine; the pool adds one when it next scales"
    if states and not able:
        return "a machine that is ready; none of the pool's is at the moment"
    if wants > has:
        return f"its turn on a machine; the pool has {has} and is getting {wants - has} more"
    return "its turn on a machine"


async def _read(clients: Clients) -> PoolAnswer:
    from azure.core.exceptions import AzureError, ResourceNotFoundError

    id_ = clients.settings.pool_id
    try:
        pool = await clients.batch.get_pool(id_, select=FIELDS)
        counts = [count async for count in clients.batch.list_pool_node_counts(filter=f"poolId eq '{id_}'")]
        states = _states([c for count in counts for c in (count.dedicated, count.low_priority) if c])
        failures = await _start_task_failures(clients) if states.get("startTaskFailed") else []
    except ResourceNotFoundError:
        return _unreadable(id_, "PoolNotFound", f"Batch has no pool {id_!r}.")
    except AzureError as error:
        log.warning("the pool cannot be read", exc_info=True)
        return _unreadable(id_, "BatchUnavailable", f"Batch does not answer: {message_of(error)}")
    return _described(pool, states, failures)


def _described(pool: BatchPool, states: dict[str, int], failures: list[ErrorAnswer]) -> PoolAnswer:
    run = pool.auto_scale_run
    answer: PoolAnswer = {
        "id": pool.id,
        "state": pool.state,
        "allocation_state": pool.allocation_state,
        "nodes": {
            "dedicated": pool.current_dedicated_nodes or 0,
            "low_priority": pool.current_low_priority_nodes or 0,
        },
        "targets": {
            "dedicated": pool.target_dedicated_nodes or 0,
            "low_priority": pool.target_low_priority_nodes or 0,
        },
        "node_states": states,
        "task_slots_per_node": pool.task_slots_per_node,
        "autoscale": {
            "at": timestamp(run.timestamp),
            "results": run.results,
            "error": _problem(run.error) if run.error else None,
        }
        if run
        else None,
        "resize_errors": [_problem(error) for error in pool.resize_errors or ()],
        "start_task_failures": failures,
        "notes": [],
        "error": None,
        "as_of": timestamp(now()),
    }
    return answer | {"notes": notes_on(answer)}


def notes_on(pool: PoolAnswer) -> list[str]:
    """The pool's state in sentences, troubles first."""
    notes = []
    if pool["state"] == "deleting":
        notes.append("The pool is being deleted.")
    notes += [f"The pool cannot get the machines it wants: {error['message']}" for error in pool["resize_errors"]]
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
        notes.append(f"{_machines(preempted)} were taken back by Azure and will be replaced when there are spare ones.")
    has, wants = _sum(pool, "nodes"), _sum(pool, "targets")
    if pool["allocation_state"] != "steady" and has != wants:
        notes.append(f"The pool goes from {_machines(has)} to {_machines(wants)}.")
    elif has == 0:
        notes.append("The pool has no machines at the moment; it adds some when videos wait.")
    else:
        notes.append(f"{_machines(has)}, {states.get('running', 0)} of them at work.")
    return notes


async def _start_task_failures(clients: Clients) -> list[ErrorAnswer]:
    found: list[ErrorAnswer] = []
    nodes = clients.batch.list_nodes(
        clients.settings.pool_id,
        filter="state eq 'starttaskfailed'",
        select=["id", "startTaskInfo"],
        max_results=SHOWN_FAILURES,
    )
    async for page in nodes.by_page():
        async for node in page:
            info = node.start_task_info
            code = f"exit code {info.exit_code}" if info else "unknown"
            found.append(_failure(node.id, code, info.failure_info if info else None))
        break
    return list(islice(found, SHOWN_FAILURES))


def _failure(node: str, code: str, failure: BatchTaskFailureInfo | None) -> ErrorAnswer:
    message = f"the start task of {node} ended with {code}"
    if failure and failure.message:
        message += f": {failure.message}"
    return {"code": (failure and failure.code) or "StartTaskFailed", "message": message}


def _states(counts: list[BatchNodeCounts]) -> dict[str, int]:
    """How many nodes are in which state, by Batch's own names."""
    states: dict[str, int] = {}
    for count in counts:
        for state, number in count.as_dict().items():
            if state != "total" and number:
                states[state] = states.get(state, 0) + number
    return states


def _unreadable(id_: str, code: str, message: str) -> PoolAnswer:
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
        "as_of": timestamp(now()),
    }


def _sum(pool: PoolAnswer, which: str) -> int:
    nodes = pool["nodes"] if which == "nodes" else pool["targets"]
    return nodes["dedicated"] + nodes["low_priority"] if nodes else 0


def _machines(number: int) -> str:
    return f"{number} machine" + ("" if number == 1 else "s")


def _problem(error: AutoScaleRunError | ResizeError) -> ErrorAnswer:
    return {"code": error.code or "Unknown", "message": error.message or error.code or "no reason is given"}
