"""A pool: its document, its nodes, and the jobs that run on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.batch import clock
from local.batch.autoscale import History
from local.batch.domain.entity import Doc, Entity, born

if TYPE_CHECKING:
    import asyncio
    from datetime import datetime

    from local.batch.domain.account import Account
    from local.batch.domain.job import Job
    from local.batch.domain.node import Node

_NODE_STATES = {
    "waitingforstarttask": "waitingForStartTask",
    "starttaskfailed": "startTaskFailed",
    "leavingpool": "leavingPool",
    "upgradingos": "upgradingOS",
}
_COUNTED = [
    "creating",
    "idle",
    "offline",
    "preempted",
    "rebooting",
    "reimaging",
    "running",
    "starting",
    "startTaskFailed",
    "leavingPool",
    "unknown",
    "unusable",
    "waitingForStartTask",
    "deallocated",
    "deallocating",
    "upgradingOS",
]


@dataclass(slots=True, eq=False)
class Pool(Entity):
    """A pool."""

    account: Account
    nodes: dict[str, Node] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    scheduled: bool = False
    resizing: asyncio.Task[None] | None = None
    scaling: asyncio.Task[None] | None = None
    history: History = field(default_factory=History)
    next_evaluation: datetime | None = None
    enabled_at: datetime | None = None

    @property
    def key(self) -> str:
        return self.id.lower()

    @property
    def slots(self) -> int:
        return int(self.doc["taskSlotsPerNode"])

    @property
    def image(self) -> Doc:
        image: Doc = self.doc.get("virtualMachineConfiguration", {}).get("imageReference", {})
        return image

    @property
    def identities(self) -> list[Doc]:
        """The user-assigned identities that its nodes may act as."""
        found: list[Doc] = self.doc.get("identity", {}).get("userAssignedIdentities", [])
        return found

    @property
    def short_of_nodes(self) -> bool:
        """Whether fewer nodes are there than the targets say."""
        wanted = self.doc["targetDedicatedNodes"] + self.doc["targetLowPriorityNodes"]
        return len(self.nodes) < int(wanted)

    def allocate(self, state: str) -> None:
        """Change the allocation state."""
        if self.doc["allocationState"] != state:
            self.doc["allocationState"] = state
            self.doc["allocationStateTransitionTime"] = clock.now()
            self.changed(self)

    def recount(self) -> None:
        """Bring the document's current numbers of nodes up to date."""
        dedicated = sum(node.dedicated for node in self.nodes.values())
        self.doc["currentDedicatedNodes"] = dedicated
        self.doc["currentLowPriorityNodes"] = len(self.nodes) - dedicated
        self.changed(self)

    def node_counts(self) -> Doc:
        """How many nodes stand in each state, as the list of node counts gives it."""
        return {"poolId": self.id, "dedicated": self._counts(True), "lowPriority": self._counts(False)}

    def _counts(self, dedicated: bool) -> Doc:
        states = Counter(
            _NODE_STATES.get(node.state, node.state) for node in self.nodes.values() if node.dedicated == dedicated
        )
        return {name: states[name] for name in _COUNTED} | {"total": states.total()}


def make(spec: Doc, *, account: Account, url: str) -> Pool:
    """A new pool from the checked body of a request; its nodes are still to come."""
    defaults: Doc = {
        "allocationState": "steady",
        "taskSlotsPerNode": 1,
        "taskSchedulingPolicy": {"nodeFillType": "spread"},
        "resizeTimeout": "PT15M",
        "currentDedicatedNodes": 0,
        "currentLowPriorityNodes": 0,
        "targetDedicatedNodes": 0,
        "targetLowPriorityNodes": 0,
        "enableAutoScale": False,
        "enableInterNodeCommunication": False,
    }
    doc = born({"id": spec["id"], "url": url} | defaults | spec, state="active")
    doc["allocationStateTransitionTime"] = doc["creationTime"]
    if doc["enableAutoScale"]:
        doc.setdefault("autoScaleEvaluationInterval", "PT15M")
    return Pool(doc, account, changed=account.pool_changed)
