"""App Service authentication in the host: whom it lets in, and whose headers reach a function."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import jwt
import pytest

from local.identity.tokens import Issuer
from tests.functions.host_process import APPS, running_host

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

KEY = "0123456789abcdef0123456789abcdef"
CLIENT_ID = "6a7e3f6e-3c51-4c8b-b8b6-0d6a1f6a2f11"
FORGED = {"X-MS-CLIENT-PRINCIPAL": "forged", "x-ms-client-principal-NAME": "root", "X-MS-TOKEN-AAD-ID-TOKEN": "forged"}


def token(*roles: str, key: str = KEY, client_id: str = CLIENT_ID, lifetime: int = 3600) -> str:
    return Issuer(key=key, lifetime=lifetime).issue_to_person("tom", client_id=client_id, roles=roles).text


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("sign-in")
    app = APPS / "everything"
    settings = {"TICK": "0 0 0 1 1 *", "FUNCTIONS_TOKEN_KEY": KEY}
    with running_host(app, "--sign-in", CLIENT_ID, "--eventgrid-key", "e", directory=directory, **settings) as host:
        yield host.url


@pytest.fixture
async def client(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


async def principal(client: aiohttp.ClientSession, **headers: str) -> dict[str, Any] | None:
    """The principal that a function gets."""
    async with client.get("/api/echo/x", headers=headers) as response:
        assert response.status == 200
        seen = (await response.json())["headers"]
    own = {name: value for name, value in seen.items() if name.startswith(("x-ms-client-", "x-ms-token-"))}
    if not own:
        return None
    assert (own["x-ms-client-principal-idp"], own["x-ms-client-principal-name"]) == ("aad", "tom@example.com")
    found: dict[str, Any] = json.loads(base64.b64decode(own["x-ms-client-principal"]))
    return found


async def test_headers_of_clients_are_removed(client: aiohttp.ClientSession) -> None:
    assert await principal(client, **FORGED) is None


async def test_bearer_token_becomes_the_principal(client: aiohttp.ClientSession) -> None:
    found = await principal(client, Authorization=f"Bearer {token('Viewer', 'Operator')}", **FORGED)
    assert found is not None
    claims = [(claim["typ"], claim["val"]) for claim in found["claims"]]
    assert [value for type_, value in claims if type_ == "roles"] == ["Viewer", "Operator"]
    assert "http://schemas.microsoft.com/identity/claims/objectidentifier" in dict(claims)


@pytest.mark.parametrize(
    "bad",
    [
        "x",
        token("Operator", key="f" * 32),
        token("Operator", client_id="another"),
        token("Operator", lifetime=-60),
        jwt.encode({"aud": CLIENT_ID, "exp": 1 << 33, "oid": "1", "roles": ["Operator"]}, "", algorithm="none"),
    ],
)
async def test_invalid_bearer_token_is_refused(client: aiohttp.ClientSession, bad: str) -> None:
    async with client.get("/api/echo/x", headers={"Authorization": f"Bearer {bad}"}) as response:
        assert response.status == 401
    # As a cookie it is a session that has ended.
    assert await principal(client, Cookie=f"AppServiceAuthSession={bad}") is None


async def test_person_signs_in_and_out(client: aiohttp.ClientSession) -> None:
    async with client.get("/.auth/login/aad", params={"post_login_redirect_uri": '/api/x?"'}) as response:
        assert 'value="/api/x?&quot;"' in await response.text()
    form = {"id_token": token("Viewer"), "state": "/api/dashboard"}
    async with client.post("/.auth/login/aad/callback", data=form, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "/api/dashboard")
        assert "HttpOnly" in response.headers["Set-Cookie"]
    assert await principal(client) is not None
    out = "/.auth/logout?post_logout_redirect_uri=/api/dashboard"
    async with client.get(out, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "/api/dashboard")
    assert await principal(client) is None


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "evil"])
async def test_sign_in_does_not_lead_to_another_site(client: aiohttp.ClientSession, target: str) -> None:
    form = {"id_token": token(), "state": target}
    async with client.post("/.auth/login/aad/callback", data=form, allow_redirects=False) as response:
        assert (response.status, "Set-Cookie" in response.headers) == (400, False)


async def test_sign_in_with_an_invalid_token_starts_no_session(client: aiohttp.ClientSession) -> None:
    async with client.post("/.auth/login/aad/callback", data={"id_token": "x", "state": "/"}) as response:
        assert (response.status, "Set-Cookie" in response.headers) == (401, False)


async def test_event_grid_and_keys_work_as_without_sign_in(client: aiohttp.ClientSession) -> None:
    validation = [{"id": "1", "data": {"validationCode": "42"}}]
    async with client.post(
        "/runtime/webhooks/eventgrid?functionName=on_event&code=e",
        json=validation,
        headers={"aeg-event-type": "SubscriptionValidation"},
    ) as response:
        assert (response.status, await response.json()) == (200, {"validationResponse": "42"})


async def test_without_authentication_headers_of_clients_reach_the_function(tmp_path: Any) -> None:
    """App Service removes them only while its authentication is on, so the app must not trust them otherwise."""
    with running_host(APPS / "everything", directory=tmp_path, TICK="0 0 0 1 1 *") as host:
        status, body = host.request("GET", "/api/echo/x", **FORGED)
        assert (status, json.loads(body)["headers"]["x-ms-client-principal"]) == (200, "forged")
        assert host.request("GET", "/.auth/login/aad")[0] == 404
