"""Checks the app's managed identity, which every other check needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.api.health.finding import CHECK_IDENTITY, Finding
from shared.services.errors import ServiceError

if TYPE_CHECKING:
    from shared.services.services import Services


async def check_managed_identity(services: Services) -> list[Finding]:
    """Whether the identity gets a token. Its roles are part of the other checks."""
    try:
        await services.check_identity()
    except ServiceError as error:
        message = f"The managed identity gets no token: {error}"
        return [Finding(name="identity", message=message, what_to_do=CHECK_IDENTITY)]
    return [Finding(name="identity", message="The managed identity gets tokens.")]
