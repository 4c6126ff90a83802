"""Coalesces calls: those that arrive while a request is under way share the next one."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")


BURST_SECONDS = 1.0
"""How long after a shared request a burst is assumed to go on. Items that arrive one after the other never wait."""


class Coalescer(Generic[T]):
    """Sends the items of concurrent callers together, one request at a time.

    send: Sends the items and returns the error of each, `None` for those that succeeded.
    max_items: Items of one request.
    gather_seconds: How long a request of a burst waits for more items.
    """

    def __init__(
        self, send: Callable[[Sequence[T]], Awaitable[list[Exception | None]]], *, max_items: int, gather_seconds: float
    ) -> None:
        self._send = send
        self._max_items = max_items
        self._gather_seconds = gather_seconds
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._sender: asyncio.Task[None] | None = None
        self._last_shared = float("-inf")

    async def submit(self, item: T) -> None:
        """Send an item. Raises the error of this item alone."""
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, sent))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_all())
        await sent

    async def _send_all(self) -> None:
        while self._waiting:
            in_burst = time.monotonic() - self._last_shared < BURST_SECONDS
            if self._gather_seconds and in_burst and len(self._waiting) < self._max_items:
                await asyncio.sleep(self._gather_seconds)
            sending, self._waiting = self._waiting[: self._max_items], self._waiting[self._max_items :]
            errors: list[Exception | None]
            try:
                errors = await self._send([item for item, _ in sending])
            except Exception as error:  # every caller gets it, whatever it is
                errors = [error] * len(sending)
            if len(sending) > 1:
                self._last_shared = time.monotonic()
            for (_, sent), failure in zip(sending, errors, strict=True):
                if sent.done():
                    continue  # its caller was cancelled
                if failure:
                    sent.set_exception(failure)
                else:
                    sent.set_result(None)
