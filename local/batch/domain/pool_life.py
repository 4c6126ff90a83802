"""How a pool gets its nodes and loses them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from local.batch.domain import node as nodes
from local.batch.domain import node_life, scaling, scheduler
from local.batch.domain import pool as pools
from local.batch.errors import BatchError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from local.batch.domain.account import Account
    from local.batch.domain.entity import Doc
    from local.batch.domain.node import Node
    from local.batch.domain.pool import Pool


def open_for_changes(pool: Pool) -> None:
    """Refuse what a pool that goes away does not allow."""
    if pool.state == "deleting":
        raise BatchError("PoolBeingDeleted", "The specified pool is being deleted.")


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
    _start(pool, _approach(pool, option))


def approach(pool: Pool) -> None:
    """Go on towards the targets."""
    _start(pool, _approach(pool, "requeue"))


def stop_resize(pool: Pool) -> None:
    """Give up on nodes that are not there yet; the targets become what there is."""
    if pool.doc["allocationState"] == "steady":
        return
    pool.allocate("stopping")
    if pool.resizing is not None:
        pool.resizing.cancel()
    for node in pool.nodes.values():
        if node.state != "leavingpool":
            node.removal = None
    scheduler.wake(pool)
    _settle_for_what_there_is(pool)
    pool.touch()
    pool.allocate("steady")


def _settle_for_what_there_is(pool: Pool) -> None:
    pool.recount()
    pool.doc["targetDedicatedNodes"] = pool.doc["currentDedicatedNodes"]
    pool.doc["targetLowPriorityNodes"] = pool.doc["currentLowPriorityNodes"]


def _start(pool: Pool, work: Coroutine[None, None, None]) -> None:
    if pool.resizing is not None:
        pool.resizing.cancel()
    pool.allocate("resizing")
    pool.resizing = asyncio.get_running_loop().create_task(work)


async def _approach(pool: Pool, option: str) -> None:
    errors: list[Doc] = []
    leaving: list[Node] = []
    limit = pool.account.limits.nodes
    wanted = 0
    joining: list[tuple[bool, int]] = []
    for dedicated, name in ((True, "targetDedicatedNodes"), (False, "targetLowPriorityNodes")):
        here = [node for node in pool.nodes.values() if node.dedicated == dedicated and node.removal is None]
        target = int(pool.doc[name])
        if wanted + target > limit:
            errors.append(_quota_error(dedicated, limit))
            target = max(0, limit - wanted)
        wanted += target
        joining.append((dedicated, target - len(here)))
        # Idle nodes go first, then those with the least to do.
        leaving += sorted(here, key=lambda node: node.used)[: max(0, len(here) - target)]
    for node in leaving:
        node.removal = option.lower()
    if any(count > 0 for _, count in joining) and pool.account.options.allocation_delay:
        await asyncio.sleep(pool.account.options.allocation_delay)
    for dedicated, count in joining:
        for _ in range(count):
            join(pool, dedicated=dedicated)
    await asyncio.gather(*(leave(node) for node in leaving))
    if errors:
        pool.doc["resizeErrors"] = errors
    pool.recount()
    pool.resizing = None
    pool.allocate("steady")


def _quota_error(dedicated: bool, limit: int) -> Doc:
    kind = "AccountCoreQuotaReached" if dedicated else "AccountLowPriorityCoreQuotaReached"
    return {
        "code": kind,
        "message": "The specified account has reached core quota",
        "values": [{"name": "NodeQuota", "value": str(limit)}],
    }


def join(pool: Pool, *, dedicated: bool) -> Node:
    """Add one node and start its life."""
    node = nodes.make(pool, dedicated=dedicated, root=pool.account.node_root)
    pool.nodes[node.id] = node
    pool.recount()
    node_life.boot(node)
    return node


async def leave(node: Node) -> None:
    """Take a node out of its pool, its tasks treated as its `removal` says."""
    pool = node.pool
    if node.removal in ("taskcompletion", "retaineddata"):
        while runs := [task.run.work for task in node.tasks if task.run is not None and task.run.work is not None]:
            await asyncio.wait(runs)
    node.move_to("leavingpool")
    await node_life.evict(node, requeue=node.removal != "terminate")
    await node_life.power_off(node)
    pool.nodes.pop(node.id, None)
    pool.account.node_removed(node)
    pool.recount()
    scheduler.wake(pool)


def remove_nodes(pool: Pool, chosen: list[Node], option: str) -> None:
    """Take these nodes out; the targets shrink by as many."""
    for node in chosen:
        node.removal = option.lower()
        name = "targetDedicatedNodes" if node.dedicated else "targetLowPriorityNodes"
        pool.doc[name] = max(0, pool.doc[name] - 1)
    pool.touch()
    _start(pool, _remove(pool, chosen))


async def _remove(pool: Pool, chosen: list[Node]) -> None:
    await asyncio.gather(*(leave(node) for node in chosen))
    pool.resizing = None
    pool.allocate("steady")


async def delete(pool: Pool) -> None:
    """Remove every node, then the pool; its jobs stay and wait."""
    await scaling.stop(pool)
    if pool.resizing is not None:
        pool.resizing.cancel()
        await asyncio.wait([pool.resizing])
    pool.allocate("resizing")
    for node in pool.nodes.values():
        node.removal = "requeue"
    await asyncio.gather(*(leave(node) for node in list(pool.nodes.values())))
    pool.account.pool_removed(pool)


def create(account: Account, spec: Doc) -> Pool:
    """Make a pool from a checked body and let its nodes come."""
    if spec["id"].lower() in account.pools:
        raise BatchError("PoolExists")
    if len(account.pools) >= account.limits.pools:
        raise BatchError("PoolQuotaReached", "The pool quota of the account is reached.")
    _check_size(spec)
    pool = pools.make(spec, account=account, url=f"{account.url}/pools/{spec['id']}")
    account.pools[pool.key] = pool
    account.pool_changed(pool)
    for job in account.jobs.values():
        if job.pool is None and job.doc["poolInfo"].get("poolId", "").lower() == pool.key:
            job.pool = pool
            pool.jobs[job.key] = job
    begin(pool)
    return pool


def _check_size(spec: Doc) -> None:
    """Refuse a pool that has both a formula and targets, or neither where one is needed."""
    targets = "targetDedicatedNodes" in spec or "targetLowPriorityNodes" in spec
    if spec.get("enableAutoScale"):
        if "autoScaleFormula" not in spec:
            raise BatchError("MissingRequiredProperty", PropertyName="autoScaleFormula")
        if targets:
            raise BatchError("InvalidPropertyValue", PropertyName="targetDedicatedNodes", Reason="autoscale is on")
        scaling.check(spec["autoScaleFormula"])
    elif "autoScaleFormula" in spec:
        raise BatchError("InvalidPropertyValue", PropertyName="autoScaleFormula", Reason="enableAutoScale is off")


def begin(pool: Pool) -> None:
    """Let the first nodes of a new pool come."""
    if pool.doc["enableAutoScale"]:
        scaling.evaluate_and_apply(pool)
    else:
        _start(pool, _approach(pool, "requeue"))
    scaling.watch(pool)
