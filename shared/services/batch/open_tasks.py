"""Numbers of tasks, in a module that imports no SDK: the lifecycle adds them up."""

from typing import NamedTuple


class OpenTasks(NamedTuple):
    """Numbers of tasks that have not ended."""

    waiting: int = 0
    running: int = 0
    waiting_slots: int = 0
    """Task slots that the waiting ones need."""

    @property
    def total(self) -> int:
        return self.waiting + self.running
