"""Single blobs by the storage SDK: copies, deletions and the key that signs links."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from azure.core import MatchConditions
from azure.storage.blob.aio import BlobServiceClient, ExponentialRetry

from shared.services.azure_errors import azure_errors
from shared.services.errors import NotFoundError
from shared.services.storage.rest import STORAGE_SCOPE
from shared.services.transport import TIMEOUTS

if TYPE_CHECKING:
    from datetime import datetime

    from azure.core.credentials_async import AsyncTokenCredential
    from azure.storage.blob import UserDelegationKey
    from azure.storage.blob.aio import BlobClient

    from shared.settings import Settings


COPY_TIMEOUT_SECONDS = 120.0
"""A copy is answered only when it is complete."""


class _Condition(TypedDict):
    match_condition: MatchConditions
    etag: NotRequired[str]


class Blobs:
    """The blobs of one storage account. Containers and blobs are given by name.

    Every method raises `ServiceError`; `NotFoundError` where the blob or its container is missing.
    `expected_etag` is the ETag that a blob must still have, or `None` if it must not exist; where this does not hold,
    `ConflictError` is raised and nothing is changed.
    """

    def __init__(self, service: BlobServiceClient, credential: AsyncTokenCredential) -> None:
        self._service = service
        self._credential = credential

    @classmethod
    def connect(cls, settings: Settings, credential: AsyncTokenCredential) -> Blobs:
        """The blobs of the configured account. Nothing is sent until the first call."""
        # The SDK's default delays add up to more than a minute; Event Grid gives a handler 30 seconds.
        retry = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=3)
        service = BlobServiceClient(settings.storage_url, credential=credential, retry_policy=retry, **TIMEOUTS)
        return cls(service, credential)

    async def close(self) -> None:
        """Close the connections."""
        await self._service.close()

    async def copy(
        self,
        source: tuple[str, str],
        target: tuple[str, str],
        *,
        metadata: dict[str, str],
        source_etag: str,
        expected_etag: str | None,
    ) -> None:
        """Copy a blob of at most 256 MiB within the account; `source` and `target` are container and name.

        Raises `ConflictError` also where the source no longer has `source_etag`.

        https://learn.microsoft.com/rest/api/storageservices/copy-blob-from-url
        """
        with azure_errors():
            token = await self._credential.get_token(STORAGE_SCOPE)
            await self._blob(*target).start_copy_from_url(
                self._blob(*source).url,
                requires_sync=True,
                read_timeout=COPY_TIMEOUT_SECONDS,
                source_authorization=f"Bearer {token.token}",
                metadata=metadata,
                source_etag=f'"{source_etag}"',
                source_match_condition=MatchConditions.IfNotModified,
                **_condition(expected_etag),
            )

    async def delete(self, container: str, name: str) -> None:
        """Delete a blob; one that does not exist counts as deleted."""
        try:
            with azure_errors():
                await self._blob(container, name).delete_blob()
        except NotFoundError:
            return

    async def delete_version(self, container: str, name: str, *, expected_etag: str) -> None:
        """Delete a blob if it still has this ETag; one that does not exist counts as deleted."""
        try:
            with azure_errors():
                await self._blob(container, name).delete_blob(**_condition(expected_etag))
        except NotFoundError:
            return

    async def delegation_key(self, start: datetime, expiry: datetime) -> UserDelegationKey:
        """A key to sign links with, valid from `start` to `expiry`."""
        with azure_errors():
            return await self._service.get_user_delegation_key(start, expiry)

    async def check_container(self, container: str) -> None:
        """Raise `ServiceError` unless the container exists and may be read."""
        with azure_errors():
            await self._service.get_container_client(container).get_container_properties()

    def _blob(self, container: str, name: str) -> BlobClient:
        return self._service.get_blob_client(container, name)


def _condition(expected_etag: str | None) -> _Condition:
    # The SDK takes no `etag` with a condition that needs none.
    if expected_etag is None:
        return {"match_condition": MatchConditions.IfMissing}
    return {"match_condition": MatchConditions.IfNotModified, "etag": f'"{expected_etag}"'}
