"""Many small pieces of work side by side, a bounded number at a time, none of which stops the others."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from shared.records import ConflictError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

log = logging.getLogger(__name__)

AT_ONCE = 16


@asynccontextmanager
async def crew(*, at_once: int = AT_ONCE) -> AsyncIterator[Callable[[str, Awaitable[object]], Awaitable[None]]]:
    """Gives `await hand_over(what, work)`, which returns once there is room; leaving waits for all.

    Work that fails is logged as `what` and left to the next sweep.
    """
    slots = asyncio.Semaphore(at_once)

    async def run(what: str, work: Awaitable[object]) -> None:
        try:
            await work
        except ConflictError:
            log.info("%s is left to the next sweep: its record changed meanwhile", what)
        except Exception:
            log.exception("%s is left to the next sweep", what)
        finally:
            slots.release()

    try:
        async with asyncio.TaskGroup() as group:

            async def hand_over(what: str, work: Awaitable[object]) -> None:
                await slots.acquire()
                group.create_task(run(what, work))

            yield hand_over
    except ExceptionGroup as errors:
        # The work raises nothing, so it is the one error of whoever hands it over.
        raise errors.exceptions[0] from None
