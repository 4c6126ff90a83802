"""Signals end a command in order: what it began is stopped before it ends."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Coroutine

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(Exception):
    """A signal, `number`, ended the work."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


async def until_signal(work: Coroutine[None, None, int]) -> int:
    """The result of the work; a signal cancels it. Raises StoppedError once it has cleaned up.

    Further signals change nothing, so that an impatient second Ctrl-C leaves no process behind.
    """
    loop = asyncio.get_running_loop()
    signalled: asyncio.Future[int] = loop.create_future()

    def signal_came(number: int) -> None:
        if not signalled.done():
            signalled.set_result(number)

    for number in _SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it
            loop.add_signal_handler(number, signal_came, number)
    task = asyncio.create_task(work)
    await asyncio.wait((task, signalled), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.wait((task,))
    raise StoppedError(signalled.result())
