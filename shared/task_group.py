"""A task group that runs a bounded number of tasks at a time, none of which cancels the others."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ParamSpec, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

log = logging.getLogger(__name__)

MAX_CONCURRENT = 16


P = ParamSpec("P")


class StartSoon(Protocol):
    """Starts `function` as soon as there is room, and returns then; `label` names the task in the log."""

    async def __call__(
        self, label: str, function: Callable[P, Awaitable[object]], *args: P.args, **kwargs: P.kwargs
    ) -> None: ...


@asynccontextmanager
async def bounded_task_group(
    *, limit: int = MAX_CONCURRENT, expected: type[Exception] | tuple[type[Exception], ...] = ()
) -> AsyncIterator[StartSoon]:
    """Yields `start_soon`; leaving the context waits for all tasks.

    A task that fails is logged: at INFO in one line for the `expected` exceptions, otherwise with its traceback.
    """
    slots = asyncio.Semaphore(limit)

    async def run(label: str, function: Callable[P, Awaitable[object]], *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            await function(*args, **kwargs)
        except expected as error:
            log.info("%s stopped: %s", label, error)
        except Exception:
            log.exception("%s failed", label)
        finally:
            slots.release()

    try:
        async with asyncio.TaskGroup() as group:

            async def start_soon(
                label: str, function: Callable[P, Awaitable[object]], *args: P.args, **kwargs: P.kwargs
            ) -> None:
                await slots.acquire()
                group.create_task(run(label, function, *args, **kwargs))

            yield start_soon
    except ExceptionGroup as errors:
        # Tasks raise nothing, so this is the one error of the caller's own block.
        raise errors.exceptions[0] from None
