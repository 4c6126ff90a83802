"""Automatic scaling of a pool: takes samples, evaluates the formula on schedule, applies the result."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psutil

from batch_emulator import clock
from batch_emulator.autoscale import (
    Formula,
    FormulaError,
    InsufficientSampleDataError,
    Result,
    Situation,
    evaluate,
    parse,
)
from batch_emulator.errors import BatchError
from batch_emulator.pool import resize as pool_resize

if TYPE_CHECKING:
    from batch_emulator.entity import Doc
    from batch_emulator.pool.model import Pool

log = logging.getLogger(__name__)

_MIN_SECONDS_BETWEEN_ENABLES = 30


def check(formula: str) -> Formula:
    """Parse the formula. Raises InvalidPropertyValue."""
    try:
        return parse(formula)
    except FormulaError as error:
        raise BatchError("InvalidPropertyValue", PropertyName="autoScaleFormula", Reason=error) from None


def start(pool: Pool) -> None:
    """Begin to sample the pool and, while autoscale is enabled, to evaluate its formula."""
    pool.autoscaling = asyncio.get_running_loop().create_task(_sample_and_evaluate(pool))


async def _sample_and_evaluate(pool: Pool) -> None:
    options = pool.account.options
    pause = pool.history.period / options.autoscale_speed
    while True:
        # The first sample is taken before the first evaluation, which does not see it yet.
        pool.history.record(now(pool), sample(pool))
        if pool.doc["enableAutoScale"] and (pool.next_evaluation is None or now(pool) >= pool.next_evaluation):
            evaluate_and_apply(pool)
        await asyncio.sleep(pause)


def now(pool: Pool) -> datetime:
    """The time of autoscaling, which passes faster with --autoscale-speed."""
    return pool.account.autoscale_clock.now()


def sample(pool: Pool) -> dict[str, float]:
    """The pool's present metrics, without those of disk and network."""
    counts = [job.counts.tasks for job in pool.jobs.values()]
    active, running = sum(each["active"] for each in counts), sum(each["running"] for each in counts)
    states = [node.state for node in pool.nodes.values()]
    return {
        "$ActiveTasks": float(active),
        "$RunningTasks": float(running),
        "$PendingTasks": float(active + running),
        "$SucceededTasks": float(sum(each["succeeded"] for each in counts)),
        "$FailedTasks": float(sum(each["failed"] for each in counts)),
        "$SampleNodeCount": float(len(states)),
        "$UsableNodeCount": float(sum(state in ("idle", "running") for state in states)),
        "$CurrentDedicatedNodes": float(pool.doc["currentDedicatedNodes"]),
        "$CurrentLowPriorityNodes": float(pool.doc["currentLowPriorityNodes"]),
        "$PreemptedNodeCount": float(states.count("preempted")),
        "$TaskSlotsPerNode": float(pool.slots),
        "$CPUPercent": psutil.cpu_percent() / 100,
        "$MemoryBytes": psutil.virtual_memory().used / 2**20,
    }


def situation(pool: Pool) -> Situation:
    """The pool as a formula sees it."""
    doc = pool.doc
    return Situation(
        now=now(pool),
        history=pool.history,
        current_dedicated=doc["currentDedicatedNodes"],
        current_low_priority=doc["currentLowPriorityNodes"],
        target_dedicated=doc["targetDedicatedNodes"],
        target_low_priority=doc["targetLowPriorityNodes"],
        preempted=sum(node.state == "preempted" for node in pool.nodes.values()),
        task_slots_per_node=pool.slots,
    )


def evaluate_only(pool: Pool, formula: str) -> tuple[Doc, Result | None]:
    """Evaluate `formula` without applying it: the autoScaleRun, and the result unless it failed."""
    run: Doc = {"timestamp": clock.timestamp(datetime.now(UTC))}
    try:
        result = evaluate(formula, situation(pool))
    except FormulaError as error:
        insufficient = isinstance(error.__cause__, InsufficientSampleDataError)
        reason = " due to insufficient sample data" if insufficient else ""
        run["results"] = ""
        run["error"] = {
            "code": "AutoScalingFormulaEvaluationError",
            "message": f"Autoscaling formula evaluation failed{reason}",
            "values": [{"name": "Message", "value": str(error)}],
        }
        return run, None
    run["results"] = result.text
    return run, result


def evaluate_and_apply(pool: Pool) -> None:
    """Evaluate the pool's formula now and, if the pool is steady, make its result the targets."""
    interval = clock.seconds(pool.doc["autoScaleEvaluationInterval"])
    pool.next_evaluation = now(pool) + timedelta(seconds=interval)
    run, result = evaluate_only(pool, pool.doc["autoScaleFormula"])
    pool.doc["autoScaleRun"] = run
    pool.save()
    if result is None or pool.doc["allocationState"] != "steady" or pool.state != "active":
        return
    targets = (pool.doc["targetDedicatedNodes"], pool.doc["targetLowPriorityNodes"])
    if targets != (result.target_dedicated, result.target_low_priority) or pool.is_off_target:
        pool_resize.resize(
            pool,
            dedicated=result.target_dedicated,
            low_priority=result.target_low_priority,
            option=result.deallocation_option,
        )


def enable(pool: Pool, formula: str | None, interval: str | None) -> None:
    """Enable automatic scaling, or change its formula or interval.

    A new interval starts a new schedule, now; a formula alone is evaluated when it is due.
    """
    if not pool.doc["enableAutoScale"] and formula is None:
        raise BatchError("MissingRequiredProperty", PropertyName="autoScaleFormula")
    if formula is None and interval is None:
        raise BatchError("MissingRequiredProperty", PropertyName="autoScaleFormula")
    if formula is not None:
        check(formula)
    if pool.doc["allocationState"] != "steady":
        raise BatchError("PoolBeingResized", "The pool is being resized.")
    if pool.enabled_at is not None and (now(pool) - pool.enabled_at).total_seconds() < _MIN_SECONDS_BETWEEN_ENABLES:
        raise BatchError("AutoScaleTooManyRequestsToEnable", "Automatic scaling was enabled less than 30 s ago.")
    pool.enabled_at = now(pool)
    if formula is not None:
        pool.doc["autoScaleFormula"] = formula
    before = pool.doc.get("autoScaleEvaluationInterval", "PT15M")
    restarts = not pool.doc["enableAutoScale"] or clock.seconds(interval or before) != clock.seconds(before)
    pool.doc["autoScaleEvaluationInterval"] = interval or before
    pool.doc["enableAutoScale"] = True
    pool.touch()
    if restarts:
        evaluate_and_apply(pool)


def disable(pool: Pool) -> None:
    """Disable automatic scaling; the size stays."""
    for name in ("autoScaleFormula", "autoScaleEvaluationInterval", "autoScaleRun"):
        pool.doc.pop(name, None)
    pool.doc["enableAutoScale"] = False
    pool.next_evaluation = None
    pool.touch()


async def stop(pool: Pool) -> None:
    """Stop sampling and evaluating."""
    if pool.autoscaling is not None:
        pool.autoscaling.cancel()
        await asyncio.wait([pool.autoscaling])
