"""Who has signed in with Entra ID, according to App Service authentication.

App Service verifies the sign-in and passes it on in a header without a signature. It removes that header from requests
of clients, but only while its authentication is on: otherwise anybody can send it.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.api.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.settings import Settings

PRINCIPAL_HEADER = "x-ms-client-principal"
PROVIDER = "aad"
VIEWER = "Viewer"
OPERATOR = "Operator"
ROLES = (VIEWER, OPERATOR)
"""App roles of the registration, by their values. An operator may also do what a viewer may."""
MAX_PRINCIPAL_CHARS = 64 * 1024

# App Service may replace short claim types by the long ones of WS-Federation.
_ROLE_TYPES = ("roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")
_ID_TYPES = ("oid", "http://schemas.microsoft.com/identity/claims/objectidentifier")
_NAME_TYPES = ("preferred_username", "name", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name")


@dataclass(frozen=True, kw_only=True)
class User:
    """A person who has signed in."""

    id: str
    """Object id in Entra ID."""
    name: str
    roles: tuple[str, ...]
    """Those of `ROLES` that are assigned to the person."""

    def check_role(self, *, changes: bool) -> None:
        """Raises `ApiError` `RoleRequired` unless a role allows reading, or `changes`."""
        if OPERATOR in self.roles or (VIEWER in self.roles and not changes):
            return
        needed = f"the role {OPERATOR}" if changes else f"the role {VIEWER} or {OPERATOR}"
        raise ApiError("RoleRequired", f"{self.name} lacks {needed}. An owner of the app registration assigns it.")


def signed_in_user(headers: Mapping[str, str], settings: Settings) -> User | None:
    """The person who sends the request, `None` if nobody has signed in.

    Raises `ApiError`: `SignInOff` if the deployment has no sign-in, `NotConfigured` if it should have, but App Service
    does not authenticate requests, so that the header proves nothing.
    """
    if settings.sign_in != "on":
        raise ApiError("SignInOff", "This deployment has no sign-in. Use a function key.")
    if settings.app_service_authentication != "true":
        message = "GIFDROP_SIGN_IN is on, but App Service authentication is off. Run 'infra/deploy.sh -g GROUP infra'."
        raise ApiError("NotConfigured", message)
    return _parse(headers.get(PRINCIPAL_HEADER, ""))


def _parse(header: str) -> User | None:
    """The person in a principal header, `None` unless it is a well-formed one of Entra ID with an object id."""
    if not header or len(header) > MAX_PRINCIPAL_CHARS:
        return None
    try:
        principal = json.loads(b64decode(header, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(principal, dict) or principal.get("auth_typ") != PROVIDER:
        return None
    claims = principal.get("claims")
    if not isinstance(claims, list):
        return None

    def values(types: tuple[str, ...]) -> list[str]:
        return [
            claim["val"]
            for claim in claims
            if isinstance(claim, dict) and claim.get("typ") in types and isinstance(claim.get("val"), str)
        ]

    ids = values(_ID_TYPES)
    if len(set(ids)) != 1 or not ids[0]:
        return None
    held = values(_ROLE_TYPES)
    names = [name for type_ in _NAME_TYPES for name in values((type_,))]
    return User(id=ids[0], name=next(iter(names), ids[0]), roles=tuple(role for role in ROLES if role in held))


_acting_as_operator: ContextVar[bool] = ContextVar("acting_as_operator", default=False)


@contextmanager
def acting_as_operator() -> Iterator[None]:
    """What runs inside counts as requested by a signed-in operator."""
    token = _acting_as_operator.set(True)
    try:
        yield
    finally:
        _acting_as_operator.reset(token)


def is_operator() -> bool:
    """Whether a signed-in operator requests what runs now, who needs no operator key."""
    return _acting_as_operator.get()
