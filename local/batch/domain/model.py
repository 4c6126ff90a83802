"""The resources of a Batch account and their state: one module, because they refer to each other.

The rules by which they change are in the other modules of this package.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from local.batch import clock
from local.batch.autoscale import History
from local.batch.domain.counts import TaskCounts
from local.batch.domain.due_times import DueTimes
from local.batch.domain.expiry import ExpiryTimer, FileExpiry
from local.batch.domain.pool_faults import PoolFaults
from local.batch.entity import Doc, Entity
from local.batch.errors import BatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from local.batch.domain.deletion_hold import DeletionHold
    from local.batch.domain.due_times import Action
    from local.batch.domain.limits import Limits
    from local.batch.node.machine import Machine
    from local.batch.options import Options
    from local.batch.store import Store

Interruption = Literal["terminate", "requeue", "discard", "stop", "unprepared", "lost"]

_WORKING = ("idle", "running")


@dataclass(slots=True, eq=False)
class Pool(Entity):
    """A pool: its nodes, and the jobs that run on it."""

    account: Account
    nodes: dict[str, Node] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    placement_due: bool = False
    resizing: asyncio.Task[None] | None = None
    autoscaling: asyncio.Task[None] | None = None
    history: History = field(default_factory=History)
    next_evaluation: datetime | None = None
    enabled_at: datetime | None = None

    @property
    def slots(self) -> int:
        return int(self.doc["taskSlotsPerNode"])

    @property
    def image(self) -> Doc:
        image: Doc = self.doc.get("virtualMachineConfiguration", {}).get("imageReference", {})
        return image

    @property
    def has_containers(self) -> bool:
        """Whether its nodes are to run containers."""
        return "containerConfiguration" in self.doc.get("virtualMachineConfiguration", {})

    @property
    def identities(self) -> list[Doc]:
        """The user-assigned identities that its nodes may use."""
        found: list[Doc] = self.doc.get("identity", {}).get("userAssignedIdentities", [])
        return found

    @property
    def has_too_few_nodes(self) -> bool:
        wanted = self.doc["targetDedicatedNodes"] + self.doc["targetLowPriorityNodes"]
        return len(self.nodes) < int(wanted)

    @property
    def is_off_target(self) -> bool:
        """Whether it has too few nodes of a kind, or too many."""
        dedicated = sum(node.dedicated for node in self.nodes.values())
        wanted = (self.doc["targetDedicatedNodes"], self.doc["targetLowPriorityNodes"])
        return wanted != (dedicated, len(self.nodes) - dedicated)

    def wake_scheduler(self) -> None:
        """Place tasks on free nodes soon: once, however often this is called before."""
        if not self.placement_due:
            self.placement_due = True
            asyncio.get_running_loop().call_soon(self._place_tasks)

    def _place_tasks(self) -> None:
        self.placement_due = False
        self.account.place_tasks(self)

    def set_allocation_state(self, state: str) -> None:
        """Change the allocation state."""
        if self.doc["allocationState"] != state:
            self.doc["allocationState"] = state
            self.doc["allocationStateTransitionTime"] = clock.now()
            self.save()

    def recount_nodes(self) -> None:
        """Update the current numbers of nodes in the document."""
        dedicated = sum(node.dedicated for node in self.nodes.values())
        self.doc["currentDedicatedNodes"] = dedicated
        self.doc["currentLowPriorityNodes"] = len(self.nodes) - dedicated
        self.save()


@dataclass(frozen=True, slots=True)
class Defect:
    """Why a node cannot be used: its `state`, and what helps, `reboot`, `reimage` or `remove`."""

    state: str
    remedy: str

    def stays_after(self, restart: str) -> bool:
        """Whether a restart, by its node state, does not help."""
        return self.remedy == "remove" or (self.remedy == "reimage" and restart == "rebooting")


@dataclass(slots=True, eq=False)
class Node(Entity):
    """A compute node.

    `removal` is the deallocation option for its tasks, set when it will leave its pool. `leaving` is what removes it,
    once nothing can stop that any more. `defect` is the state that it gets into again unless it is reimaged, or even
    then.
    """

    pool: Pool
    root: Path
    tasks: set[Task] = field(default_factory=set)
    used_slots: int = 0
    startup: asyncio.Task[None] | None = None
    removal: str | None = None
    leaving: asyncio.Task[None] | None = None
    defect: Defect | None = None
    packages: dict[tuple[str, str], asyncio.Task[Path]] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)

    @property
    def dedicated(self) -> bool:
        return bool(self.doc["isDedicated"])

    @property
    def pool_id(self) -> str:
        return self.pool.id

    @property
    def identities(self) -> list[Doc]:
        return self.pool.identities

    @property
    def pool_packages(self) -> list[Doc]:
        """References to the application packages of its pool."""
        found: list[Doc] = self.pool.doc.get("applicationPackageReferences", [])
        return found

    @property
    def free_slots(self) -> int:
        """Slots that a task could take now."""
        if self.state not in _WORKING or self.doc["schedulingState"] != "enabled" or self.removal is not None:
            return 0
        return self.pool.slots - self.used_slots

    @property
    def resting_state(self) -> str:
        """Its state without a task."""
        return "idle" if self.doc["schedulingState"] == "enabled" else "offline"

    def stored(self) -> Doc:
        return self.doc | {"poolKey": self.pool.key, "users": sorted(self.users), "removal": self.removal}

    def move_to(self, state: str) -> None:
        self.doc["state"] = state
        self.doc["stateTransitionTime"] = clock.now()
        self.save()

    def assign(self, task: Task) -> None:
        """Give `task` its slots."""
        self.tasks.add(task)
        self.used_slots += task.slots
        self._show_usage()
        if self.state == "idle":
            self.move_to("running")

    def release(self, task: Task) -> None:
        """Take the slots of `task` back."""
        self.tasks.discard(task)
        self.used_slots -= task.slots
        self._show_usage()
        if not self.tasks and self.state == "running":
            self.move_to(self.resting_state)

    def _show_usage(self) -> None:
        self.doc["runningTasksCount"] = len(self.tasks)
        self.doc["runningTaskSlotsCount"] = self.used_slots

    def add_recent(self, task: Task) -> None:
        """Add a completed task to the recent ones."""
        self.doc["totalTasksRun"] += 1
        self.doc["totalTasksSucceeded"] += task.succeeded
        recent = {
            "taskUrl": task.doc["url"],
            "jobId": task.job.id,
            "taskId": task.id,
            "taskState": task.state,
            "executionInfo": dict(task.info),
        }
        self.doc["recentTasks"] = [recent, *self.doc.get("recentTasks", [])[:9]]
        self.save()


@dataclass(slots=True, eq=False)
class NodePreparation:
    """The preparation and release tasks of a job on one node."""

    job: Job
    node: Node
    prepared: bool = False
    failed: bool = False
    preparation_info: Doc | None = None
    release_info: Doc | None = None
    work: asyncio.Task[None] | None = None

    def doc(self) -> Doc:
        """The item in the list of preparation and release states."""
        doc: Doc = {"poolId": self.node.pool.id, "nodeId": self.node.id, "nodeUrl": self.node.doc["url"]}
        if self.preparation_info is not None:
            doc["jobPreparationTaskExecutionInfo"] = self.preparation_info
        if self.release_info is not None:
            doc["jobReleaseTaskExecutionInfo"] = self.release_info
        return doc


@dataclass(slots=True, eq=False)
class Job(Entity):
    """A job: its tasks, and which of them wait for a node.

    `last_served` orders jobs by when they last got a node, as a running number.
    """

    account: Account
    pool: Pool | None = None
    tasks: dict[str, Task] = field(default_factory=dict)
    queue: deque[Task] = field(default_factory=deque)
    running: set[Task] = field(default_factory=set)
    dependents: dict[str, set[str]] = field(default_factory=dict)
    counts: TaskCounts = field(default_factory=TaskCounts)
    preparations: dict[str, NodePreparation] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None
    closing: asyncio.Task[None] | None = None
    schedule_id: str | None = None
    last_served: int = 0
    has_auto_pool: bool = False
    deletion_hold: DeletionHold | None = None

    @property
    def directory(self) -> str:
        """The directory of its tasks, relative to a node's root."""
        if self.schedule_id is not None:
            return "workitems/" + self.id.replace(":", "/")
        return f"workitems/{self.id}/job-1"

    @property
    def info(self) -> Doc:
        info: Doc = self.doc["executionInfo"]
        return info

    @property
    def priority(self) -> int:
        return int(self.doc["priority"])

    @property
    def max_parallel_tasks(self) -> float:
        limit = int(self.doc["maxParallelTasks"])
        return float("inf") if limit < 0 else limit

    def stored(self) -> Doc:
        kept: Doc = {"schedule": self.schedule_id, "automaticPool": self.has_auto_pool}
        if self.deletion_hold is not None:
            kept["deletionHold"] = {"fault": self.deletion_hold.fault, "timed": self.deletion_hold.timed}
        return self.doc | {"kept": kept}

    def wake_scheduler(self) -> None:
        """Place tasks on free nodes of its pool soon."""
        if self.pool is not None:
            self.pool.wake_scheduler()

    def enqueue(self, task: Task, *, first: bool = False) -> None:
        """Let `task` wait for a node."""
        if not task.queued:
            task.queued = True
            self.queue.appendleft(task) if first else self.queue.append(task)

    def next_task(self) -> Task | None:
        """The task to run next, still queued; None if nothing may start."""
        if self.state != "active" or len(self.running) >= self.max_parallel_tasks:
            return None
        while self.queue:
            task = self.queue[0]
            if task.queued and not task.deleted and task.state == "active":
                return task
            self.queue.popleft().queued = False
        return None


