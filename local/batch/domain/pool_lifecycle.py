"""Creating and deleting a pool."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from local.batch import defaults
from local.batch.domain import pool_autoscale, pool_resize
from local.batch.domain.model import Pool
from local.batch.entity import created
from local.batch.errors import BatchError

if TYPE_CHECKING:
    from local.batch.domain.model import Account
    from local.batch.entity import Doc


def check_changeable(pool: Pool) -> None:
    """Refuse changes to a pool that is being deleted."""
    if pool.state == "deleting":
        raise BatchError("PoolBeingDeleted", "The specified pool is being deleted.")


def create(account: Account, spec: Doc) -> Pool:
    """Create a pool from a checked body and begin to add its nodes."""
    if spec["id"].lower() in account.pools:
        raise BatchError("PoolExists")
    if len(account.pools) >= account.limits.pools:
        raise BatchError("PoolQuotaReached", "The pool quota of the account is reached.")
    _check_size(spec)
    pool = _create(spec, account)
    account.pools[pool.key] = pool
    pool.save()
    for job in account.jobs.values():  # jobs that wait for it
        if job.pool is None and job.doc["poolInfo"].get("poolId", "").lower() == pool.key:
            job.pool = pool
            pool.jobs[job.key] = job
    if pool.doc["enableAutoScale"]:
        pool_autoscale.evaluate_and_apply(pool)
    else:
        pool_resize.approach_targets(pool)
    pool_autoscale.start(pool)
    return pool


def specification(spec: Doc) -> Doc:
    """A pool specification with its defaults."""
    doc: Doc = {
        "taskSlotsPerNode": 1,
        "taskSchedulingPolicy": {"nodeFillType": "Spread"},
        "resizeTimeout": "PT15M",
        "targetDedicatedNodes": 0,
        "targetLowPriorityNodes": 0,
        "enableAutoScale": False,
        "enableInterNodeCommunication": False,
    } | spec
    if "startTask" in doc:
        doc["startTask"] = start_task(doc["startTask"])
    return doc


def start_task(spec: Doc) -> Doc:
    """A start task with its defaults."""
    return {"maxTaskRetryCount": 0, "waitForSuccess": True, "userIdentity": defaults.USER} | spec


def _create(spec: Doc, account: Account) -> Pool:
    numbers: Doc = {"allocationState": "steady", "currentDedicatedNodes": 0, "currentLowPriorityNodes": 0}
    head = {"id": spec["id"], "url": f"{account.url}/pools/{spec['id']}"}
    doc = created(head | numbers | specification(spec), state="active")
    doc["allocationStateTransitionTime"] = doc["creationTime"]
    if doc["enableAutoScale"]:
        doc.setdefault("autoScaleEvaluationInterval", "PT15M")
    return Pool(doc, account, on_change=account.save_pool)


def _check_size(spec: Doc) -> None:
    """Refuse a pool with both a formula and targets, or without the one that enableAutoScale calls for."""
    targets = "targetDedicatedNodes" in spec or "targetLowPriorityNodes" in spec
    if spec.get("enableAutoScale"):
        if "autoScaleFormula" not in spec:
            raise BatchError("MissingRequiredProperty", PropertyName="autoScaleFormula")
        if targets:
            raise BatchError("InvalidPropertyValue", PropertyName="targetDedicatedNodes", Reason="autoscale is on")
        pool_autoscale.check(spec["autoScaleFormula"])
    elif "autoScaleFormula" in spec:
        raise BatchError("InvalidPropertyValue", PropertyName="autoScaleFormula", Reason="enableAutoScale is off")


def start_delete(pool: Pool) -> None:
    """Begin to delete an active pool; does nothing if it is being deleted already."""
    if pool.state == "active":
        pool.move_to("deleting")
        resume_delete(pool)


def resume_delete(pool: Pool) -> None:
    """Continue a deletion that a crash interrupted."""
    pool.account.run_in_background(asyncio.create_task(_delete(pool)))


async def _delete(pool: Pool) -> None:
    """Remove every node, then the pool; its jobs stay and wait for another pool with its id."""
    await pool_autoscale.stop(pool)
    if pool.resizing is not None:
        pool.resizing.cancel()
        await asyncio.wait([pool.resizing])
    pool.set_allocation_state("resizing")
    for node in pool.nodes.values():
        node.removal = "requeue"
    await asyncio.gather(*(pool_resize.remove_node(node) for node in list(pool.nodes.values())))
    pool.account.pools.pop(pool.key, None)
    pool.account.store.remove("pool", pool.key)
    for job in pool.jobs.values():
        job.pool = None
