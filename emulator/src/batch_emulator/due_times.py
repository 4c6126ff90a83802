"""What is due at a time: stored, so that it happens after a restart too.

What follows from a stored document is not entered here but derived from it, such as a job's maximum wall-clock time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from batch_emulator import clock
from batch_emulator.entity import Entity

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_emulator.store import Store

Action = Literal["restore node", "replace node", "release deletion"]

# The event loop refuses timers of many years.
_MAX_SLEEP_SECONDS = 86400.0


@dataclass(slots=True, eq=False)
class Due(Entity):
    """One entry: `doc` has the action, its subject and the time."""

    timer: asyncio.TimerHandle | None = None

    @property
    def id(self) -> str:
        return f"{self.doc['action']}/{self.doc['subject']}"


@dataclass(slots=True)
class DueTimes:
    """Runs actions at their times, each once for each subject."""

    store: Store
    run: Callable[[Action, str], None]
    _entries: dict[str, Due] = field(default_factory=dict)

    def add(self, action: Action, subject: str, *, at: str) -> None:
        """Run `action` for `subject` at a time. Replaces the same action for the same subject."""
        due = Due({"action": action, "subject": subject, "at": at}, on_change=self._save)
        self.remove(action, subject)
        self._entries[due.id] = due
        due.save()
        self._start(due)

    def remove(self, action: Action, subject: str) -> None:
        """Do not run the action any more."""
        due = self._entries.pop(f"{action}/{subject}", None)
        if due is not None:
            self.store.remove("due", due.id)
            if due.timer is not None:
                due.timer.cancel()

    def restore(self, *, url: str) -> None:
        """Load the entries of an earlier run. What was due meanwhile runs now."""
        for row in list(self.store.rows("due", url=url)):
            due = Due(row.doc, on_change=self._save, seq=row.seq)
            self._entries[due.id] = due
            self._start(due)

    def cancel(self) -> None:
        """Stop all timers; the entries stay stored."""
        for due in self._entries.values():
            if due.timer is not None:
                due.timer.cancel()

    def _save(self, due: Entity) -> None:
        self.store.save("due", due.id, due)

    def _start(self, due: Due) -> None:
        left = max(0.0, clock.seconds_until(due.doc["at"]))
        due.timer = asyncio.get_running_loop().call_later(min(left, _MAX_SLEEP_SECONDS), self._run, due)

    def _run(self, due: Due) -> None:
        if clock.seconds_until(due.doc["at"]) > 0:
            self._start(due)
            return
        # The entry and what the action changes are stored by the same commit.
        self.remove(due.doc["action"], due.doc["subject"])
        self.run(due.doc["action"], due.doc["subject"])
