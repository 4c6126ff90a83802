"""Uploads videos to the storage account, in blocks and with progress."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.blob import BlobBlock, ContentSettings
from azure.storage.blob.aio import BlobServiceClient

from cli.errors import DeniedError, UnreachableError, UsageError
from local.transport import transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from azure.storage.blob.aio import BlobClient

    from cli.target import Target

_CONTENT_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/x-m4v",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
}
_SCOPE = "https://storage.azure.com/.default"
_BLOCK_BYTES = 4 * 1024**2
_CONCURRENT_BLOCKS = 4
_RETRIES: dict[str, Any] = {"retry_total": 4, "initial_backoff": 1, "increment_base": 2, "connection_timeout": 15}


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Uploads videos to one container."""

    service: BlobServiceClient
    container: str
    target: Target

    async def upload(
        self, name: str, path: Path, *, metadata: Mapping[str, str], progress: Callable[[float], None]
    ) -> datetime:
        """Upload a file as the blob `name`, over an older one, and return the server's time of the upload.

        progress: Called with the uploaded fraction, 0 to 1.
        Raises OSError for this video alone; DeniedError, UnreachableError and UsageError, which hold for all.
        """
        blob = self.service.get_blob_client(self.container, name)
        try:
            with path.open("rb") as file:
                return await _upload(blob, file, metadata=dict(metadata), progress=progress)
        except AzureError as error:
            raise self._translated(error) from error

    def _translated(self, error: AzureError) -> Exception:
        url = self.target.storage_url
        if isinstance(error, HttpResponseError):
            code = str(getattr(error, "error_code", "") or "")
            if error.status_code in (401, 403):
                role = "Storage Blob Data Contributor"
                return DeniedError(
                    f"{url} refuses to store videos ({code or error.status_code}). "
                    f"Have the role {role} assigned to you on its container {self.container}."
                )
            if code == "ContainerNotFound":
                return UsageError(f"{url} has no container {self.container}. Set GIFDROP_INPUT_CONTAINER to the app's.")
            return OSError(f"the storage account refuses it ({code or error.status_code})")
        if isinstance(error, ServiceRequestError):
            self.target.check_running()
            return UnreachableError(f"The storage account {url} does not answer. Check the address and the network.")
        return OSError(f"the upload broke ({type(error).__name__})")


async def _upload(
    blob: BlobClient, file: BinaryIO, *, metadata: dict[str, str], progress: Callable[[float], None]
) -> datetime:
    settings = ContentSettings(content_type=_CONTENT_TYPES.get(PurePosixPath(blob.blob_name).suffix.lower()))
    size = os.fstat(file.fileno()).st_size
    if size <= _BLOCK_BYTES:
        written = await blob.upload_blob(file.read(), overwrite=True, metadata=metadata, content_settings=settings)
    else:
        ids = await _stage(blob, file, size=size, progress=progress)
        blocks = [BlobBlock(block_id) for block_id in ids]
        written = await blob.commit_block_list(blocks, metadata=metadata, content_settings=settings)
    modified: datetime = written["last_modified"]
    return modified


async def _stage(blob: BlobClient, file: BinaryIO, *, size: int, progress: Callable[[float], None]) -> list[str]:
    """Upload the file's blocks side by side; returns their ids in order.

    The SDK's own upload leaves tasks behind when it is cancelled, each of which prints a traceback.
    """
    staged = 0
    slots = asyncio.Semaphore(_CONCURRENT_BLOCKS)

    async def stage(block_id: str, data: bytes) -> None:
        nonlocal staged
        await blob.stage_block(block_id, data)
        staged += len(data)
        progress(min(staged / size, 1.0))
        slots.release()

    ids: list[str] = []
    try:
        async with asyncio.TaskGroup() as group:
            while data := file.read(_BLOCK_BYTES):
                await slots.acquire()
                ids.append(f"{len(ids):06}")
                group.create_task(stage(ids[-1], data))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return ids


@asynccontextmanager
async def open_storage(target: Target) -> AsyncIterator[Storage]:
    """The storage account of an app, with the caller's identity.

    Raises UsageError if the account is not known, DeniedError without a sign-in, UnreachableError.
    """
    url = target.storage_url
    if url is None:
        raise UsageError(
            "To upload videos, set GIFDROP_STORAGE_URL to the app's storage account, "
            "such as https://ACCOUNT.blob.core.windows.net."
        )
    options = _RETRIES | ({"transport": transport(target.ca_bundle)} if target.ca_bundle else {})
    async with _credential(target) as credential, BlobServiceClient(url, credential=credential, **options) as service:
        try:
            # The SDK would retry a missing sign-in for half a minute.
            await credential.get_token(_SCOPE)
        except ClientAuthenticationError:
            raise DeniedError(
                "Azure did not sign you in. Run `az login`, or set AZURE_CLIENT_ID, AZURE_TENANT_ID and "
                "AZURE_CLIENT_SECRET."
            ) from None
        except AzureError as error:
            raise UnreachableError(f"Azure does not issue a token ({type(error).__name__}). Try again.") from None
        yield Storage(service=service, container=target.container, target=target)


def _credential(target: Target) -> DefaultAzureCredential | ManagedIdentityCredential:
    if target.env is None:
        return DefaultAzureCredential(exclude_interactive_browser_credential=True)
    # The credential finds its endpoint only in the environment.
    os.environ.update({name: target.env[name] for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER")})
    return ManagedIdentityCredential(client_id=target.env["AZURE_CLIENT_ID"])
