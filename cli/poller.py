"""Waits for the conversions of many videos with few requests."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cli.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from cli.client import Client

_SINGLY = 8
"""Videos that are read one by one; of more, the list is read, and these many in turn."""
_PAGE = 1000
_ROUND_SECONDS = 0.4
_ROUND_OF_MANY_SECONDS = 1.0


@dataclass(kw_only=True)
class _Waiter:
    since: datetime
    on_status: Callable[[dict[str, Any]], None]
    ended: asyncio.Future[dict[str, Any]]
    running: bool = False


@dataclass(kw_only=True)
class StatusPoller:
    """Reads the statuses of all videos that are waited for; `run` must run meanwhile."""

    client: Client
    _waiters: dict[str, _Waiter] = field(default_factory=dict)
    _turn: deque[str] = field(default_factory=deque)

    async def ended(self, name: str, *, since: datetime, on_status: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Wait until a video has succeeded or failed, and return its status.

        since: Statuses of conversions queued before belong to an earlier video of the same name.
        on_status: Called with each status on the way.
        Raises RefusedError for a name that the app rejects.
        """
        waiter = _Waiter(since=since, on_status=on_status, ended=asyncio.get_running_loop().create_future())
        self._waiters[name] = waiter
        self._turn.append(name)
        try:
            return await waiter.ended
        finally:
            if self._waiters.get(name) is waiter:
                del self._waiters[name]
                self._turn.remove(name)

    async def run(self) -> NoReturn:
        """Poll until cancelled. Raises DeniedError, UnreachableError."""
        while True:
            many = len(self._waiters) > _SINGLY
            if many:
                for status in await self.client.newest(limit=_PAGE):
                    self._see(status)
            await asyncio.gather(*map(self._read, self._chosen()))
            await asyncio.sleep(_ROUND_OF_MANY_SECONDS if many else _ROUND_SECONDS)

    def _chosen(self) -> list[str]:
        """Running videos first, whose progress the list lacks; the others in turn."""
        open_waiters = {name: waiter for name, waiter in self._waiters.items() if not waiter.ended.done()}
        running = [name for name, waiter in open_waiters.items() if waiter.running][:_SINGLY]
        others: list[str] = []
        for _ in range(len(self._turn)):
            if len(running) + len(others) == _SINGLY:
                break
            name = self._turn[0]
            self._turn.rotate(-1)
            if name in open_waiters and name not in running:
                others.append(name)
        return running + others

    async def _read(self, name: str) -> None:
        try:
            status = await self.client.status(name)
        except RefusedError as error:
            waiter = self._waiters.get(name)
            if waiter is not None and not waiter.ended.done():
                waiter.ended.set_exception(error)
            return
        if status is not None:
            self._see(status)

    def _see(self, status: dict[str, Any]) -> None:
        waiter = self._waiters.get(status["video"])
        if waiter is None or waiter.ended.done() or datetime.fromisoformat(status["queued_at"]) < waiter.since:
            return
        waiter.running = status["state"] == "running"
        waiter.on_status(status)
        if status["state"] in ("succeeded", "failed"):
            waiter.ended.set_result(status)
