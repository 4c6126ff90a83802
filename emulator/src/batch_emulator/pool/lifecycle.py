"""Creating and deleting a pool."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from batch_emulator.errors import BatchError
from batch_emulator.pool import autoscale as pool_autoscale
from batch_emulator.pool import resize as pool_resize

if TYPE_CHECKING:
    from batch_emulator.pool.model import Pool


def check_changeable(pool: Pool) -> None:
    """Refuse changes to a pool that is being deleted."""
    if pool.state == "deleting":
        raise BatchError("PoolBeingDeleted", "The specified pool is being deleted.")


def start_delete(pool: Pool) -> None:
    """Begin to delete an active pool; does nothing if it is being deleted already."""
    if pool.state == "active":
        pool.move_to("deleting")
        resume_delete(pool)


def resume_delete(pool: Pool) -> None:
    """Continue a deletion that a crash interrupted."""
    pool.account.run_in_background(asyncio.create_task(_delete(pool)))


async def _delete(pool: Pool) -> None:
    """Remove every node, then the pool; its jobs stay and wait for another pool with its id."""
    await pool_autoscale.stop(pool)
    if pool.resizing is not None:
        pool.resizing.cancel()
        await asyncio.wait([pool.resizing])
    pool.set_allocation_state("resizing")
    for node in pool.nodes.values():
        node.removal = "requeue"
    await asyncio.gather(*(pool_resize.remove_node(node) for node in list(pool.nodes.values())))
    pool.account.pools.pop(pool.key, None)
    pool.account.store.remove("pool", pool.key)
    for job in pool.jobs.values():
        job.pool = None
