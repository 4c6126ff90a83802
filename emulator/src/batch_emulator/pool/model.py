"""A pool and its state."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batch_emulator import clock
from batch_emulator.autoscale import History
from batch_emulator.entity import Doc, Entity
from batch_emulator.machine.containers import HOST_WARNING

if TYPE_CHECKING:
    from datetime import datetime

    from batch_emulator.account import Account
    from batch_emulator.job.model import Job
    from batch_emulator.node.model import Node


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
    def container_configuration(self) -> Doc:
        found: Doc = self.doc.get("virtualMachineConfiguration", {}).get("containerConfiguration", {})
        return found

    @property
    def warning(self) -> str | None:
        """What a client should know about how its tasks run here."""
        return HOST_WARNING if self.has_containers and self.account.options.containers == "host" else None

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
