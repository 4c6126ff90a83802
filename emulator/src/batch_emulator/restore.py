"""Restores the account from the database of an earlier run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from batch_emulator.entity import resume_after
from batch_emulator.job import lifecycle as job_lifecycle
from batch_emulator.job.deletion_hold import DeletionHold
from batch_emulator.job.model import Job
from batch_emulator.node import lifecycle as node_lifecycle
from batch_emulator.node.model import Node
from batch_emulator.pool import autoscale as pool_autoscale
from batch_emulator.pool import lifecycle as pool_lifecycle
from batch_emulator.pool import resize as pool_resize
from batch_emulator.pool.model import Pool
from batch_emulator.schedule import lifecycle as schedule_lifecycle
from batch_emulator.schedule.model import JobSchedule
from batch_emulator.task import dependencies
from batch_emulator.task import lifecycle as task_lifecycle
from batch_emulator.task.model import Task

if TYPE_CHECKING:
    from batch_emulator.account import Account
    from batch_emulator.store import Row


def restore(account: Account) -> None:
    """Load everything and continue: nodes start again, tasks that were running are queued again."""
    rows = {kind: list(account.store.rows(kind, url=account.url)) for kind in _LOADERS}
    resume_after(max((row.seq for each in rows.values() for row in each), default=0))
    for kind, load in _LOADERS.items():
        for row in rows[kind]:
            load(account, row)
    for pool in list(account.pools.values()):
        _resume_pool(pool)
    for job in list(account.jobs.values()):
        _resume_job(job)
    for schedule in list(account.schedules.values()):
        if schedule.state == "deleting":
            account.run_in_background(asyncio.create_task(schedule_lifecycle.delete(schedule)))
        elif schedule.state == "terminating":
            account.run_in_background(asyncio.create_task(schedule_lifecycle.terminate(schedule)))
        elif schedule.state != "completed":
            schedule_lifecycle.resume(schedule)
    account.due_times.restore(url=account.url)


def _load_pool(account: Account, row: Row) -> None:
    account.pools[row.key] = Pool(row.doc, account, on_change=account.save_pool, seq=row.seq)


def _load_node(account: Account, row: Row) -> None:
    pool = account.pools.get(row.doc.pop("poolKey").lower())
    if pool is not None:
        root = account.node_root / row.key
        users = set(row.doc.pop("users", []))
        removal = row.doc.pop("removal", None)
        doc = row.doc | {"runningTasksCount": 0, "runningTaskSlotsCount": 0}
        node = Node(doc, pool, root, users=users, removal=removal, on_change=account.save_node, seq=row.seq)
        pool.nodes[row.key] = node


def _load_schedule(account: Account, row: Row) -> None:
    jobs_created = row.doc.pop("jobsMade", 0)
    pool = account.pools.get(row.doc.pop("poolKey", None) or "")
    account.schedules[row.key] = JobSchedule(
        row.doc, account, jobs_created=jobs_created, pool=pool, on_change=account.save_schedule, seq=row.seq
    )


def _load_job(account: Account, row: Row) -> None:
    extra = row.doc.pop("kept", {})
    job = Job(row.doc, account, on_change=account.save_job, seq=row.seq)
    job.schedule_id, job.has_auto_pool = extra.get("schedule"), extra.get("automaticPool", False)
    hold = extra.get("deletionHold")
    # Without the control endpoint nothing could release it.
    if hold is not None and (account.options.control or hold["timed"]):
        job.deletion_hold = DeletionHold(hold["fault"], hold["timed"])
    account.jobs[row.key] = job
    job.pool = account.pools.get(job.info.get("poolId", "").lower())
    if job.pool is not None:
        job.pool.jobs[job.key] = job


def _load_task(account: Account, row: Row) -> None:
    job = account.jobs.get(row.key.partition("/")[0])
    if job is None:
        return
    extra = row.doc.pop("kept", {})
    task = Task(row.doc, job, int(row.doc["requiredSlots"]), on_change=account.save_task, seq=row.seq)
    task.satisfied, task.files_removed = extra.get("satisfied", False), extra.get("filesRemoved", False)
    node_id = row.doc.get("nodeInfo", {}).get("nodeId")
    if job.pool is not None and node_id is not None:
        task.node = job.pool.nodes.get(node_id)
    job.tasks[task.key] = task
    task.count()


_LOADERS = {
    "pool": _load_pool,
    "node": _load_node,
    "schedule": _load_schedule,
    "job": _load_job,
    "task": _load_task,
}


def _resume_pool(pool: Pool) -> None:
    if pool.state == "deleting":
        pool_lifecycle.resume_delete(pool)
        return
    for node in list(pool.nodes.values()):
        _resume_node(node)
    pool.recount_nodes()
    # A resize begins again, with its whole timeout: nodes start again, too.
    pool.set_allocation_state("steady")
    if pool.doc["enableAutoScale"]:
        pool_autoscale.evaluate_and_apply(pool)
    if pool.resizing is None:
        pool_resize.approach_targets(pool)
    pool_autoscale.start(pool)


def _resume_node(node: Node) -> None:
    if node.removal is not None:
        pool_resize.resume_removal(node)
    elif node.state == "deallocating":
        node_lifecycle.start_deallocate(node, option="requeue")
    elif node.state in ("rebooting", "reimaging"):
        node_lifecycle.start_restart(node, option="requeue", state=node.state)
    elif node.state not in ("preempted", "deallocated"):
        node_lifecycle.start(node)


def _resume_job(job: Job) -> None:
    for task in job.tasks.values():
        if task.state in ("running", "preparing"):
            task_lifecycle.reset(task)
        if task.state == "active":
            dependencies.enqueue_when_satisfied(task)
        elif task.state == "completed" and not task.files_removed:
            job.account.expire_files(task)
    match job.state:
        case "deleting":
            job_lifecycle.resume_delete(job)
        case "terminating":
            job_lifecycle.resume_terminate(job)
        case "disabling" | "disabled":
            if job.state == "disabling":
                job.move_to("disabled")
            job_lifecycle.watch_wall_clock(job)
        case "active":
            job_lifecycle.watch_wall_clock(job)
            if job.tasks:
                job_lifecycle.terminate_if_all_complete(job)
    job.wake_scheduler()
