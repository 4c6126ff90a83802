"""Uploads videos by links that the app signs: the caller needs its key and no identity in Azure."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob.aio import BlobClient

from cli.blocks import upload_file
from cli.errors import RefusedError, UsageError
from shared.names import video_type
from shared.options import METADATA_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from cli.client import Client

_LINK_SECONDS = 600.0
"""A link is replaced after this time; it works for 15 minutes."""


@dataclass(frozen=True, kw_only=True)
class UploadLinks:
    """Uploads each video by a link of its own."""

    client: Client

    async def upload(
        self, name: str, path: Path, *, metadata: Mapping[str, str], progress: Callable[[float], None]
    ) -> datetime:
        """See `Uploader.upload`."""
        size = path.stat().st_size  # noqa: ASYNC240  # one call
        if size == 0:
            raise OSError("the file is empty")
        request = {
            "name": name,
            "bytes": size,
            "options": {key.removeprefix(METADATA_PREFIX): value for key, value in metadata.items()},
            "overwrite": True,
        }
        async with AsyncExitStack() as blobs:
            current: BlobClient | None = None
            made_at = 0.0

            async def blob() -> BlobClient:
                nonlocal current, made_at
                if current is None or monotonic() - made_at > _LINK_SECONDS:
                    made_at = monotonic()
                    link = await self._link(request)
                    current = await blobs.enter_async_context(BlobClient.from_blob_url(link["url"]))
                return current

            # Before the blocks, which are sent side by side, each would ask for a link.
            await blob()
            try:
                return await upload_file(
                    path, blob, content_type=video_type(name), metadata=metadata, progress=progress
                )
            except HttpResponseError as error:
                code = getattr(error, "error_code", None) or error.status_code
                raise OSError(f"the storage account refuses it ({code})") from error
            except AzureError as error:
                raise OSError(f"the upload broke ({type(error).__name__})") from error

    async def _link(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self.client.change("uploads", request)
        except RefusedError as error:
            if error.code == "UploadsOff":
                raise UsageError(
                    "This app takes no uploads through its API. "
                    "Set GIFDROP_STORAGE_URL to its storage account, such as https://ACCOUNT.blob.core.windows.net."
                ) from None
            raise
