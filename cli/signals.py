"""Graceful shutdown of a command on a signal."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Coroutine

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(Exception):
    """The command was cancelled by the signal `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


async def run_until_signal(work: Coroutine[None, None, int]) -> int:
    """The result of `work`; a signal cancels it and, once it has cleaned up, raises StoppedError.

    Further signals are ignored, so a second Ctrl-C does not interrupt the cleanup.
    """
    loop = asyncio.get_running_loop()
    signalled: asyncio.Future[int] = loop.create_future()

    def on_signal(number: int) -> None:
        if not signalled.done():
            signalled.set_result(number)

    for number in _SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup sets SIG_IGN
            loop.add_signal_handler(number, on_signal, number)
    task = asyncio.create_task(work)
    await asyncio.wait((task, signalled), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.wait((task,))
    raise StoppedError(signalled.result())
