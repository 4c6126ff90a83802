"""Adds nodes to a pool and removes them until their number is that of its targets."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from local.batch import clock
from local.batch.domain import node_lifecycle
from local.batch.domain.model import Node

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from local.batch.domain.model import Pool
    from local.batch.entity import Doc


def resize(
    pool: Pool, *, dedicated: int | None = None, low_priority: int | None = None, option: str = "requeue"
) -> None:
    """Set targets and begin to approach them; None leaves a target as it is."""
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
    for node in pool.nodes.values():
        if node.state != "leavingpool":
            node.removal = None
    pool.wake_scheduler()
    pool.recount_nodes()
    pool.doc["targetDedicatedNodes"] = pool.doc["currentDedicatedNodes"]
    pool.doc["targetLowPriorityNodes"] = pool.doc["currentLowPriorityNodes"]
    pool.touch()
    pool.set_allocation_state("steady")


def _start(pool: Pool, work: Coroutine[None, None, None]) -> None:
    if pool.resizing is not None:
        pool.resizing.cancel()
    pool.set_allocation_state("resizing")
    pool.resizing = asyncio.get_running_loop().create_task(work)


async def _approach_targets(pool: Pool, option: str) -> None:
    errors: list[Doc] = []
    leaving: list[Node] = []
    limit = pool.account.limits.nodes
    wanted = 0
    joining: list[tuple[bool, int]] = []
    for dedicated, name in ((True, "targetDedicatedNodes"), (False, "targetLowPriorityNodes")):
        present = [node for node in pool.nodes.values() if node.dedicated == dedicated and node.removal is None]
        target = int(pool.doc[name])
        if wanted + target > limit:
            errors.append(_quota_error(dedicated, limit))
            target = max(0, limit - wanted)
        wanted += target
        joining.append((dedicated, target - len(present)))
        # Idle nodes go first, then those with the fewest slots in use.
        leaving += sorted(present, key=lambda node: node.used_slots)[: max(0, len(present) - target)]
    for node in leaving:
        node.removal = option.lower()
    if any(count > 0 for _, count in joining):
        await pool.account.pool_faults.wait_for_nodes()
        await asyncio.sleep(pool.account.options.allocation_delay)
    for dedicated, count in joining:
        for _ in range(count):
            add_node(pool, dedicated=dedicated)
    await asyncio.gather(*(remove_node(node) for node in leaving))
    if errors:
        pool.doc["resizeErrors"] = errors
    pool.recount_nodes()
    pool.resizing = None
    pool.set_allocation_state("steady")


def _quota_error(dedicated: bool, limit: int) -> Doc:
    return {
        "code": "AccountCoreQuotaReached" if dedicated else "AccountLowPriorityCoreQuotaReached",
        "message": "The specified account has reached core quota",
        "values": [{"name": "NodeQuota", "value": str(limit)}],
    }


def add_node(pool: Pool, *, dedicated: bool) -> None:
    """Add a node and start it."""
    node = _create_node(pool, dedicated=dedicated)
    pool.nodes[node.id] = node
    pool.recount_nodes()
    node_lifecycle.start(node)


async def remove_node(node: Node) -> None:
    """Remove a node from its pool, treating its tasks as its `removal` option says."""
    if node.removal in ("taskcompletion", "retaineddata"):
        while runs := [task.run.work for task in node.tasks if task.run is not None and task.run.work is not None]:
            await asyncio.wait(runs)
    node.move_to("leavingpool")
    await node_lifecycle.evict(node, requeue=node.removal != "terminate")
    await node_lifecycle.power_off(node)
    node.pool.account.remove_node(node)
    node.pool.wake_scheduler()


def remove_nodes(pool: Pool, chosen: list[Node], option: str) -> None:
    """Begin to remove these nodes; the targets shrink accordingly."""
    for node in chosen:
        node.removal = option.lower()
        name = "targetDedicatedNodes" if node.dedicated else "targetLowPriorityNodes"
        pool.doc[name] = max(0, pool.doc[name] - 1)
    pool.touch()
    _start(pool, _remove_nodes(pool, chosen))


async def _remove_nodes(pool: Pool, chosen: list[Node]) -> None:
    await asyncio.gather(*(remove_node(node) for node in chosen))
    pool.resizing = None
    pool.set_allocation_state("steady")


def _create_node(pool: Pool, *, dedicated: bool) -> Node:
    name = f"tvmps_{secrets.token_hex(16)}_{'d' if dedicated else 'p'}"
    stamp = clock.now()
    doc: Doc = {
        "id": name,
        "url": f"{pool.doc['url']}/nodes/{name}",
        "state": "creating",
        "schedulingState": "enabled",
        "stateTransitionTime": stamp,
        "lastBootTime": stamp,
        "allocationTime": stamp,
        "ipAddress": "127.0.0.1",
        "ipv6Address": "::1",
        "affinityId": f"TVM:{name}",
        "vmSize": pool.doc["vmSize"],
        "isDedicated": dedicated,
        "totalTasksRun": 0,
        "totalTasksSucceeded": 0,
        "runningTasksCount": 0,
        "runningTaskSlotsCount": 0,
        "endpointConfiguration": {
            "inboundEndpoints": [
                {
                    "name": "SSHRule.0",
                    "protocol": "tcp",
                    "publicIPAddress": "127.0.0.1",
                    "publicFQDN": "localhost",
                    "frontendPort": 22,
                    "backendPort": 22,
                }
            ]
        },
        "nodeAgentInfo": {"version": "1.0.0", "lastUpdateTime": stamp},
        "virtualMachineInfo": {"imageReference": pool.image},
    }
    if "startTask" in pool.doc:
        doc["startTask"] = pool.doc["startTask"]
    return Node(doc, pool, pool.account.node_root / name, on_change=pool.account.save_node)
