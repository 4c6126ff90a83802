"""Which waiting task goes onto which node."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from local.batch.domain import execution
from local.batch.domain.task import Run

if TYPE_CHECKING:
    from local.batch.domain.node import Node
    from local.batch.domain.pool import Pool
    from local.batch.domain.task import Task

_TURNS = itertools.count(1)


def wake(pool: Pool | None) -> None:
    """Place tasks of `pool` soon: once for however many reasons there are."""
    if pool is not None and not pool.scheduled:
        pool.scheduled = True
        asyncio.get_running_loop().call_soon(_place, pool)


def _place(pool: Pool) -> None:
    pool.scheduled = False
    free = {node: node.free for node in pool.nodes.values() if node.free > 0}
    # Jobs of one priority take turns, first who has waited longest. Within a job a task too wide for now holds back
    # those behind it, so it cannot starve.
    by_priority = sorted(pool.jobs.values(), key=lambda job: (-job.priority, job.served))
    while free and by_priority:
        first = by_priority[0].priority
        level = [job for job in by_priority if job.priority == first]
        by_priority = by_priority[len(level) :]
        while free and level:
            level = [job for job in level if (task := job.next_task()) and _start(task, free, pool)]


def _start(task: Task, free: dict[Node, int], pool: Pool) -> bool:
    node = _choose(task, free, pool)
    if node is None:
        return False
    task.job.ready.popleft()
    task.job.served = next(_TURNS)
    task.assigned(node)
    node.take(task)
    task.job.running.add(task)
    task.run = run = Run(node)
    run.work = asyncio.get_running_loop().create_task(execution.drive(task, run))
    free[node] -= task.slots
    if free[node] <= 0:
        del free[node]
    return True


def _choose(task: Task, free: dict[Node, int], pool: Pool) -> Node | None:
    parts = task.job.parts
    fitting = [
        node
        for node, slots in free.items()
        if slots >= task.slots and not ((part := parts.get(node.id)) and part.failed)
    ]
    if not fitting:
        return None
    wanted = task.doc.get("affinityInfo", {}).get("affinityId")
    if wanted is not None:
        for node in fitting:
            if node.doc["affinityId"] == wanted:
                return node
    pack = pool.doc["taskSchedulingPolicy"]["nodeFillType"].lower() == "pack"
    return (min if pack else max)(fitting, key=lambda node: free[node])
