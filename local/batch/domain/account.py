"""The Batch account: the root of everything that the emulator knows."""

from __future__ import annotations

import asyncio
import heapq
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from local.batch.domain import execution, pool_life
from local.batch.domain.task import Task
from local.batch.errors import BatchError

if TYPE_CHECKING:
    from pathlib import Path

    from local.batch import clock
    from local.batch.domain.entity import Entity
    from local.batch.domain.job import Job
    from local.batch.domain.node import Node
    from local.batch.domain.pool import Pool
    from local.batch.domain.schedule import JobSchedule
    from local.batch.node.machine import Machine
    from local.batch.options import Options
    from local.batch.store import Store

# Files kept longer than this are not watched: the emulator will have been restarted or the job deleted.
_LONGEST_WATCH = 86400.0 * 30


class _Expiry(NamedTuple):
    """When a run's files go. It holds names: a deleted task is not to stay in memory for as long as its files would."""

    when: float
    seq: int
    job: str
    task: str
    ended: str


@dataclass(slots=True)
class Limits:
    """The quotas in force."""

    active_jobs: int
    pools: int
    nodes: int

    @classmethod
    def of(cls, options: Options) -> Limits:
        """Those that the emulator was started with."""
        return cls(options.max_active_jobs, options.max_pools, options.max_nodes)


