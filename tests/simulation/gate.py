"""Every call to a service waits here until the test lets it through, fails it, or kills the process around it."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Literal, TypeVar

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceResponseError

T = TypeVar("T")

Fate = Literal["done", "refused", "throttled", "unheard"]
"""How a call ends: as asked; 503 or 429 without effect; with its effect, but the answer is lost."""


class Gate:
    """The calls that wait, in the order they came."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, asyncio.Future[Fate]]] = []
        self.open = False
        """While open, calls pass without waiting."""

    async def call(self, what: str, effect: Callable[[], T]) -> T:
        """Wait for the call's fate and meet it. `effect` is the whole of what the service does, at one instant."""
        fate: Fate = "done"
        if not self.open:
            future: asyncio.Future[Fate] = asyncio.get_running_loop().create_future()
            self.waiting.append((what, future))
            fate = await future
        if fate == "refused":
            raise failure(503, "ServerBusy")
        if fate == "throttled":
            raise failure(429, "TooManyRequests")
        result = effect()
        if fate == "unheard":
            raise ServiceResponseError("connection reset")
        return result

    def settle(self, index: int, fate: Fate) -> None:
        """Let the call at `index` meet its fate."""
        _, future = self.waiting.pop(index)
        if not future.done():
            future.set_result(fate)

    def drop(self) -> None:
        """Forget those whose callers were killed."""
        self.waiting = [(what, future) for what, future in self.waiting if not future.done()]


def failure(status: int, code: str) -> HttpResponseError:
    """An error as the SDKs raise it."""
    error = ResourceNotFoundError(code) if status == 404 else HttpResponseError(code)
    error.status_code = status
    error.error = SimpleNamespace(code=code)  # type: ignore[assignment]
    return error
