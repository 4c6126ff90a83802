"""A timer for the retention times of task files."""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

# Longer retention times are not timed: the emulator will have been restarted or the job deleted.
_MAX_DELAY_SECONDS = 86400.0 * 30


class FileExpiry(NamedTuple):
    """When the files of one run expire. It holds ids, not the task: a deleted task must not stay in memory for it."""

    when: float
    seq: int
    job: str
    task: str
    end_time: str


@dataclass(slots=True)
class ExpiryTimer:
    """Calls `expire` with each entry when it is due."""

    expire: Callable[[FileExpiry], None]
    _entries: list[FileExpiry] = field(default_factory=list)
    _timer: asyncio.TimerHandle | None = None

    def add(self, *, delay: float, seq: int, job: str, task: str, end_time: str) -> None:
        """Add an entry that is due in `delay` seconds."""
        if delay < _MAX_DELAY_SECONDS:
            entry = FileExpiry(asyncio.get_running_loop().time() + delay, seq, job, task, end_time)
            heapq.heappush(self._entries, entry)
            if self._entries[0] is entry:
                self._start()

    def cancel(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        self.cancel()
        if self._entries:
            self._timer = asyncio.get_running_loop().call_at(self._entries[0].when, self._run)

    def _run(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._entries and self._entries[0].when <= now:
            self.expire(heapq.heappop(self._entries))
        self._start()
