"""Waiting for what other processes and tasks do: one synchronous helper and one asynchronous."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, TypeVar, overload

T = TypeVar("T")


def wait_until(condition: Callable[[], T], *, within: float = 30.0, interval: float = 0.02) -> T:
    """The first truthy result of `condition`, called every `interval` seconds.

    Raises `TimeoutError` after `within` seconds.
    """
    deadline = time.monotonic() + within
    while not (value := condition()):
        if time.monotonic() >= deadline:
            raise TimeoutError(f"the condition did not hold within {within:g} s; last result: {value!r}")
        time.sleep(interval)
    return value


@overload
async def wait_until_async(
    condition: Callable[[], Awaitable[T]], *, within: float = 30.0, interval: float = 0.02
) -> T: ...
@overload
async def wait_until_async(condition: Callable[[], T], *, within: float = 30.0, interval: float = 0.02) -> T: ...
async def wait_until_async(condition: Callable[[], Any], *, within: float = 30.0, interval: float = 0.02) -> Any:
    """Like `wait_until` without blocking the event loop; `condition` may be a coroutine function."""
    deadline = time.monotonic() + within
    while True:
        result = condition()
        value = await result if isawaitable(result) else result
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"the condition did not hold within {within:g} s; last result: {value!r}")
        await asyncio.sleep(interval)
