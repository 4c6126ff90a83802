"""Fault injection for nodes: loss, preemption and defects."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from batch_emulator import clock
from batch_emulator.node import lifecycle as node_lifecycle
from batch_emulator.node.model import Defect
from batch_emulator.pool import resize as pool_resize

if TYPE_CHECKING:
    from batch_emulator.account import Account
    from batch_emulator.node.model import Node


async def lose(node: Node) -> None:
    """Remove the node with its files; its tasks are queued again and another node replaces it."""
    pool = node.pool
    node.move_to("unknown")
    await _interrupt_tasks(node)
    await node_lifecycle.power_off(node)
    pool.account.remove_node(node)
    pool.account.due_times.add("replace node", _subject(node), at=clock.after(pool.account.options.allocation_delay))
    pool.wake_scheduler()


def replace(account: Account, subject: str) -> None:
    """Add a node in place of a lost one."""
    pool = account.pools.get(subject.partition("/")[0])
    if pool is not None and pool.state == "active" and pool.has_too_few_nodes:
        pool_resize.add_node(pool, dedicated=subject.endswith("_d"))


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
    node.move_to("preempted")
    if seconds is None:
        node.pool.account.due_times.remove("restore node", _subject(node))
    else:
        node.pool.account.due_times.add("restore node", _subject(node), at=clock.after(seconds))
    await _interrupt_tasks(node)
    await node_lifecycle.power_off(node)
    node.pool.wake_scheduler()


def restore(account: Account, subject: str) -> None:
    """Start a preempted node again."""
    pool_key, _, node_id = subject.partition("/")
    pool = account.pools.get(pool_key)
    node = pool.nodes.get(node_id) if pool is not None else None
    if node is not None and node.state == "preempted":
        node_lifecycle.start(node)


def restore_now(node: Node) -> None:
    """Start a node again before its time, or without one."""
    node.pool.account.due_times.remove("restore node", _subject(node))
    node_lifecycle.start(node)


def _subject(node: Node) -> str:
    return f"{node.pool.key}/{node.id}"


async def _interrupt_tasks(node: Node) -> None:
    runs = [task.run for task in list(node.tasks) if task.run is not None]
    await asyncio.gather(*(run.interrupt("lost") for run in runs))
