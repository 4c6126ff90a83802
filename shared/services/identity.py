"""The app's managed identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure.identity.aio import ManagedIdentityCredential

from shared.services.azure_errors import azure_errors
from shared.services.storage.rest import STORAGE_SCOPE
from shared.services.transport import TIMEOUTS

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


def managed_identity(client_id: str | None) -> AsyncTokenCredential:
    """The credential of the user-assigned identity with this client id, or of the system-assigned one.

    Not DefaultAzureCredential: it tries other identities first, slowly, and may find another one on a laptop.
    """
    return ManagedIdentityCredential(client_id=client_id, **TIMEOUTS)


async def check_identity(credential: AsyncTokenCredential) -> None:
    """Raise `ServiceError` unless the identity gets a token for storage."""
    with azure_errors():
        await credential.get_token(STORAGE_SCOPE)
