"""Links to blobs that work for a while without a key: SAS by the app's identity, for one blob each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from azure.storage.blob import BlobSasPermissions, generate_blob_sas

from shared.cache import Cache
from shared.names import content_type

if TYPE_CHECKING:
    from azure.storage.blob import UserDelegationKey

    from shared.services.storage.blobs import Blobs
    from shared.settings import Settings

LINK_MINUTES = 15
MAX_LINK_MINUTES = 24 * 60
KEY_CACHE_SECONDS = 1800
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Link:
    """A signed address and when it stops working."""

    url: str
    expires_at: datetime


class Links:
    """Signs links with a user delegation key, which it fetches every half hour."""

    def __init__(self, settings: Settings, blobs: Blobs) -> None:
        self._url = settings.storage_url
        self._link_url = settings.link_url or settings.storage_url
        self._blobs = blobs
        self._keys: Cache[str, UserDelegationKey] = Cache(seconds=KEY_CACHE_SECONDS, size=1)

    async def read(self, container: str, name: str, *, disposition: str, minutes: int = LINK_MINUTES) -> Link:
        """A link that reads a GIF, or a file beside it, for up to `MAX_LINK_MINUTES`. Raises `ServiceError`.

        disposition: The Content-Disposition of the response.
        """
        return await self._link(
            container, name, BlobSasPermissions(read=True), minutes, type_=content_type(name), disposition=disposition
        )

    async def upload(self, container: str, name: str, *, overwrite: bool, minutes: int) -> Link:
        """A link that uploads one blob by Put Blob; with `overwrite` also over a blob that exists. Raises
        `ServiceError`."""
        # Without the right to write, Put Blob over a blob is refused. Put Block needs that right, so a link that only
        # creates takes the blob in one request.
        rights = BlobSasPermissions(create=True, write=overwrite)
        return await self._link(container, name, rights, minutes)

    async def _link(
        self,
        container: str,
        name: str,
        rights: BlobSasPermissions,
        minutes: int,
        *,
        type_: str | None = None,
        disposition: str | None = None,
    ) -> Link:
        key = await self._keys.get("key", self.fetch_key)
        expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=minutes)
        signature = generate_blob_sas(
            account_name(self._url),
            container,
            name,
            user_delegation_key=key,
            permission=rights,
            expiry=expires_at,
            protocol=urlsplit(self._url).scheme,
            content_type=type_,
            content_disposition=disposition,
        )
        return Link(url=f"{self._link_url}/{container}/{quote(name)}?{signature}", expires_at=expires_at)

    async def fetch_key(self) -> UserDelegationKey:
        """A new key. Raises `ServiceError`."""
        start = datetime.now(UTC) - CLOCK_SKEW
        # It must outlive the cache and the last link made with it, with the skew on either side.
        lifetime = timedelta(seconds=KEY_CACHE_SECONDS, minutes=MAX_LINK_MINUTES)
        return await self._blobs.delegation_key(start, start + lifetime + 2 * CLOCK_SKEW)


def account_name(storage_url: str) -> str:
    """The account's name: the first label of its host, or the path where the host is an IP address."""
    parts = urlsplit(storage_url)
    return parts.path.strip("/") or (parts.hostname or "").split(".")[0]
