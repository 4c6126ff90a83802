"""Links to blobs that work for a while without a key: SAS by the app's identity, read-only, one blob each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from azure.storage.blob import BlobSasPermissions, generate_blob_sas

from shared.cache import Cache

if TYPE_CHECKING:
    from azure.storage.blob import UserDelegationKey

    from shared.services.storage.blobs import Blobs

LINK_MINUTES = 15
KEY_CACHE_SECONDS = 1800
CLOCK_SKEW = timedelta(minutes=5)


class Links:
    """Signs links with a user delegation key, which it fetches every half hour."""

    def __init__(self, storage_url: str, blobs: Blobs) -> None:
        self._url = storage_url
        self._blobs = blobs
        self._keys: Cache[str, UserDelegationKey] = Cache(seconds=KEY_CACHE_SECONDS, size=1)

    async def link(self, container: str, name: str, *, content_type: str) -> str:
        """A blob's address with a signature that is valid for `LINK_MINUTES`. Raises `ServiceError`."""
        key = await self._keys.get("key", self.fetch_key)
        signature = generate_blob_sas(
            account_name(self._url),
            container,
            name,
            user_delegation_key=key,
            permission=BlobSasPermissions(read=True),
            expiry=datetime.now(UTC) + timedelta(minutes=LINK_MINUTES),
            protocol=urlsplit(self._url).scheme,
            content_type=content_type,
        )
        return f"{self._url}/{container}/{quote(name)}?{signature}"

    async def fetch_key(self) -> UserDelegationKey:
        """A new key. Raises `ServiceError`."""
        start = datetime.now(UTC) - CLOCK_SKEW
        # It must outlive the cache's half hour and the last link's quarter, with the skew on either side.
        return await self._blobs.delegation_key(start, start + timedelta(hours=1) + 2 * CLOCK_SKEW)


def account_name(storage_url: str) -> str:
    """The account's name: the first label of its host, or the path where the host is an IP address."""
    parts = urlsplit(storage_url)
    return parts.path.strip("/") or (parts.hostname or "").split(".")[0]
