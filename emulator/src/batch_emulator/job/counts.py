"""How many tasks of a job are in each state."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_emulator.entity import Doc

_STATES = ("active", "running", "completed", "succeeded", "failed")


@dataclass(slots=True)
class TaskCounts:
    """The numbers of tasks, and of the slots they take, by state."""

    tasks: Counter[str] = field(default_factory=Counter)
    slots: Counter[str] = field(default_factory=Counter)

    def add(self, state: str, *, slots: int) -> None:
        """Count one task more in `state`."""
        self.tasks[state] += 1
        self.slots[state] += slots

    def remove(self, state: str, *, slots: int) -> None:
        """Count one task less in `state`."""
        self.tasks[state] -= 1
        self.slots[state] -= slots

    def doc(self) -> Doc:
        """The response to a request for task counts."""
        return {"taskCounts": _wire(self.tasks), "taskSlotCounts": _wire(self.slots)}


def _wire(counter: Counter[str]) -> Doc:
    completed = counter["succeeded"] + counter["failed"]
    return {name: completed if name == "completed" else counter[name] for name in _STATES}
