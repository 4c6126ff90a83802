"""Retries requests to storage, without which the sender cannot go on."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
logger = logging.getLogger("events.storage")
_RETRY_SECONDS = 1.0


async def retry_forever(call: Callable[[], Awaitable[T]]) -> T:
    """The result of the first call that succeeds."""
    while True:
        try:
            return await call()
        except (aiohttp.ClientError, TimeoutError) as error:
            logger.warning("storage request failed, retrying: %s", error)
            await asyncio.sleep(_RETRY_SECONDS)
