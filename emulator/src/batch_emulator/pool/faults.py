"""Faults of pools: start tasks that fail, and resizes that take long."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

_POLL_SECONDS = 0.1


@dataclass(slots=True)
class PoolFaults:
    """The faults in force in an account. A restart forgets them."""

    failing_start_tasks: int = 0
    """How many start tasks are still to fail, -1 for all."""
    resizes_held_until: float = 0.0
    """Until when pools get no nodes, on the monotonic clock."""

    def take_start_task(self) -> bool:
        """Whether the present start task is to fail."""
        if self.failing_start_tasks > 0:
            self.failing_start_tasks -= 1
            return True
        return self.failing_start_tasks < 0

    def hold_resizes(self, seconds: float) -> None:
        """Let pools get no nodes for so long: their resizes do not end."""
        self.resizes_held_until = time.monotonic() + seconds

    async def wait_for_nodes(self) -> None:
        """Wait until pools may get nodes."""
        while time.monotonic() < self.resizes_held_until:
            await asyncio.sleep(_POLL_SECONDS)

    def clear(self) -> None:
        """End all of them."""
        self.failing_start_tasks, self.resizes_held_until = 0, 0.0
