"""Adds nodes to a pool and removes them until their number is that of its targets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from batch_emulator import clock
from batch_emulator.node import creation as node_creation
from batch_emulator.node import lifecycle as node_lifecycle

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from batch_emulator.entity import Doc
    from batch_emulator.node.model import Node
    from batch_emulator.pool.model import Pool


_TARGETS = {True: "targetDedicatedNodes", False: "targetLowPriorityNodes"}
_RESIZE_STOPPED: Doc = {
    "code": "ResizeStopped",
    "message": "Desired number of nodes could not be allocated as the resize was stopped",
}


def resize(
    pool: Pool,
    *,
    dedicated: int | None = None,
    low_priority: int | None = None,
    option: str = "requeue",
    timeout: str | None = None,
) -> None:
    """Set targets and begin to approach them; None leaves a target or the timeout as it is."""
    if timeout is not None:
        pool.doc["resizeTimeout"] = timeout
    if dedicated is not None:
        pool.doc["targetDedicatedNodes"] = dedicated
    if low_priority is not None:
        pool.doc["targetLowPriorityNodes"] = low_priority
    pool.doc.pop("resizeErrors", None)
    pool.touch()
    _start(pool, _approach_targets(pool, option))


def approach_targets(pool: Pool) -> None:
    """Begin to approach the present targets."""
    _start(pool, _approach_targets(pool, "requeue"))


def stop(pool: Pool) -> None:
    """Stop a resize: the targets become the present numbers of nodes."""
    if pool.doc["allocationState"] == "steady":
        return
    pool.set_allocation_state("stopping")
    if pool.resizing is not None:
        pool.resizing.cancel()
        pool.resizing = None
    leaving = []
    for node in pool.nodes.values():
        if node.leaving is not None:
            leaving.append(node.leaving)
        elif node.removal is not None:
            node.removal = None
            node.save()
    pool.wake_scheduler()
    staying = [node.dedicated for node in pool.nodes.values() if node.removal is None]
    pool.doc["targetDedicatedNodes"] = staying.count(True)
    pool.doc["targetLowPriorityNodes"] = staying.count(False)
    pool.doc["resizeErrors"] = [_RESIZE_STOPPED]
    pool.touch()
    if leaving:
        pool.resizing = asyncio.get_running_loop().create_task(_wait_for_leaving(pool, leaving))
    else:
        pool.set_allocation_state("steady")


async def _wait_for_leaving(pool: Pool, leaving: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(leaving)
    pool.resizing = None
    pool.set_allocation_state("steady")


def _start(pool: Pool, work: Coroutine[None, None, None]) -> None:
    if pool.resizing is not None:
        pool.resizing.cancel()
    pool.set_allocation_state("resizing")
    pool.resizing = asyncio.get_running_loop().create_task(work)


async def _approach_targets(pool: Pool, option: str) -> None:
    errors: list[Doc] = []
    try:
        async with asyncio.timeout(_seconds_left(pool)):
            await _reach_targets(pool, option, errors)
    except TimeoutError:
        errors += _timeout_errors(pool)
    if errors:
        pool.doc["resizeErrors"] = errors
    pool.recount_nodes()
    pool.resizing = None
    pool.set_allocation_state("steady")


async def _reach_targets(pool: Pool, option: str, errors: list[Doc]) -> None:
    """Add and remove nodes; `errors` gets what the quota does not allow."""
    limit = pool.account.limits.nodes
    wanted = {True: int(pool.doc["targetDedicatedNodes"]), False: int(pool.doc["targetLowPriorityNodes"])}
    for dedicated, room in ((True, limit), (False, limit - min(limit, wanted[True]))):
        if wanted[dedicated] > room:
            errors.append(_quota_error(dedicated, limit))
            wanted[dedicated] = room
    for dedicated, target in wanted.items():
        present = _staying(pool, dedicated=dedicated)
        # Idle nodes go first, then those with the fewest slots in use.
        for node in sorted(present, key=lambda node: node.used_slots)[: max(0, len(present) - target)]:
            node.removal = option.lower()
            node.save()
    missing = any(len(_staying(pool, dedicated=dedicated)) < target for dedicated, target in wanted.items())
    if missing:
        await pool.account.pool_faults.wait_for_nodes()
        if pool.account.options.allocation_delay:
            await asyncio.sleep(pool.account.options.allocation_delay)
    for dedicated, target in wanted.items():
        for _ in range(target - len(_staying(pool, dedicated=dedicated))):
            add_node(pool, dedicated=dedicated)
    await asyncio.gather(*(remove_node(node) for node in list(pool.nodes.values()) if node.removal is not None))


def _staying(pool: Pool, *, dedicated: bool) -> list[Node]:
    return [node for node in pool.nodes.values() if node.dedicated == dedicated and node.removal is None]


def _seconds_left(pool: Pool) -> float:
    """How long a resize that has begun may still take."""
    return clock.seconds(pool.doc["resizeTimeout"]) + clock.seconds_until(pool.doc["allocationStateTransitionTime"])


def _timeout_errors(pool: Pool) -> list[Doc]:
    """The errors of a resize that took too long, after which nodes that have not begun to leave stay."""
    for node in pool.nodes.values():
        if node.leaving is None and node.removal is not None:
            node.removal = None
            node.save()
    pool.wake_scheduler()
    return [
        {
            "code": "AllocationTimedout",
            "message": f"Desired number of {kind} nodes could not be allocated as the resize timed out",
        }
        for dedicated, kind in ((True, "dedicated"), (False, "low priority"))
        if len(_staying(pool, dedicated=dedicated)) != pool.doc[_TARGETS[dedicated]]
    ]


def _quota_error(dedicated: bool, limit: int) -> Doc:
    return {
        "code": "AccountCoreQuotaReached" if dedicated else "AccountLowPriorityCoreQuotaReached",
        "message": "The specified account has reached core quota",
        "values": [{"name": "NodeQuota", "value": str(limit)}],
    }


def add_node(pool: Pool, *, dedicated: bool) -> None:
    """Add a node and start it."""
    node = node_creation.create(pool, dedicated=dedicated)
    pool.nodes[node.id] = node
    pool.recount_nodes()
    node_lifecycle.start(node)


async def remove_node(node: Node) -> None:
    """Remove a node from its pool, treating its tasks as its `removal` option says.

    Cancelling this keeps the node only as long as it waits for its tasks: a node that is leaving leaves.
    """
    if node.removal in ("taskcompletion", "retaineddata"):
        while runs := [task.run.work for task in node.tasks if task.run is not None and task.run.work is not None]:
            await asyncio.wait(runs)
    if node.leaving is None:
        node.leaving = asyncio.get_running_loop().create_task(_leave(node))
        node.pool.account.run_in_background(node.leaving)
    await asyncio.shield(node.leaving)


def resume_removal(node: Node) -> None:
    """Continue a removal that a crash interrupted."""
    node.pool.account.run_in_background(asyncio.get_running_loop().create_task(remove_node(node)))


async def _leave(node: Node) -> None:
    node.move_to("leavingpool")
    await node_lifecycle.evict(node, requeue=node.removal != "terminate")
    await node_lifecycle.power_off(node)
    node.pool.account.remove_node(node)
    node.pool.wake_scheduler()


def remove_nodes(pool: Pool, chosen: list[Node], option: str) -> None:
    """Begin to remove these nodes; the targets shrink accordingly."""
    for node in chosen:
        node.removal = option.lower()
        node.save()
        name = _TARGETS[node.dedicated]
        pool.doc[name] = max(0, pool.doc[name] - 1)
    pool.touch()
    _start(pool, _remove_nodes(pool, chosen))


async def _remove_nodes(pool: Pool, chosen: list[Node]) -> None:
    try:
        async with asyncio.timeout(_seconds_left(pool)):
            await asyncio.gather(*(remove_node(node) for node in chosen))
    except TimeoutError:
        pool.doc["resizeErrors"] = _timeout_errors(pool)
    pool.resizing = None
    pool.set_allocation_state("steady")
