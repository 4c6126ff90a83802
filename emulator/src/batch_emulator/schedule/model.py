"""A job schedule and its state."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batch_emulator.entity import Doc, Entity

if TYPE_CHECKING:
    from batch_emulator.account import Account
    from batch_emulator.job.model import Job
    from batch_emulator.pool.model import Pool


@dataclass(slots=True, eq=False)
class JobSchedule(Entity):
    """A job schedule. `pool` is the automatic pool that its jobs share, if any; `wakeup` is set when it may go on."""

    account: Account
    jobs_created: int = 0
    pool: Pool | None = None
    work: asyncio.Task[None] | None = None
    wakeup: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def info(self) -> Doc:
        info: Doc = self.doc["executionInfo"]
        return info

    def stored(self) -> Doc:
        return self.doc | {"jobsMade": self.jobs_created, "poolKey": self.pool.key if self.pool is not None else None}

    def jobs(self) -> list[Job]:
        """Its jobs, oldest first."""
        return [job for job in self.account.jobs.values() if job.schedule_id == self.key]

    def active_job(self) -> Job | None:
        """Its job that is not completed; there is at most one."""
        return next((job for job in self.jobs() if job.state != "completed"), None)
