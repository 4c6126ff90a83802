"""A task, its state, and its run on a node."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from batch_emulator import clock
from batch_emulator.entity import Doc, Entity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_emulator.job.model import Job
    from batch_emulator.node.model import Node

Interruption = Literal["terminate", "requeue", "discard", "stop", "unprepared", "lost"]


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
