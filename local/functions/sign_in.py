"""App Service authentication, as far as this app uses it: sign-in with Entra ID, where anonymous requests are let in.

https://learn.microsoft.com/azure/app-service/overview-authentication-authorization
https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
"""

from __future__ import annotations

import base64
import html
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aiohttp import web
from multidict import CIMultiDict

from local.identity.tokens import verified_claims

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "WEBSITE_AUTH_ENABLED"
"""App setting by which App Service tells an app that it authenticates requests."""
COOKIE = "AppServiceAuthSession"
PREFIXES = ("x-ms-client-principal", "x-ms-token-")
"""Headers that only App Service may set: those of clients are removed."""
CLAIM_TYPES = {
    "oid": "http://schemas.microsoft.com/identity/claims/objectidentifier",
    "tid": "http://schemas.microsoft.com/identity/claims/tenantid",
    "sub": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier",
}
"""Claims whose types App Service replaces."""
_PAGE = """<!doctype html><html lang="en"><title>Sign in</title>
<form method="post" action="/.auth/login/aad/callback">
<p>This page stands in for Entra ID. <code>local/functions/README.md</code> says how to get a token.</p>
<input type="hidden" name="state" value="{state}">
<label>ID token <input name="id_token" required autofocus></label> <button>Sign in</button></form></html>
"""


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """Verifies the ID tokens of one app registration."""

    client_id: str
    key: str = field(repr=False)
    """Verifies the signature of tokens."""

    def authenticate(self, request: web.Request) -> web.Request | None:
        """The request with the headers of the person who has signed in, `None` if it has an invalid bearer token.

        A request without a token or session, or with a session that has ended, is anonymous.
        """
        headers: CIMultiDict[str] = CIMultiDict(
            (name, value) for name, value in request.headers.items() if not name.lower().startswith(PREFIXES)
        )
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        bearer = scheme.lower() == "bearer"
        claims = self._verify(token if bearer else request.cookies.get(COOKIE, ""))
        if bearer and claims is None:
            return None
        if claims is not None:
            headers.update(_principal_headers(claims))
        return request.clone(headers=headers)

    def _verify(self, token: str) -> dict[str, Any] | None:
        return verified_claims(token, key=self.key, audience=self.client_id)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Handle `/.auth/...`: sign-in and sign-out."""
        match request.method, request.path.lower().rstrip("/"):
            case "GET", "/.auth/login/aad":
                state = request.query.get("post_login_redirect_uri", "/")
                return web.Response(text=_PAGE.format(state=html.escape(state)), content_type="text/html")
            case "POST", "/.auth/login/aad/callback":
                return self._complete(await request.post())
            case "GET", "/.auth/logout":
                response = _redirect(request.query.get("post_logout_redirect_uri", "/"))
                response.del_cookie(COOKIE)
                return response
        return web.Response(status=404)

    def _complete(self, form: Mapping[str, object]) -> web.StreamResponse:
        """The end of a sign-in: Entra ID has the browser post the token."""
        token = str(form.get("id_token", ""))
        if self._verify(token) is None:
            return web.Response(status=401, text="The token is not valid.")
        response = _redirect(str(form.get("state", "/")))
        if response.status != 302:
            return response
        # App Service's cookie is Secure, too; here there is no TLS.
        response.set_cookie(COOKIE, token, httponly=True, samesite="Lax")
        return response


def _redirect(target: str) -> web.Response:
    """To a path of the app; App Service, too, refuses other sites unless they are configured."""
    if not target.startswith("/") or target.startswith(("//", "/\\")):
        return web.Response(status=400, text="The redirect leads to another site.")
    return web.Response(status=302, headers={"Location": quote(target, safe="/?&=%#~:")})


def _principal_headers(claims: dict[str, Any]) -> dict[str, str]:
    pairs = [
        (CLAIM_TYPES.get(name, name), str(value))
        for name, found in claims.items()
        for value in (found if isinstance(found, list) else [found])
    ]
    principal = {
        "auth_typ": "aad",
        "claims": [{"typ": type_, "val": value} for type_, value in pairs],
        "name_typ": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
        "role_typ": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
    }
    return {
        "X-MS-CLIENT-PRINCIPAL": base64.b64encode(json.dumps(principal).encode()).decode(),
        "X-MS-CLIENT-PRINCIPAL-ID": str(claims.get("oid", "")),
        "X-MS-CLIENT-PRINCIPAL-NAME": str(claims.get("preferred_username", "")),
        "X-MS-CLIENT-PRINCIPAL-IDP": "aad",
    }
