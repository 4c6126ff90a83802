"""What happens to nodes without anybody wanting it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from local.batch.domain import node_life, pool_life, scheduler

if TYPE_CHECKING:
    from local.batch.domain.node import Node


async def lose(node: Node) -> None:
    """The machine is gone with its files; its tasks go back to their queues and another node takes its place."""
    pool = node.pool
    node.move_to("unknown")
    await _drop_tasks(node)
    await node_life.power_off(node)
    pool.nodes.pop(node.id, None)
    pool.account.node_removed(node)
    pool.recount()
    delay = pool.account.options.allocation_delay

    async def replace() -> None:
        await asyncio.sleep(delay)
        if pool.state == "active" and pool.short_of_nodes:
            pool_life.join(pool, dedicated=node.dedicated)

    pool.account.keep(asyncio.create_task(replace()))
    scheduler.wake(pool)


async def preempt(node: Node, *, seconds: float | None) -> None:
    """Azure takes the machine back; after `seconds`, if given, it gives another one for the same node."""
    node.move_to("preempted")
    await _drop_tasks(node)
    await node_life.power_off(node)
    node.packages.clear()
    scheduler.wake(node.pool)
    if seconds is not None:

        async def give_back() -> None:
            await asyncio.sleep(seconds)
            if node.pool.nodes.get(node.id) is node and node.state == "preempted":
                node_life.boot(node)

        node.pool.account.keep(asyncio.create_task(give_back()))


async def _drop_tasks(node: Node) -> None:
    runs = [task.run for task in list(node.tasks) if task.run is not None]
    await asyncio.gather(*(run.interrupt("lost") for run in runs))
