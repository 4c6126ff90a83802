"""The result of a check, and what the errors of a service mean for an operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.services.errors import AuthenticationError, NotFoundError, ServiceError, UnreachableError

if TYPE_CHECKING:
    from shared.api.schemas import CheckResponse


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one check; ok if there is nothing to do."""

    name: str
    message: str
    what_to_do: str | None = None

    @property
    def ok(self) -> bool:
        return self.what_to_do is None

    def to_json(self) -> CheckResponse:
        """The finding as the API shows it."""
        return {"name": self.name, "ok": self.ok, "message": self.message, "what_to_do": self.what_to_do}


def finding_of(name: str, error: Exception, *, role: str | None = None, missing: str | None = None) -> Finding:
    """The finding for an error. `role` is what helps against 403, `missing` what helps against 404."""
    status = error.status if isinstance(error, ServiceError) else None
    if isinstance(error, TimeoutError):
        return Finding(name=name, message="There was no response in time.", what_to_do=_CHECK_NETWORK)
    if status == 403:
        grant = f"Assign the role {role!r} to the app's identity, and wait some minutes until it takes effect."
        return Finding(name=name, message="Access is denied (403).", what_to_do=grant if role else _READ_LOG)
    if isinstance(error, NotFoundError):
        return Finding(name=name, message="It does not exist (404).", what_to_do=missing or _READ_LOG)
    if isinstance(error, AuthenticationError):
        message = f"The app's identity is not accepted: {error}"
        return Finding(name=name, message=message, what_to_do=CHECK_IDENTITY)
    if isinstance(error, UnreachableError):
        return Finding(name=name, message=f"It cannot be reached: {error}", what_to_do=_CHECK_NETWORK)
    return Finding(name=name, message=str(error) or type(error).__name__, what_to_do=_READ_LOG)


CHECK_IDENTITY = "Check that the app has its managed identity, and that AZURE_CLIENT_ID names it."
_CHECK_NETWORK = "Check the address in the settings, and that no firewall or private endpoint blocks it."
_READ_LOG = "Read the full error in the app's log."
