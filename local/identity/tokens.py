"""Access tokens with the claims that the services of the local stack check."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.identity.managed_identity import Identity

KEY_VARIABLE = "IDENTITY_TOKEN_KEY"
"""Environment variable of the processes that issue or verify tokens: the stack's signing key."""
TENANT = "3d6c2f9e-6a0b-4f5e-9a53-5f3b8c1d7e42"
LIFETIME_SECONDS = 24 * 3600
_ALGORITHM = "HS256"
_RESOURCE_HOSTS = ("storage.azure.com", "batch.core.windows.net", "eventgrid.azure.net", "management.azure.com")
_RESOURCE_HOST_SUFFIXES = (".blob.core.windows.net", ".eventgrid.azure.net")


class UnknownResourceError(LookupError):
    """No tokens are issued for this resource."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """A bearer token and its expiry as Unix time in seconds."""

    text: str
    expires_on: int


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """Issues the tokens of one tenant, signed with `key` (HS256)."""

    key: str = field(repr=False)
    tenant: str = TENANT
    lifetime: int = LIFETIME_SECONDS

    def issue(self, identity: Identity, *, resource: str) -> Token:
        """A token for `identity` to call `resource`. Raises UnknownResourceError."""
        host = urlsplit(resource).hostname or ""
        if not resource.startswith("https://") or not (
            host in _RESOURCE_HOSTS or host.endswith(_RESOURCE_HOST_SUFFIXES)
        ):
            raise UnknownResourceError(f"AADSTS500011: The resource principal named {resource} was not found.")
        claims = {"appid": identity.client_id, "idtyp": "app", "ver": "1.0"}
        if identity.resource_id:
            claims["xms_mirid"] = identity.resource_id
        return self._sign(claims, audience=resource, principal=identity.principal_id)

    def issue_to_person(self, name: str, *, client_id: str, roles: Sequence[str]) -> Token:
        """The ID token of a person who signs in to an app registration, with the app roles assigned there."""
        claims = {"name": name, "preferred_username": f"{name}@example.com", "roles": [*roles], "ver": "2.0"}
        return self._sign(claims, audience=client_id, principal=str(uuid.uuid5(uuid.UUID(self.tenant), name)))

    def _sign(self, claims: dict[str, Any], *, audience: str, principal: str) -> Token:
        now = int(time.time())
        common = {
            "aud": audience,
            # An issuer that Azurite accepts.
            "iss": f"https://sts.windows-ppe.net/{self.tenant}/",
            "iat": now,
            # Tolerates clock differences: Azurite compares to the millisecond.
            "nbf": now - 300,
            "exp": now + self.lifetime,
            "oid": principal,
            "sub": principal,
            "tid": self.tenant,
            "uti": uuid.uuid4().hex,
        }
        return Token(text=jwt.encode(common | claims, self.key, algorithm=_ALGORITHM), expires_on=now + self.lifetime)


def is_valid(authorization: str, *, key: str, audience: str) -> bool:
    """Whether an Authorization header has an unexpired token for `audience` that was signed with `key`."""
    scheme, _, token = authorization.partition(" ")
    return scheme.lower() == "bearer" and verified_claims(token, key=key, audience=audience) is not None


def verified_claims(token: str, *, key: str, audience: str) -> dict[str, Any] | None:
    """The claims of an unexpired token for `audience` that was signed with `key`, `None` for any other."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            audience=[audience, f"{audience}/"],
            options={"require": ["exp", "aud"]},
        )
    except (jwt.PyJWTError, ValueError):
        return None
    return claims
