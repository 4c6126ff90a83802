"""Bearer tokens and credentials that issue them."""

from __future__ import annotations

import secrets
import time
import uuid
from typing import Any, Self

import jwt
from azure.core.credentials import AccessToken

TOKEN_KEY = secrets.token_hex(32)
"""The key of the emulators in the tests."""
TENANT = "8d5c1c1c-1111-4111-8111-111111111111"


def make_token(audience: str, *, lifetime: float = 3600, key: str = TOKEN_KEY) -> str:
    """A JWT with the claims of one from Entra, signed with `key`."""
    now = time.time()
    claims: dict[str, Any] = {"aud": audience, "iss": f"https://sts.windows-ppe.net/{TENANT}/", "tid": TENANT}
    claims |= {"oid": str(uuid.uuid4()), "iat": int(now), "nbf": int(now) - 5, "exp": int(now + lifetime)}
    return jwt.encode(claims, key, algorithm="HS256")


class Bearer:
    """A credential for the synchronous Azure SDK clients; `audience` replaces the scope's."""

    def __init__(self, audience: str | None = None) -> None:
        self._audience = audience

    def get_token(self, *scopes: str, **_kwargs: object) -> AccessToken:
        audience = self._audience or scopes[0].removesuffix("/.default")
        return AccessToken(make_token(audience), int(time.time()) + 3600)


class AsyncBearer:
    """A credential for the asynchronous Azure SDK clients."""

    async def get_token(self, *scopes: str, **_kwargs: object) -> AccessToken:
        return AccessToken(make_token(scopes[0].removesuffix("/.default")), int(time.time()) + 3600)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        pass
