"""What keeps a job in `deleting`."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from local.batch import clock


@dataclass(slots=True)
class DeletionHold:
    """Keeps a job in `deleting` until a time, or until it is released if `until` is None."""

    fault: str
    until: str | None
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def start(cls, fault: str, *, seconds: float) -> DeletionHold:
        """A hold by the fault with this key, for `seconds` from now; -1 means until it is released."""
        until = clock.timestamp(datetime.now(UTC) + timedelta(seconds=seconds)) if seconds >= 0 else None
        return cls(fault, until)

    def release(self) -> None:
        """Let the deletion continue."""
        self._released.set()

    async def wait(self) -> None:
        """Wait until the job may go."""
        left = None if self.until is None else max(0.0, clock.seconds_until(self.until))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._released.wait(), left)
