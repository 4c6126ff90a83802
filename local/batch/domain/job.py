"""A job: its tasks, which of them wait for a node, and how many stand where."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.batch import clock
from local.batch.domain.entity import Doc, Entity, born

if TYPE_CHECKING:
    import asyncio

    from local.batch.domain.account import Account
    from local.batch.domain.pool import Pool
    from local.batch.domain.special import NodePart
    from local.batch.domain.task import Task

_BUCKETS = ("active", "running", "completed", "succeeded", "failed")


@dataclass(slots=True)
class Counts:
    """How many tasks, and how many slots of them, stand in each state."""

    tasks: Counter[str] = field(default_factory=Counter)
    slots: Counter[str] = field(default_factory=Counter)

    def moved(self, task: Task) -> None:
        """`task` has a state for the first time, or another one."""
        self.gone(task)
        state = task.state
        if state == "completed":
            task.bucket = "succeeded" if task.succeeded else "failed"
        else:
            task.bucket = "active" if state == "active" else "running"
        self.tasks[task.bucket] += 1
        self.slots[task.bucket] += task.slots

    def gone(self, task: Task) -> None:
        """`task` no longer counts where it stood."""
        if task.bucket is not None:
            self.tasks[task.bucket] -= 1
            self.slots[task.bucket] -= task.slots
            task.bucket = None

    def doc(self) -> Doc:
        """The answer to a request for task counts."""
        return {"taskCounts": _wire(self.tasks), "taskSlotCounts": _wire(self.slots)}


def _wire(counter: Counter[str]) -> Doc:
    done = counter["succeeded"] + counter["failed"]
    return {name: done if name == "completed" else counter[name] for name in _BUCKETS}


@dataclass(slots=True, eq=False)
class Job(Entity):
    """A job."""

    account: Account
    pool: Pool | None = None
    tasks: dict[str, Task] = field(default_factory=dict)
    ready: deque[Task] = field(default_factory=deque)
    running: set[Task] = field(default_factory=set)
    dependents: dict[str, set[str]] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    parts: dict[str, NodePart] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None
    closing: asyncio.Task[None] | None = None
    schedule_id: str | None = None
    served: int = 0
    """When it last got a node, as a running number."""
    automatic_pool: bool = False

    @property
    def key(self) -> str:
        return self.id.lower()

    @property
    def directory(self) -> str:
        """Where its tasks' directories are, below a node's root."""
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
    def parallel_limit(self) -> float:
        limit = int(self.doc["maxParallelTasks"])
        return float("inf") if limit < 0 else limit

    def kept(self) -> Doc:
        return self.doc | {"kept": {"schedule": self.schedule_id, "automaticPool": self.automatic_pool}}

    def enqueue(self, task: Task, *, first: bool = False) -> None:
        """Let `task` wait for a node."""
        if not task.queued:
            task.queued = True
            self.ready.appendleft(task) if first else self.ready.append(task)

    def next_task(self) -> Task | None:
        """The task whose turn it is, still queued; None if nothing may start."""
        if self.state != "active" or len(self.running) >= self.parallel_limit:
            return None
        while self.ready:
            task = self.ready[0]
            if task.queued and not task.deleted and task.state == "active":
                return task
            self.ready.popleft().queued = False
        return None


def make(spec: Doc, *, account: Account, url: str) -> Job:
    """A new job from the checked body of a request."""
    defaults: Doc = {
        "priority": 0,
        "maxParallelTasks": -1,
        "allowTaskPreemption": False,
        "usesTaskDependencies": False,
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "noaction",
    }
    doc = born({"id": spec["id"], "url": url} | defaults | spec, state="active")
    doc["constraints"] = {"maxWallClockTime": clock.UNLIMITED, "maxTaskRetryCount": 0} | spec.get("constraints", {})
    doc["executionInfo"] = {"startTime": doc["creationTime"]}
    for name, default in (("jobPreparationTask", "jobpreparation"), ("jobReleaseTask", "jobrelease")):
        if name in doc:
            doc[name] = {"id": default} | doc[name]
    if "jobPreparationTask" in doc:
        doc["jobPreparationTask"] = {
            "waitForSuccess": True,
            "rerunOnNodeRebootAfterSuccess": True,
        } | doc["jobPreparationTask"]
    return Job(doc, account, changed=account.job_changed)
