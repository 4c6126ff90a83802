"""The results topic in memory."""

from typing import Any

from azure.core.exceptions import HttpResponseError, ServiceRequestError


class Topic:
    """Stands in for an EventGridPublisherClient; fails the first `failures` calls, with `error` if it is given."""

    def __init__(self, *, failures: int = 0, error: HttpResponseError | None = None) -> None:
        self.failures = failures
        self.error = error
        self.published: list[str] = []

    async def send(self, events: list[Any]) -> None:
        if self.failures:
            self.failures -= 1
            raise self.error or ServiceRequestError("no connection")
        self.published += [f"{event.type} {event.subject}" for event in events]

    async def close(self) -> None:
        return
