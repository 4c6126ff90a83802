"""The account as the last emulator on this directory left it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from local.batch.domain import execution, job_life, node_life, pool_life, scaling, scheduler, task_add
from local.batch.domain import schedule as schedules
from local.batch.domain.entity import resume_after
from local.batch.domain.job import Job
from local.batch.domain.node import Node
from local.batch.domain.pool import Pool
from local.batch.domain.schedule import JobSchedule
from local.batch.domain.task import Task

if TYPE_CHECKING:
    from local.batch.domain.account import Account
    from local.batch.store import Row


def restore(account: Account) -> None:
    """Load everything and go on with it: nodes boot again, tasks that ran wait again."""
    rows = {kind: list(account.store.rows(kind, url=account.url)) for kind in _LOADERS}
    resume_after(max((row.seq for each in rows.values() for row in each), default=0))
    for kind, load in _LOADERS.items():
        for row in rows[kind]:
            load(account, row)
    for pool in list(account.pools.values()):
        _go_on_pool(account, pool)
    for job in list(account.jobs.values()):
        _go_on_job(job)
    for schedule in list(account.schedules.values()):
        if schedule.state == "deleting":
            account.keep(asyncio.create_task(schedules.delete(schedule)))
        elif schedule.state == "terminating":
            account.keep(asyncio.create_task(schedules.terminate(schedule)))
        elif schedule.state != "completed":
            schedules.resume(schedule)


def _load_pool(account: Account, row: Row) -> None:
    account.pools[row.key] = Pool(row.doc, account, changed=account.pool_changed, seq=row.seq)


def _load_node(account: Account, row: Row) -> None:
    pool = account.pools.get(row.doc.pop("poolKey").lower())
    if pool is not None:
        root = account.node_root / row.key
        users = set(row.doc.pop("users", []))
        doc = row.doc | {"runningTasksCount": 0, "runningTaskSlotsCount": 0}
        pool.nodes[row.key] = Node(doc, pool, root, users=users, changed=account.node_changed, seq=row.seq)


def _load_schedule(account: Account, row: Row) -> None:
    made = row.doc.pop("jobsMade", 0)
    pool = account.pools.get(row.doc.pop("poolKey", None) or "")
    schedule = JobSchedule(row.doc, account, changed=account.schedule_changed, seq=row.seq, made=made, pool=pool)
    account.schedules[row.key] = schedule


def _load_job(account: Account, row: Row) -> None:
    kept = row.doc.pop("kept", {})
    job = Job(row.doc, account, changed=account.job_changed, seq=row.seq)
    job.schedule_id, job.automatic_pool = kept.get("schedule"), kept.get("automaticPool", False)
    account.jobs[row.key] = job
    job.pool = account.pools.get(job.info.get("poolId", "").lower())
    if job.pool is not None:
        job.pool.jobs[job.key] = job


def _load_task(account: Account, row: Row) -> None:
    job = account.jobs.get(row.key.partition("/")[0])
    if job is None:
        return
    kept = row.doc.pop("kept", {})
    task = Task(row.doc, job, int(row.doc["requiredSlots"]), changed=account.task_changed, seq=row.seq)
    task.satisfied, task.files_removed = kept.get("satisfied", False), kept.get("filesRemoved", False)
    node_id = row.doc.get("nodeInfo", {}).get("nodeId")
    if job.pool is not None and node_id is not None:
        task.node = job.pool.nodes.get(node_id)
    job.tasks[task.key] = task
    job.counts.moved(task)


_LOADERS = {
    "pool": _load_pool,
    "node": _load_node,
    "schedule": _load_schedule,
    "job": _load_job,
    "task": _load_task,
}


def _go_on_pool(account: Account, pool: Pool) -> None:
    if pool.state == "deleting":
        account.keep(asyncio.create_task(pool_life.delete(pool)))
        return
    for node in list(pool.nodes.values()):
        if node.state not in ("preempted", "deallocated"):
            node_life.boot(node)
    pool.recount()
    if pool.doc["enableAutoScale"]:
        pool.allocate("steady")
    else:
        pool_life.approach(pool)
    scaling.watch(pool)


def _go_on_job(job: Job) -> None:
    for task in job.tasks.values():
        if task.state in ("running", "preparing"):
            task.back_to_queue()
        if task.state == "active":
            task_add.await_others(task)
        elif task.state == "completed" and not task.files_removed:
            job.account.retain(task)
    match job.state:
        case "deleting":
            job_life.resume_delete(job)
        case "terminating":
            job_life.resume_terminate(job)
        case "disabling":
            job.move_to("disabled")
        case "active":
            job_life.watch_wall_clock(job)
            if job.tasks:
                execution.end_if_all_done(job)
    scheduler.wake(job.pool)
