"""Async clients of the services, each made at its first use on one managed identity."""

from __future__ import annotations

import logging
from functools import cache, cached_property
from typing import TYPE_CHECKING

from shared.jobs import JobCache
from shared.settings import Settings, settings

if TYPE_CHECKING:
    from datetime import datetime

    from azure.batch.aio import BatchClient
    from azure.core import AsyncPipelineClient
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.rest import AsyncHttpResponse, HttpRequest
    from azure.eventgrid.aio import EventGridPublisherClient
    from azure.storage.blob.aio import BlobServiceClient, ContainerClient


class Clients:
    """What the use cases talk to. A client's SDK is imported when the client is first asked for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.jobs = JobCache()
        self.running: dict[str, datetime | None] = {}
        """Tasks whose records this process has seen to since they began to run, with when that was."""
        self._batch: dict[str, BatchClient] = {}

    @cached_property
    def credential(self) -> AsyncTokenCredential:
        from azure.identity.aio import ManagedIdentityCredential

        # Not DefaultAzureCredential: one identity, the same everywhere, and no slow search for others.
        return ManagedIdentityCredential(client_id=self.settings.identity_client_id)

    @cached_property
    def storage(self) -> BlobServiceClient:
        from azure.storage.blob.aio import BlobServiceClient, ExponentialRetry

        # The SDK's own waits add up to more than a minute; Event Grid gives a handler 30 seconds, a person less.
        retry = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=3)
        return BlobServiceClient(self.settings.storage_url, credential=self.credential, retry_policy=retry)

    @cached_property
    def rest(self) -> AsyncPipelineClient[HttpRequest, AsyncHttpResponse]:
        """The storage account without its SDK, for what that makes dear."""
        from azure.core import AsyncPipelineClient
        from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy, AsyncRetryPolicy

        token = AsyncBearerTokenCredentialPolicy(self.credential, "https://storage.azure.com/.default")
        return AsyncPipelineClient(self.settings.storage_url, policies=[AsyncRetryPolicy(), token])

    @property
    def batch(self) -> BatchClient:
        """The client of the home account."""
        return self.batch_at(self.settings.batch_url)

    def batch_at(self, url: str) -> BatchClient:
        """The client of the Batch account with this endpoint."""
        from azure.batch.aio import BatchClient

        if url not in self._batch:
            self._batch[url] = BatchClient(url, self.credential)
        return self._batch[url]

    @cached_property
    def videos(self) -> ContainerClient:
        return self.storage.get_container_client(self.settings.input_container)

    @cached_property
    def gifs(self) -> ContainerClient:
        return self.storage.get_container_client(self.settings.output_container)

    @cached_property
    def staging(self) -> ContainerClient:
        return self.storage.get_container_client(self.settings.staging_container)

    @cached_property
    def records(self) -> ContainerClient:
        return self.storage.get_container_client(self.settings.records_container)

    @cached_property
    def results(self) -> EventGridPublisherClient | None:
        """Where ended conversions are told of, `None` if nobody wants to hear."""
        from azure.eventgrid.aio import EventGridPublisherClient

        topic = self.settings.results_topic_url
        return EventGridPublisherClient(topic, self.credential) if topic else None

    async def close(self) -> None:
        """Close what was made."""
        for batch in self._batch.values():
            await batch.close()
        self._batch.clear()
        for name in ("results", "rest", "storage", "credential"):
            client = self.__dict__.pop(name, None)
            if client is not None:
                await client.close()


@cache
def clients() -> Clients:
    """The clients of this process; the Functions host runs all of them on one event loop."""
    # At INFO the SDKs log every call and its answer: more than all else together.
    logging.getLogger("azure").setLevel(logging.WARNING)
    return Clients(settings())
