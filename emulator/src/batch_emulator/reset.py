"""Empties the account, as if the emulator had just been started without state."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from batch_emulator.job import lifecycle as job_lifecycle
from batch_emulator.pool import lifecycle as pool_lifecycle
from batch_emulator.schedule import lifecycle as schedule_lifecycle

if TYPE_CHECKING:
    from batch_emulator.account import Account


async def empty(account: Account) -> None:
    """Delete all job schedules, jobs and pools; returns when they are gone."""
    job_lifecycle.release_held_deletions(account)
    await asyncio.gather(*(schedule_lifecycle.delete(schedule) for schedule in list(account.schedules.values())))
    for job in list(account.jobs.values()):
        if job.state != "deleting":
            job_lifecycle.start_delete(job)
    for pool in list(account.pools.values()):
        pool_lifecycle.start_delete(pool)
    while account.jobs or account.pools:
        work = [job.closing for job in account.jobs.values() if job.closing is not None]
        await asyncio.wait([*work, *account.background, asyncio.create_task(asyncio.sleep(0.01))])
