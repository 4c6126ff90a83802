"""A compute node: its document, its slots, its directory."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.batch import clock
from local.batch.domain.entity import Doc, Entity

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from local.batch.domain.pool import Pool
    from local.batch.domain.task import Task

WORKING = ("idle", "running")


@dataclass(slots=True, eq=False)
class Node(Entity):
    """A node of a pool. `removal` is set once it is to leave, and says what becomes of its tasks."""

    pool: Pool
    root: Path
    tasks: set[Task] = field(default_factory=set)
    used: int = 0
    life: asyncio.Task[None] | None = None
    removal: str | None = None
    packages: dict[tuple[str, str], asyncio.Task[Path]] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)

    @property
    def dedicated(self) -> bool:
        return bool(self.doc["isDedicated"])

    @property
    def free(self) -> int:
        """Slots that a task could take now."""
        if self.state not in WORKING or self.doc["schedulingState"] != "enabled" or self.removal is not None:
            return 0
        return self.pool.slots - self.used

    def kept(self) -> Doc:
        return self.doc | {"poolKey": self.pool.key, "users": sorted(self.users)}

    def move_to(self, state: str) -> None:
        self.doc["state"] = state
        self.doc["stateTransitionTime"] = clock.now()
        self.changed(self)

    def take(self, task: Task) -> None:
        """Give `task` its slots."""
        self.tasks.add(task)
        self.used += task.slots
        self._count()
        if self.state == "idle":
            self.move_to("running")

    def release(self, task: Task) -> None:
        """Get the slots of `task` back."""
        self.tasks.discard(task)
        self.used -= task.slots
        self._count()
        if not self.tasks and self.state == "running":
            self.move_to("idle")

    def _count(self) -> None:
        self.doc["runningTasksCount"] = len(self.tasks)
        self.doc["runningTaskSlotsCount"] = self.used

    def ran(self, task: Task) -> None:
        """Keep `task` among the recent ones."""
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
        self.changed(self)


def make(pool: Pool, *, dedicated: bool, root: Path) -> Node:
    """A new node of `pool`, still being created; `root` is the directory of all nodes."""
    name = f"tvmps_{secrets.token_hex(16)}_{'d' if dedicated else 'p'}"
    stamp = clock.now()
    doc: Doc = {
        "id": name,
        "url": f"{pool.doc['url']}/nodes/{name}",
        "state": "creating",
        "schedulingState": "enabled",
        "stateTransitionTime": stamp,
        "lastBootTime": stamp,
        "allocationTime": stamp,
        "ipAddress": "127.0.0.1",
        "ipv6Address": "::1",
        "affinityId": f"TVM:{name}",
        "vmSize": pool.doc["vmSize"],
        "isDedicated": dedicated,
        "totalTasksRun": 0,
        "totalTasksSucceeded": 0,
        "runningTasksCount": 0,
        "runningTaskSlotsCount": 0,
        "endpointConfiguration": {
            "inboundEndpoints": [
                {
                    "name": "SSHRule.0",
                    "protocol": "tcp",
                    "publicIPAddress": "127.0.0.1",
                    "publicFQDN": "localhost",
                    "frontendPort": 22,
                    "backendPort": 22,
                }
            ]
        },
        "nodeAgentInfo": {"version": "1.0.0", "lastUpdateTime": stamp},
        "virtualMachineInfo": {"imageReference": pool.image},
    }
    if "startTask" in pool.doc:
        doc["startTask"] = pool.doc["startTask"]
    return Node(doc, pool, root / name, changed=pool.account.node_changed)
