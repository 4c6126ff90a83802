"""Answers that are dear to fetch: fetched once for all who ask at the same time, and kept for a short while."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """At most `size` values, each for `seconds` from the moment it came; a failure is told to all and not kept."""

    def __init__(self, *, seconds: float, size: int) -> None:
        self.seconds = seconds
        self.size = size
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._coming: dict[K, asyncio.Future[V]] = {}

    def peek(self, key: K) -> V | None:
        """The value, if it is there and not too old; nothing is fetched."""
        found = self._kept.get(key)
        return found[1] if found and time.monotonic() - found[0] < self.seconds else None

    async def get(self, key: K, fetch: Callable[[], Awaitable[V]], *, keep: Callable[[V], bool] | None = None) -> V:
        """The value, fetched if need be. A value that `keep` denies goes to those who wait for it and no further."""
        value = self.peek(key)
        return await self.renew(key, fetch, keep=keep) if value is None else value

    async def renew(self, key: K, fetch: Callable[[], Awaitable[V]], *, keep: Callable[[V], bool] | None = None) -> V:
        """The value as somebody is fetching it now, or else fetched afresh."""
        coming = self._coming.get(key)
        if coming is None:
            coming = asyncio.ensure_future(self._fetch(key, fetch, keep))
            coming.add_done_callback(_heed)
            self._coming[key] = coming
        # A caller that gives up must not take the value from the others.
        return await asyncio.shield(coming)

    async def _fetch(self, key: K, fetch: Callable[[], Awaitable[V]], keep: Callable[[V], bool] | None) -> V:
        try:
            value = await fetch()
        finally:
            self._coming.pop(key, None)
        if keep is None or keep(value):
            self._kept[key] = (time.monotonic(), value)
            self._kept.move_to_end(key)
            while len(self._kept) > self.size:
                self._kept.popitem(last=False)
        return value


def _heed(coming: asyncio.Future[V]) -> None:
    """A failure that everybody has stopped waiting for is nobody's."""
    if not coming.cancelled():
        coming.exception()
