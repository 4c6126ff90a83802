"""A job, its state, and its preparation on nodes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batch_emulator.entity import Doc, Entity
from batch_emulator.job.counts import TaskCounts

if TYPE_CHECKING:
    import asyncio

    from batch_emulator.account import Account
    from batch_emulator.job.deletion_hold import DeletionHold
    from batch_emulator.node.model import Node
    from batch_emulator.pool.model import Pool
    from batch_emulator.task.model import Task


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
