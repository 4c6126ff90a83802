"""Stops the emulator on a signal or at the end of standard input."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import suppress


def stop_event(*, exit_with_stdin: bool) -> asyncio.Event:
    """An event that is set on SIGTERM or SIGINT and, with `exit_with_stdin`, at the end of standard input.

    A parent process holds the other end of standard input, so the emulator stops however the parent ends.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if exit_with_stdin:
        threading.Thread(target=_wait_for_end, args=(loop, stop), daemon=True).start()
    return stop


def _wait_for_end(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    while os.read(0, 4096):
        pass
    with suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(stop.set)
