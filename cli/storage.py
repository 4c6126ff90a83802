"""Uploads videos to the storage account with the caller's identity."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.blob.aio import BlobServiceClient

from cli.blocks import upload_file
from cli.errors import DeniedError, UnreachableError, UsageError
from local.transport import transport
from shared.names import video_type

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from azure.storage.blob.aio import BlobClient

    from cli.target import Target

_SCOPE = "https://storage.azure.com/.default"
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
        """See `Uploader.upload`."""

        async def blob() -> BlobClient:
            return self.service.get_blob_client(self.container, name)

        try:
            return await upload_file(path, blob, content_type=video_type(name), metadata=metadata, progress=progress)
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


@asynccontextmanager
async def open_storage(target: Target, url: str) -> AsyncIterator[Storage]:
    """The storage account of an app, with the caller's identity. Raises DeniedError without a sign-in,
    UnreachableError."""
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
