"""Creates pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_emulator import defaults
from batch_emulator.entity import created
from batch_emulator.errors import BatchError
from batch_emulator.pool import autoscale as pool_autoscale
from batch_emulator.pool import resize as pool_resize
from batch_emulator.pool.model import Pool

if TYPE_CHECKING:
    from batch_emulator.account import Account
    from batch_emulator.entity import Doc


def create(account: Account, spec: Doc) -> Pool:
    """Create a pool from a checked body and begin to add its nodes."""
    if spec["id"].lower() in account.pools:
        raise BatchError("PoolExists")
    if len(account.pools) >= account.limits.pools:
        raise BatchError("PoolQuotaReached", "The pool quota of the account is reached.")
    _check_size(spec)
    _check_containers(spec)
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


def _check_containers(spec: Doc) -> None:
    """Refuse a start task in a container on a pool that is not configured for containers."""
    configured = "containerConfiguration" in spec.get("virtualMachineConfiguration", {})
    if "containerSettings" in spec.get("startTask", {}) and not configured:
        reason = "The pool has no containerConfiguration"
        raise BatchError("InvalidPropertyValue", PropertyName="startTask.containerSettings", Reason=reason)


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
