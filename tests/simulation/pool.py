"""What the app can do to a pool in memory: evaluate and replace its formula, list, restart and remove its nodes."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from tests.simulation.gate import Gate
from tests.simulation.storage import Clock


@dataclass
class Node:
    id: str
    state: str
    since: float
    scheduling: str = "enabled"


class PoolStandIn:
    """The part of a BatchClient that is about the pool. `wanted` is what the formula gives for any hint but none."""

    def __init__(self, gate: Gate, clock: Clock, *, label: str) -> None:
        self.gate = gate
        self.clock = clock
        self.label = label
        self.formula: str | None = None
        """`None` while autoscale is off."""
        self.interval = timedelta(minutes=5)
        self.allocation_state = "steady"
        self.target = 1
        self.resized = 0.0
        self.wanted = 1
        self.listed: list[Node] = []
        self.done: list[str] = []
        """What was done to nodes, in order."""
        self.hints: list[int] = []
        """The tasks of each formula that was put into force."""

    async def evaluate_pool_auto_scale(self, _pool_id: str, options: Any) -> Any:
        def effect() -> Any:
            count = self.wanted if _hinted_tasks(options.auto_scale_formula) else 0
            return SimpleNamespace(error=None, results=f"$TargetDedicatedNodes={count};$TargetLowPriorityNodes=0")

        return await self.gate.call(f"{self.label}evaluate", effect)

    async def enable_pool_auto_scale(self, _pool_id: str, options: Any) -> None:
        def effect() -> None:
            assert options.auto_scale_evaluation_interval != self.interval, "no new schedule"
            self.formula, self.interval = options.auto_scale_formula, options.auto_scale_evaluation_interval
            self.hints.append(_hinted_tasks(self.formula))
            self.target = self.wanted if self.hints[-1] else 0

        await self.gate.call(f"{self.label}enable autoscale", effect)

    async def list_nodes(self, _pool_id: str, **_: object) -> AsyncIterator[Any]:
        def effect() -> list[Any]:
            return [
                SimpleNamespace(
                    id=node.id,
                    state=node.state,
                    state_transition_time=self.clock.as_real(node.since),
                    scheduling_state=node.scheduling,
                    start_task_info=None,
                )
                for node in self.listed
            ]

        for node in await self.gate.call(f"{self.label}list nodes", effect):
            yield node

    async def begin_reboot_node(self, _pool_id: str, node_id: str, _options: Any) -> None:
        await self.gate.call(f"{self.label}reboot {node_id}", lambda: self.done.append(f"reboot {node_id}"))

    async def begin_reimage_node(self, _pool_id: str, node_id: str, _options: Any) -> None:
        await self.gate.call(f"{self.label}reimage {node_id}", lambda: self.done.append(f"reimage {node_id}"))

    async def begin_remove_nodes(self, _pool_id: str, options: Any) -> None:
        [node_id] = options.node_ids
        await self.gate.call(f"{self.label}remove {node_id}", lambda: self.done.append(f"remove {node_id}"))

    async def begin_stop_pool_resize(self, _pool_id: str) -> None:
        await self.gate.call(f"{self.label}stop resize", lambda: self.done.append("stop resize"))


def _hinted_tasks(formula: str | None) -> int:
    found = re.search(r"hintTasks = (\d+)", formula or "")
    return int(found[1]) if found else 0
