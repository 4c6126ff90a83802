"""The clients of the Batch accounts, one for each endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure.batch.aio import BatchClient

from shared.services.transport import RETRIES, TIMEOUTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.credentials_async import AsyncTokenCredential


class Accounts:
    """Makes each account's client on first use and keeps it."""

    def __init__(self, make_client: Callable[[str], BatchClient]) -> None:
        self._make_client = make_client
        self._clients: dict[str, BatchClient] = {}

    @classmethod
    def connect(cls, credential: AsyncTokenCredential) -> Accounts:
        """Clients that use `credential`. Nothing is sent until the first call."""
        return cls(lambda url: BatchClient(url, credential, **TIMEOUTS, **RETRIES))

    def client(self, url: str) -> BatchClient:
        """The client of the account with this endpoint."""
        if url not in self._clients:
            self._clients[url] = self._make_client(url)
        return self._clients[url]

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()
