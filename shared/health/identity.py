"""The check of the app's managed identity, on which all others depend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.health.finding import Finding

if TYPE_CHECKING:
    from shared.clients import Clients

SCOPE = "https://storage.azure.com/.default"


async def check_identity(clients: Clients) -> list[Finding]:
    """Whether the identity gets a token. Access is not looked at: that is each service's own."""
    from azure.core.exceptions import AzureError

    try:
        await clients.credential.get_token(SCOPE)
    except AzureError as error:
        return [
            Finding(
                name="identity",
                message=f"The managed identity gets no token: {error.message[:300]}",
                what_to_do="See that the app has its managed identity, and that AZURE_CLIENT_ID names it.",
            )
        ]
    return [Finding(name="identity", message="The managed identity gets tokens.")]
