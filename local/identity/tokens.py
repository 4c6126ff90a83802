"""Access tokens with the claims that the services of the local stack look at."""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import jwt

if TYPE_CHECKING:
    from local.identity.identities import Identity

TENANT = "3d6c2f9e-6a0b-4f5e-9a53-5f3b8c1d7e42"
LIFETIME_SECONDS = 24 * 3600
_HOSTS = ("storage.azure.com", "batch.core.windows.net", "eventgrid.azure.net", "management.azure.com")
_HOST_ENDINGS = (".blob.core.windows.net", ".eventgrid.azure.net")


class UnknownResourceError(LookupError):
    """Tokens for this resource are not issued."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """A bearer token and the second (Unix time) at which it ends."""

    text: str
    expires_on: int


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """Issues tokens of one tenant; the signature is nobody else's to check, so its key never leaves."""

    tenant: str = TENANT
    lifetime: int = LIFETIME_SECONDS
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def issue(self, identity: Identity, *, resource: str) -> Token:
        """A token of `identity` for the service `resource`. Raises UnknownResourceError."""
        host = urlsplit(resource).hostname or ""
        if not resource.startswith("https://") or not (host in _HOSTS or host.endswith(_HOST_ENDINGS)):
            raise UnknownResourceError(f"AADSTS500011: The resource principal named {resource} was not found.")
        now = int(time.time())
        claims = {
            "aud": resource,
            # The one issuer that Azurite knows.
            "iss": f"https://sts.windows-ppe.net/{self.tenant}/",
            "iat": now,
            # Clocks differ a little, and Azurite compares to the millisecond.
            "nbf": now - 300,
            "exp": now + self.lifetime,
            "appid": identity.client_id,
            "idtyp": "app",
            "oid": identity.principal_id,
            "sub": identity.principal_id,
            "tid": self.tenant,
            "uti": uuid.uuid4().hex,
            "ver": "1.0",
        }
        if identity.resource_id:
            claims["xms_mirid"] = identity.resource_id
        return Token(text=jwt.encode(claims, self.key, algorithm="HS256"), expires_on=now + self.lifetime)
