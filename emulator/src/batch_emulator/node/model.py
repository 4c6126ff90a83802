"""A compute node and its state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batch_emulator import clock
from batch_emulator.entity import Doc, Entity

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from batch_emulator.pool.model import Pool
    from batch_emulator.registries import Registry
    from batch_emulator.task.model import Task

_WORKING = ("idle", "running")


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
    def has_containers(self) -> bool:
        return self.pool.has_containers

    @property
    def container_images(self) -> list[str]:
        """The container images that are pulled when it starts."""
        found: list[str] = self.pool.container_configuration.get("containerImageNames", [])
        return found

    @property
    def container_registries(self) -> list[Registry]:
        found: list[Registry] = self.pool.container_configuration.get("containerRegistries", [])
        return found

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
