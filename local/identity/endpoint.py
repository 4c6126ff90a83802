"""App Service's managed identity endpoint.

https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from aiohttp import web

from local.identity import PATH, PERSON_PATH
from local.identity.header import has_secret
from local.identity.managed_identity import UnknownIdentityError, select_identity
from local.identity.tokens import UnknownResourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.identity.managed_identity import Identity
    from local.identity.tokens import Issuer

API_VERSIONS = frozenset({"2019-08-01", "2017-09-01"})


def application(*, identities: Sequence[Identity], header: str, issuer: Issuer) -> web.Application:
    """The endpoint: `header` is the secret that callers must send as X-IDENTITY-HEADER."""

    async def token(request: web.Request) -> web.Response:
        if not has_secret(request, header):
            return _error(401, "The X-IDENTITY-HEADER header is missing or wrong.")
        if request.query.get("api-version") not in API_VERSIONS:
            return _error(400, f"The api-version must be one of {', '.join(sorted(API_VERSIONS))}.")
        resource = request.query.get("resource", "")
        if not resource:
            return _error(400, "The resource parameter is missing.")
        try:
            identity = select_identity(identities, request.query)
            issued = issuer.issue(identity, resource=resource)
        except (UnknownIdentityError, UnknownResourceError) as error:
            return _error(400, str(error))
        return web.json_response(
            {
                "access_token": issued.text,
                "client_id": identity.client_id,
                "expires_on": str(issued.expires_on),
                "not_before": str(issued.expires_on - issuer.lifetime),
                "resource": resource,
                "token_type": "Bearer",
            },
            headers={"Cache-Control": "no-store"},
        )

    async def person(request: web.Request) -> web.Response:
        """What Entra ID does when a person signs in: an ID token for an app registration."""
        if not has_secret(request, header):
            return _error(401, "The X-IDENTITY-HEADER header is missing or wrong.")
        name, client_id = request.query.get("name", ""), request.query.get("client_id", "")
        # With an app's client id as audience, it opens none of the other services.
        if not name or not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", client_id):
            return _error(400, "The name is missing, or client_id is not a GUID.")
        issued = issuer.issue_to_person(name, client_id=client_id, roles=request.query.getall("role", []))
        return web.json_response({"id_token": issued.text}, headers={"Cache-Control": "no-store"})

    app = web.Application()
    app.router.add_get(PATH, token)
    app.router.add_get(PERSON_PATH, person)
    return app


def _error(status: int, message: str) -> web.Response:
    body = {"statusCode": status, "message": message, "correlationId": str(uuid.uuid4())}
    return web.json_response(body, status=status)
