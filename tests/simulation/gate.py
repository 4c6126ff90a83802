"""The gate through which every call to a service passes: the test decides when a call happens, and how it ends."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Literal, TypeVar

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceResponseError

T = TypeVar("T")

Ending = Literal["done", "refused", "throttled", "response lost"]
"""How a call ends: successfully; with 503 or 429 and no effect; with its effect, but the response is lost."""


class Gate:
    """The waiting calls, oldest first."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, asyncio.Future[Ending | HttpResponseError]]] = []
        self.open = False
        """While open, calls succeed without waiting."""
        self.log: list[str] = []
        """Every call, in order."""

    async def call(self, what: str, effect: Callable[[], T]) -> T:
        """Wait until the test ends the call. `effect` is all that the service does, at one instant."""
        ending: Ending | HttpResponseError = "done"
        self.log.append(what)
        if not self.open:
            future: asyncio.Future[Ending | HttpResponseError] = asyncio.get_running_loop().create_future()
            self.waiting.append((what, future))
            ending = await future
        if isinstance(ending, HttpResponseError):
            raise ending
        if ending == "refused":
            raise failure(503, "ServerBusy")
        if ending == "throttled":
            raise failure(429, "TooManyRequests")
        result = effect()
        if ending == "response lost":
            raise ServiceResponseError("connection reset")
        return result

    def end(self, index: int, ending: Ending | HttpResponseError) -> None:
        """End the call at `index`, with an error of the service's if one is given."""
        _, future = self.waiting.pop(index)
        if not future.done():
            future.set_result(ending)

    def end_all_but(self, silent: str) -> bool:
        """Let all waiting calls succeed except those that begin with `silent`; whether there were any."""
        passing = [index for index, (what, _) in enumerate(self.waiting) if not what.startswith(silent)]
        for index in reversed(passing):
            self.end(index, "done")
        return bool(passing)

    def drop(self) -> None:
        """Forget the calls whose callers were killed."""
        self.waiting = [(what, future) for what, future in self.waiting if not future.done()]


def failure(status: int, code: str) -> HttpResponseError:
    """An error as the SDKs raise it."""
    error = ResourceNotFoundError(code) if status == 404 else HttpResponseError(code)
    error.status_code = status
    error.error = SimpleNamespace(code=code)  # type: ignore[assignment]
    return error
