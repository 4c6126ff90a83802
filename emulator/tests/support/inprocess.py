"""Pools and tasks of an emulator that runs within the process of the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_emulator.job import creation as job_creation
from batch_emulator.pool import creation as pool_creation
from batch_emulator.task import creation as task_creation
from support.waiting import wait_until_async

if TYPE_CHECKING:
    from batch_emulator.account import Account
    from batch_emulator.pool.model import Pool
    from batch_emulator.task.model import Task


async def make_pool_in(account: Account, name: str, *, nodes: int) -> Pool:
    """Create a pool and wait until its nodes are idle."""
    pool = pool_creation.create(account, {"id": name, "vmSize": "x", "targetDedicatedNodes": nodes})
    await wait_until_async(lambda: [node.state for node in pool.nodes.values()] == ["idle"] * nodes)
    return pool


def make_job_with_task(account: Account, pool: Pool, command: str, **settings: object) -> Task:
    """Create a job with one task."""
    job = job_creation.add(account, {"id": "j", "poolInfo": {"poolId": pool.id}})
    return task_creation.add(job, {"id": "t", "commandLine": command} | settings)
