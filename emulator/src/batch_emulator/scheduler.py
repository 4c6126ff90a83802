"""Assigns waiting tasks to nodes."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from batch_emulator import execution
from batch_emulator.task import lifecycle as task_lifecycle
from batch_emulator.task.model import Run

if TYPE_CHECKING:
    from batch_emulator.node.model import Node
    from batch_emulator.pool.model import Pool
    from batch_emulator.task.model import Task

_turns = itertools.count(1)


def place_tasks(pool: Pool) -> None:
    """Start waiting tasks on the free nodes of `pool`."""
    free = {node: node.free_slots for node in pool.nodes.values() if node.free_slots > 0}
    # Jobs of the same priority take turns, beginning with the one that has waited longest. Within a job, a task that
    # needs more slots than are free holds back those behind it, so that it does not starve.
    by_priority = sorted(pool.jobs.values(), key=lambda job: (-job.priority, job.last_served))
    while free and by_priority:
        first = by_priority[0].priority
        level = [job for job in by_priority if job.priority == first]
        by_priority = by_priority[len(level) :]
        while free and level:
            level = [job for job in level if (task := job.next_task()) and _start(task, free, pool)]


def _start(task: Task, free: dict[Node, int], pool: Pool) -> bool:
    node = _choose_node(task, free, pool)
    if node is None:
        return False
    task.job.queue.popleft()
    task.job.last_served = next(_turns)
    task_lifecycle.assign(task, node)
    node.assign(task)
    task.job.running.add(task)
    task.run = run = Run(node)
    run.work = asyncio.get_running_loop().create_task(execution.execute(task, run))
    free[node] -= task.slots
    if free[node] <= 0:
        del free[node]
    return True


def _choose_node(task: Task, free: dict[Node, int], pool: Pool) -> Node | None:
    preparations = task.job.preparations
    fitting = [
        node
        for node, slots in free.items()
        if slots >= task.slots and not ((preparation := preparations.get(node.id)) and preparation.failed)
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
