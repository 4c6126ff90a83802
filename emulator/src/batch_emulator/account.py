"""The Batch account: its pools, jobs and job schedules, and what they share."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batch_emulator import clock
from batch_emulator.due_times import DueTimes
from batch_emulator.errors import BatchError
from batch_emulator.pool.faults import PoolFaults
from batch_emulator.task.expiry import ExpiryTimer, FileExpiry
from batch_emulator.task.model import Task

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from batch_emulator.due_times import Action
    from batch_emulator.entity import Entity
    from batch_emulator.job.model import Job
    from batch_emulator.limits import Limits
    from batch_emulator.machine.machine import Machine
    from batch_emulator.node.model import Node
    from batch_emulator.options import Options
    from batch_emulator.pool.model import Pool
    from batch_emulator.schedule.model import JobSchedule
    from batch_emulator.store import Store


@dataclass(slots=True, eq=False, kw_only=True)
class Account:
    """Pools, jobs and job schedules by lower-case id, and the machine that the nodes share.

    `place_tasks` is the scheduler's function: it assigns waiting tasks of a pool to its free nodes. `due_actions` are
    what can be due at a time.
    """

    options: Options
    machine: Machine
    node_root: Path
    autoscale_clock: clock.FastClock
    store: Store
    limits: Limits
    place_tasks: Callable[[Pool], None]
    url: str = ""
    pools: dict[str, Pool] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    schedules: dict[str, JobSchedule] = field(default_factory=dict)
    background: set[asyncio.Task[None]] = field(default_factory=set)
    due_actions: Mapping[Action, Callable[[Account, str], None]]
    pool_faults: PoolFaults = field(default_factory=PoolFaults)
    expiries: ExpiryTimer = field(init=False)
    due_times: DueTimes = field(init=False)

    def __post_init__(self) -> None:
        self.due_times = DueTimes(self.store, lambda action, subject: self.due_actions[action](self, subject))
        self.expiries = ExpiryTimer(self._remove_files)

    def pool(self, name: str) -> Pool:
        """The pool. Raises PoolNotFound."""
        found = self.pools.get(name.lower())
        if found is None:
            raise BatchError("PoolNotFound")
        return found

    def node(self, pool: str, name: str) -> Node:
        """The node of the pool. Raises PoolNotFound or NodeNotFound."""
        found = self.pool(pool).nodes.get(name.lower())
        if found is None:
            raise BatchError("NodeNotFound")
        return found

    def job(self, name: str) -> Job:
        """The job. Raises JobNotFound."""
        found = self.jobs.get(name.lower())
        if found is None:
            raise BatchError("JobNotFound")
        return found

    def task(self, job: str, name: str) -> Task:
        """The task of the job. Raises JobNotFound or TaskNotFound."""
        found = self.job(job).tasks.get(name.lower())
        if found is None:
            raise BatchError("TaskNotFound")
        return found

    def schedule(self, name: str) -> JobSchedule:
        """The job schedule. Raises JobScheduleNotFound."""
        found = self.schedules.get(name.lower())
        if found is None:
            raise BatchError("JobScheduleNotFound")
        return found

    def run_in_background(self, work: asyncio.Task[None]) -> None:
        """Hold a reference to work that continues after the response."""
        self.background.add(work)
        work.add_done_callback(self.background.discard)

    def save_pool(self, pool: Entity) -> None:
        self.store.save("pool", pool.key, pool)

    def save_node(self, node: Entity) -> None:
        self.store.save("node", node.id, node)

    def save_job(self, job: Entity) -> None:
        self.store.save("job", job.key, job)

    def save_schedule(self, schedule: Entity) -> None:
        self.store.save("schedule", schedule.key, schedule)

    def save_task(self, task: Entity) -> None:
        if self.store.database is None:  # forming the key would cost more than the rest
            return
        assert isinstance(task, Task)  # noqa: S101
        self.store.save("task", f"{task.job.key}/{task.key}", task)

    def remove_task(self, task: Task) -> None:
        """Remove a task from the database."""
        task.deleted = True
        self.store.remove("task", f"{task.job.key}/{task.key}")

    def remove_node(self, node: Node) -> None:
        """Remove a node from its pool."""
        node.pool.nodes.pop(node.id, None)
        self.store.remove("node", node.id)
        node.pool.recount_nodes()

    def expire_files(self, task: Task) -> None:
        """Remove the files of a completed task when their retention time is over."""
        self.expiries.add(
            delay=max(0.0, task.retention_seconds + clock.seconds_until(task.info["endTime"])),
            seq=task.seq,
            job=task.job.key,
            task=task.key,
            end_time=task.info["endTime"],
        )

    def _remove_files(self, expiry: FileExpiry) -> None:
        job = self.jobs.get(expiry.job)
        task = job.tasks.get(expiry.task) if job is not None else None
        # Another task may have the same id by now, and the task may have run again.
        if task is None or (task.seq, task.info.get("endTime")) != (expiry.seq, expiry.end_time):
            return
        if task.node is not None and "nodeInfo" in task.doc:
            task.files_removed = True
            task.save()
            shutil.rmtree(task.node.root / task.doc["nodeInfo"]["taskRootDirectory"], ignore_errors=True)
