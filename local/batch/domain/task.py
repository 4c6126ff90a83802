"""A task: its document, what it waits for, and what it may still do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from local.batch import clock
from local.batch.domain.entity import Doc, Entity, born

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.batch.domain.job import Job
    from local.batch.domain.node import Node
    from local.batch.node.program import Outcome

Interruption = Literal["terminate", "requeue", "discard", "stop", "unprepared", "lost"]


@dataclass(slots=True, eq=False)
class Run:
    """One stay of a task on a node, from its assignment until its slots are free again."""

    node: Node
    work: asyncio.Task[None] | None = None
    interruption: Interruption | None = None
    message: str = ""
    begun: bool = False

    async def interrupt(self, how: Interruption, message: str = "") -> None:
        """End it now; returns when its processes are gone."""
        if self.interruption is None:
            self.interruption, self.message = how, message
            # Work cancelled before its first step would never clean up after itself.
            while self.work is not None and not self.begun:
                await asyncio.sleep(0)
            if self.work is not None:
                self.work.cancel()
        if self.work is not None:
            await asyncio.wait([self.work])


@dataclass(slots=True, eq=False)
class Task(Entity):
    """A task of a job."""

    job: Job
    slots: int
    run: Run | None = None
    node: Node | None = None
    queued: bool = False
    deleted: bool = False
    files_removed: bool = False
    satisfied: bool = False
    bucket: str | None = None
    others: Iterator[str] = field(default_factory=lambda: iter(()))
    awaits: str | None = None

    @property
    def key(self) -> str:
        return self.id.lower()

    @property
    def info(self) -> Doc:
        info: Doc = self.doc["executionInfo"]
        return info

    @property
    def max_retries(self) -> float:
        count = int(self.doc["constraints"]["maxTaskRetryCount"])
        return float("inf") if count < 0 else count

    @property
    def wall_clock(self) -> float:
        """Seconds that one execution may take."""
        return clock.seconds(self.doc["constraints"]["maxWallClockTime"])

    @property
    def retention(self) -> float:
        """Seconds that its files are kept after its end."""
        return clock.seconds(self.doc["constraints"]["retentionTime"])

    @property
    def succeeded(self) -> bool:
        return self.state == "completed" and self.info.get("result") == "success"

    def kept(self) -> Doc:
        return self.doc | {"kept": {"satisfied": self.satisfied, "filesRemoved": self.files_removed}}

    def move_to(self, state: str) -> None:
        Entity.move_to(self, state)
        self.job.counts.moved(self)

    def await_others(self) -> None:
        """Wait for the next one it depends on that is not done, or for a node; one not there yet is not done."""
        for key in self.others:
            other = self.job.tasks.get(key)
            if other is None or not other.satisfied:
                self.awaits = key
                self.job.dependents.setdefault(key, set()).add(self.key)
                return
        self.awaits = None
        self.job.enqueue(self)

    def assigned(self, node: Node) -> None:
        """It has been given to `node`; what the node does first tells the next state."""
        self.node = node
        self.queued = False
        root = f"{self.job.directory}/{self.id}"
        self.doc["nodeInfo"] = {
            "affinityId": node.doc["affinityId"],
            "nodeUrl": node.doc["url"],
            "poolId": node.pool.id,
            "nodeId": node.id,
            "taskRootDirectory": root,
            "taskRootDirectoryUrl": f"{node.doc['url']}/files/{root}",
        }

    def started(self) -> None:
        """It runs: fetching its files counts as running."""
        info = self.info
        info["startTime"] = clock.now()
        if info["retryCount"]:
            info["lastRetryTime"] = info["startTime"]
        self.move_to("running")

    def finished(self, outcome: Outcome) -> None:
        """It is over, one way or the other."""
        info = self.info
        info["endTime"] = clock.now()
        info.setdefault("startTime", info["endTime"])
        info.pop("exitCode", None)
        info.pop("failureInfo", None)
        if outcome.exit_code is not None:
            info["exitCode"] = outcome.exit_code
        if outcome.failure is not None:
            info["failureInfo"] = outcome.failure
        info["result"] = "success" if outcome.failure is None else "failure"
        self.move_to("completed")

    def back_to_queue(self) -> None:
        """It waits for a node again."""
        self.satisfied = self.files_removed = False
        info = self.info
        for name in ("startTime", "endTime", "exitCode", "failureInfo", "result"):
            info.pop(name, None)
        self.doc.pop("nodeInfo", None)
        self.move_to("active")

    def requeued(self) -> None:
        """It was taken off its node through no fault of its own."""
        self.info["requeueCount"] += 1
        self.info["lastRequeueTime"] = clock.now()
        self.back_to_queue()


def make(spec: Doc, *, job: Job) -> Task:
    """A new task of `job` from the checked body of a request."""
    constraints = spec.get("constraints", {})
    job_retries = job.doc["constraints"]["maxTaskRetryCount"]
    base = f"{job.doc['url']}/tasks/{spec['id']}"
    doc = born(
        {"id": spec["id"], "url": base} | spec,
        state="active",
    )
    doc["constraints"] = {
        "maxWallClockTime": constraints.get("maxWallClockTime", clock.UNLIMITED),
        "retentionTime": constraints.get("retentionTime", "P7D"),
        "maxTaskRetryCount": constraints.get("maxTaskRetryCount", job_retries),
    }
    doc.setdefault("requiredSlots", 1)
    doc.setdefault("userIdentity", {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}})
    doc["executionInfo"] = {"retryCount": 0, "requeueCount": 0}
    task = Task(doc, job, int(doc["requiredSlots"]), changed=job.account.task_changed)
    job.counts.moved(task)
    return task


def dependencies(depends: Doc) -> Iterator[str]:
    """The keys of the tasks that `dependsOn` names; a range stands for decimal ids without leading zeros."""
    # One after the other: a range may name more tasks than memory holds.
    for each in depends.get("taskIds", []):
        yield str(each).lower()
    for span in depends.get("taskIdRanges", []):
        yield from map(str, range(span["start"], span["end"] + 1))
