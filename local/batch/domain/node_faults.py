"""Fault injection for nodes: loss, preemption and defects."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from local.batch import clock
from local.batch.domain import node_lifecycle, pool_resize
from local.batch.domain.model import Defect

if TYPE_CHECKING:
    from local.batch.domain.model import Node


async def lose(node: Node) -> None:
    """Remove the node with its files; its tasks are queued again and another node replaces it."""
    pool = node.pool
    node.move_to("unknown")
    await _interrupt_tasks(node)
    await node_lifecycle.power_off(node)
    pool.account.remove_node(node)

    async def replace() -> None:
        await asyncio.sleep(pool.account.options.allocation_delay)
        if pool.state == "active" and pool.has_too_few_nodes:
            pool_resize.add_node(pool, dedicated=node.dedicated)

    pool.account.run_in_background(asyncio.create_task(replace()))
    pool.wake_scheduler()


async def damage(node: Node, *, state: str, remedy: str) -> None:
    """Put the node into a state in which it runs no tasks, until `remedy`; its tasks are queued again."""
    node.defect = Defect(state, remedy)
    if node.startup is not None:
        node.startup.cancel()
    node.move_to(state)
    await _interrupt_tasks(node)
    node.pool.wake_scheduler()


async def preempt(node: Node, *, seconds: float | None) -> None:
    """Preempt the node, and start it again after `seconds`; None leaves it preempted."""
    due = None if seconds is None else clock.timestamp(datetime.now(UTC) + timedelta(seconds=seconds))
    node.restore_at = due
    node.move_to("preempted")
    await _interrupt_tasks(node)
    await node_lifecycle.power_off(node)
    node.packages.clear()
    node.pool.wake_scheduler()
    schedule_restore(node)


def schedule_restore(node: Node) -> None:
    """Start the preempted node again at its time, if it has one."""
    due = node.restore_at
    if due is None:
        return

    async def restore() -> None:
        await asyncio.sleep(max(0.0, clock.seconds_until(due)))
        if node.pool.nodes.get(node.id) is node and node.state == "preempted" and node.restore_at == due:
            node.restore_at = None
            node_lifecycle.start(node)

    node.pool.account.run_in_background(asyncio.create_task(restore()))


async def _interrupt_tasks(node: Node) -> None:
    runs = [task.run for task in list(node.tasks) if task.run is not None]
    await asyncio.gather(*(run.interrupt("lost") for run in runs))