@dataclass(slots=True, eq=False)
class Run:
    """One execution of a task on a node, from its assignment until its slots are free again."""

    node: Node
    work: asyncio.Task[None] | None = None
    interruption: Interruption | None = None
    message: str = ""
    started: bool = False

    async def interrupt(self, how: Interruption, message: str = "") -> None:
        """End it now; returns when its processes are gone."""
        if self.interruption is None:
            self.interruption, self.message = how, message
            # Work cancelled before its first step would never clean up after itself.
            while self.work is not None and not self.started:
                await asyncio.sleep(0)
            if self.work is not None:
                self.work.cancel()
        if self.work is not None:
            await asyncio.wait([self.work])


@dataclass(slots=True, eq=False)
class Task(Entity):
    """A task of a job.

    `satisfied` lets its dependents run. `dependencies` yields the keys still to be checked, and `waits_for` is the
    one that it waits for now.
    """

    job: Job
    slots: int
    run: Run | None = None
    node: Node | None = None
    queued: bool = False
    deleted: bool = False
    files_removed: bool = False
    satisfied: bool = False
    counted_as: str | None = None
    dependencies: Iterator[str] = field(default_factory=lambda: iter(()))
    waits_for: str | None = None

    @property
    def info(self) -> Doc:
        info: Doc = self.doc["executionInfo"]
        return info

    @property
    def directory(self) -> str:
        """Its directory, relative to its node's root."""
        return f"{self.job.directory}/{self.id}"

    @property
    def max_retries(self) -> float:
        count = int(self.doc["constraints"]["maxTaskRetryCount"])
        return float("inf") if count < 0 else count

    @property
    def wall_clock_seconds(self) -> float:
        return clock.seconds(self.doc["constraints"]["maxWallClockTime"])

    @property
    def retention_seconds(self) -> float:
        return clock.seconds(self.doc["constraints"]["retentionTime"])

    @property
    def succeeded(self) -> bool:
        return self.state == "completed" and self.info.get("result") == "success"

    def stored(self) -> Doc:
        return self.doc | {"kept": {"satisfied": self.satisfied, "filesRemoved": self.files_removed}}

    def move_to(self, state: str) -> None:
        Entity.move_to(self, state)
        self.count()

    def count(self) -> None:
        """Count it in its present state."""
        self.uncount()
        if self.state == "completed":
            self.counted_as = "succeeded" if self.succeeded else "failed"
        else:
            self.counted_as = "active" if self.state == "active" else "running"
        self.job.counts.add(self.counted_as, slots=self.slots)

    def uncount(self) -> None:
        """Do not count it any more."""
        if self.counted_as is not None:
            self.job.counts.remove(self.counted_as, slots=self.slots)
            self.counted_as = None


@dataclass(slots=True, eq=False)
class JobSchedule(Entity):
    """A job schedule. `pool` is the automatic pool that its jobs share, if any; `wakeup` is set when it may go on."""

    account: Account
    jobs_created: int = 0
    pool: Pool | None = None
    work: asyncio.Task[None] | None = None
    wakeup: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def info(self) -> Doc:
        info: Doc = self.doc["executionInfo"]
        return info

    def stored(self) -> Doc:
        return self.doc | {"jobsMade": self.jobs_created, "poolKey": self.pool.key if self.pool is not None else None}

    def jobs(self) -> list[Job]:
        """Its jobs, oldest first."""
        return [job for job in self.account.jobs.values() if job.schedule_id == self.key]

    def active_job(self) -> Job | None:
        """Its job that is not completed; there is at most one."""
        return next((job for job in self.jobs() if job.state != "completed"), None)


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
