"""A TTL cache with single flight: concurrent callers of the same key share one fetch."""

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
    """At most `size` values, each kept for `seconds`. An error is raised to every waiting caller and not kept."""

    def __init__(self, *, seconds: float, size: int) -> None:
        self.seconds = seconds
        self.size = size
        self._values: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._fetches: dict[K, asyncio.Future[V]] = {}

    def peek(self, key: K) -> V | None:
        """The cached value, `None` if there is none or it is too old. Nothing is fetched."""
        found = self._values.get(key)
        return found[1] if found and time.monotonic() - found[0] < self.seconds else None

    def drop(self, key: K) -> None:
        """Forget a value."""
        self._values.pop(key, None)

    async def get(self, key: K, fetch: Callable[[], Awaitable[V]], *, keep: Callable[[V], bool] | None = None) -> V:
        """The cached value, or else the result of `fetch`, which is kept unless `keep` returns false for it."""
        value = self.peek(key)
        return await self.renew(key, fetch, keep=keep) if value is None else value

    async def renew(self, key: K, fetch: Callable[[], Awaitable[V]], *, keep: Callable[[V], bool] | None = None) -> V:
        """The result of the fetch under way, or else of a new one."""
        fetching = self._fetches.get(key)
        if fetching is None:
            fetching = asyncio.ensure_future(self._fetch(key, fetch, keep))
            fetching.add_done_callback(_retrieve_exception)
            self._fetches[key] = fetching
        # A cancelled caller must not cancel the fetch for the others.
        return await asyncio.shield(fetching)

    async def _fetch(self, key: K, fetch: Callable[[], Awaitable[V]], keep: Callable[[V], bool] | None) -> V:
        try:
            value = await fetch()
        finally:
            self._fetches.pop(key, None)
        if keep is None or keep(value):
            self._values[key] = (time.monotonic(), value)
            self._values.move_to_end(key)
            while len(self._values) > self.size:
                self._values.popitem(last=False)
        return value


def _retrieve_exception(fetching: asyncio.Future[V]) -> None:
    """Keep asyncio from logging an exception for which every caller has stopped waiting."""
    if not fetching.cancelled():
        fetching.exception()
