"""The results topic in memory."""

from typing import Any

from azure.core.exceptions import ServiceRequestError


class Topic:
    """Stands in for an EventGridPublisherClient; fails the first `failures` calls."""

    def __init__(self, *, failures: int = 0) -> None:
        self.failures = failures
        self.published: list[str] = []

    async def send(self, events: list[Any]) -> None:
        if self.failures:
            self.failures -= 1
            raise ServiceRequestError("no connection")
        self.published += [f"{event.type} {event.subject}" for event in events]

    async def close(self) -> None:
        return
