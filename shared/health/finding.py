"""What a check found, and an error of Azure in words that say whose turn it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.errors import message_of

if TYPE_CHECKING:
    from shared.answers import CheckAnswer


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One check's result; it is ok where there is nothing to do."""

    name: str
    message: str
    what_to_do: str | None = None

    @property
    def ok(self) -> bool:
        return self.what_to_do is None

    def to_json(self) -> CheckAnswer:
        """The finding as the API shows it."""
        return {"name": self.name, "ok": self.ok, "message": self.message, "what_to_do": self.what_to_do}


def explained(name: str, error: Exception, *, role: str | None = None, missing: str | None = None) -> Finding:
    """What an error means: no answer, no identity, no `role` (403), or nothing there (404), where `missing` helps."""
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError

    status = error.status_code if isinstance(error, HttpResponseError) else None
    if isinstance(error, TimeoutError):
        return Finding(name=name, message="There was no answer in time.", what_to_do=_REACH)
    if status == 403:
        todo = f"Give the app's identity the role {role!r}, and wait some minutes until it counts." if role else _LOOK
        return Finding(name=name, message="Access is denied (403).", what_to_do=todo)
    if status == 404:
        return Finding(name=name, message="It is not there (404).", what_to_do=missing or _LOOK)
    if isinstance(error, ClientAuthenticationError):
        message = f"The app's identity is not accepted: {message_of(error)}"
        todo = "See that the app has its managed identity, and that AZURE_CLIENT_ID names it."
        return Finding(name=name, message=message, what_to_do=todo)
    if isinstance(error, ServiceRequestError):
        return Finding(name=name, message=f"It cannot be reached: {message_of(error)}", what_to_do=_REACH)
    return Finding(name=name, message=message_of(error), what_to_do=_LOOK)


_REACH = "See that the address in the settings is right and that no firewall or private endpoint is in the way."
_LOOK = "Look into the app's log, which has the error in full."