@dataclass(slots=True, eq=False)
class Account:
    """Pools and jobs by lower-case id, and the machine that the nodes share."""

    options: Options
    machine: Machine
    node_root: Path
    fast: clock.Fast
    store: Store
    limits: Limits
    url: str = ""
    pools: dict[str, Pool] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    schedules: dict[str, JobSchedule] = field(default_factory=dict)
    _background: set[asyncio.Task[None]] = field(default_factory=set)
    _expiries: list[_Expiry] = field(default_factory=list)
    _janitor: asyncio.TimerHandle | None = None

    def pool(self, name: str) -> Pool:
        """The pool, or PoolNotFound."""
        found = self.pools.get(name.lower())
        if found is None:
            raise BatchError("PoolNotFound")
        return found

    def node(self, pool: str, name: str) -> Node:
        """The node of the pool, or PoolNotFound or NodeNotFound."""
        found = self.pool(pool).nodes.get(name.lower())
        if found is None:
            raise BatchError("NodeNotFound")
        return found

    def job(self, name: str) -> Job:
        """The job, or JobNotFound."""
        found = self.jobs.get(name.lower())
        if found is None:
            raise BatchError("JobNotFound")
        return found

    def task(self, job: str, name: str) -> Task:
        """The task of the job, or JobNotFound or TaskNotFound."""
        found = self.job(job).tasks.get(name.lower())
        if found is None:
            raise BatchError("TaskNotFound")
        return found

    def keep(self, work: asyncio.Task[None]) -> None:
        """Hold on to work that goes on after its request was answered."""
        self._background.add(work)
        work.add_done_callback(self._background.discard)

    def schedule(self, name: str) -> JobSchedule:
        """The job schedule, or JobScheduleNotFound."""
        found = self.schedules.get(name.lower())
        if found is None:
            raise BatchError("JobScheduleNotFound")
        return found

    def pool_changed(self, pool: Entity) -> None:
        """A pool's document is not what it was."""
        self.store.save("pool", pool.id.lower(), pool)

    def node_changed(self, node: Entity) -> None:
        """A node's document is not what it was."""
        self.store.save("node", node.id, node)

    def job_changed(self, job: Entity) -> None:
        """A job's document is not what it was."""
        self.store.save("job", job.id.lower(), job)

    def schedule_changed(self, schedule: Entity) -> None:
        """A job schedule's document is not what it was."""
        self.store.save("schedule", schedule.id.lower(), schedule)

    def task_changed(self, task: Entity) -> None:
        """A task's document is not what it was."""
        assert isinstance(task, Task)  # noqa: S101
        self.store.save("task", f"{task.job.key}/{task.key}", task)

    def pool_removed(self, pool: Pool) -> None:
        """A pool is gone; its jobs wait for another one of its name."""
        self.pools.pop(pool.key, None)
        self.store.remove("pool", pool.key)
        for job in pool.jobs.values():
            job.pool = None

    def node_removed(self, node: Node) -> None:
        """A node is gone."""
        self.store.remove("node", node.id)

    def job_ended(self, job: Job) -> None:
        """A job has been completed: its schedule may go on, its own pool is not needed any more."""
        if job.schedule_id in self.schedules:
            self.schedules[job.schedule_id].stirred.set()
        self.own_pool_ended(job)

    def own_pool_ended(self, job: Job) -> None:
        """A job does not need its own pool any more, if it has one."""
        pool = job.pool
        if job.automatic_pool and pool is not None and pool.state == "active":
            pool.move_to("deleting")
            self.keep(asyncio.create_task(pool_life.delete(pool)))

    def job_removed(self, job: Job) -> None:
        """A job is gone."""
        self.jobs.pop(job.key, None)
        for task in job.tasks.values():
            task.deleted = True
            self.store.remove("task", f"{job.key}/{task.key}")
        self.store.remove("job", job.key)
        if job.pool is not None:
            job.pool.jobs.pop(job.key, None)
        self.job_ended(job)

    def schedule_removed(self, schedule: JobSchedule) -> None:
        """A job schedule is gone."""
        self.schedules.pop(schedule.key, None)
        self.store.remove("schedule", schedule.key)
        self.schedule_ended(schedule)

    def schedule_ended(self, schedule: JobSchedule) -> None:
        """A job schedule makes no more jobs: the pool that they shared is not needed any more."""
        own = schedule.doc["jobSpecification"]["poolInfo"].get("autoPoolSpecification", {})
        if schedule.pool is not None and schedule.pool.state == "active" and not own.get("keepAlive"):
            schedule.pool.move_to("deleting")
            self.keep(asyncio.create_task(pool_life.delete(schedule.pool)))

    def task_removed(self, task: Task) -> None:
        """A task is gone."""
        task.deleted = True
        job = task.job
        job.tasks.pop(task.key, None)
        job.counts.gone(task)
        self.store.remove("task", f"{job.key}/{task.key}")
        execution.end_if_all_done(job)

    def retain(self, task: Task) -> None:
        """Remove the files of a completed task when their time is over."""
        if task.retention < _LONGEST_WATCH:
            loop = asyncio.get_running_loop()
            expiry = _Expiry(loop.time() + task.retention, task.seq, task.job.key, task.key, task.info["endTime"])
            heapq.heappush(self._expiries, expiry)
            if self._expiries[0] is expiry:
                self._watch()

    def _watch(self) -> None:
        if self._janitor is not None:
            self._janitor.cancel()
        self._janitor = (
            asyncio.get_running_loop().call_at(self._expiries[0].when, self._expire) if self._expiries else None
        )

    def _expire(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._expiries and self._expiries[0].when <= now:
            expiry = heapq.heappop(self._expiries)
            job = self.jobs.get(expiry.job)
            task = job.tasks.get(expiry.task) if job is not None else None
            # Another task may have the name by now, and the task may have run again.
            if task is None or (task.seq, task.info.get("endTime")) != (expiry.seq, expiry.ended):
                continue
            if task.node is not None and "nodeInfo" in task.doc:
                task.files_removed = True
                self.task_changed(task)
                shutil.rmtree(task.node.root / task.doc["nodeInfo"]["taskRootDirectory"], ignore_errors=True)
        self._watch()

    async def stop(self) -> None:
        """End every run, node and timer."""
        if self._janitor is not None:
            self._janitor.cancel()
        work = list(self._background)
        work += [each.work for each in self.schedules.values() if each.work is not None]
        for pool in self.pools.values():
            work += [each for each in (pool.resizing, pool.scaling) if each is not None]
            work += [node.life for node in pool.nodes.values() if node.life is not None]
        for job in self.jobs.values():
            if job.timer is not None:
                job.timer.cancel()
            work += [job.closing] if job.closing is not None else []
            work += [part.work for part in job.parts.values() if part.work is not None]
            for task in job.running:
                if task.run is not None and task.run.work is not None:
                    task.run.interruption = "stop"
                    work.append(task.run.work)
        for each in work:
            each.cancel()
        await asyncio.gather(*work, return_exceptions=True)
