"""The managed-identity endpoint, called by the unchanged SDK and directly."""

import time
from typing import Any

import aiohttp
import jwt
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import ManagedIdentityCredential

from local.resources import APP_IDENTITY, POOL_IDENTITY, SYSTEM_IDENTITY
from tests.local.account import Account

STORAGE = "https://storage.azure.com/.default"


async def claims(credential: ManagedIdentityCredential, scope: str = STORAGE) -> dict[str, Any]:
    async with credential:
        token = await credential.get_token(scope)
    found: dict[str, Any] = jwt.decode(token.token, options={"verify_signature": False})
    assert found["exp"] == token.expires_on
    return found


async def test_request_without_an_id_gets_the_system_assigned_identity(in_account: None) -> None:
    assert (await claims(ManagedIdentityCredential()))["oid"] == SYSTEM_IDENTITY.principal_id


async def test_identities_are_selected_by_client_id_and_by_resource_id(in_account: None) -> None:
    by_client = await claims(ManagedIdentityCredential(client_id=APP_IDENTITY.client_id.upper()))
    by_resource = await claims(ManagedIdentityCredential(identity_config={"mi_res_id": POOL_IDENTITY.resource_id}))
    assert by_client["oid"] == APP_IDENTITY.principal_id
    assert by_resource["oid"] == POOL_IDENTITY.principal_id
    assert by_resource["xms_mirid"] == POOL_IDENTITY.resource_id


async def test_audience_is_the_requested_resource(in_account: None) -> None:
    found = await claims(ManagedIdentityCredential(), "https://batch.core.windows.net//.default")
    assert found["aud"] == "https://batch.core.windows.net/"
    assert found["nbf"] < time.time() < found["exp"]


async def test_unknown_identity_or_resource_gets_no_token(in_account: None) -> None:
    with pytest.raises(ClientAuthenticationError, match="No User Assigned"):
        await claims(ManagedIdentityCredential(client_id="somebody"))
    with pytest.raises(ClientAuthenticationError, match="AADSTS500011"):
        await claims(ManagedIdentityCredential(), "https://example.com/.default")


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({}, {"api-version": "2019-08-01", "resource": "https://storage.azure.com"}, 401),
        ({"X-IDENTITY-HEADER": "guess"}, {"api-version": "2019-08-01", "resource": "https://storage.azure.com"}, 401),
        ({"X-IDENTITY-HEADER": "a secret"}, {"resource": "https://storage.azure.com"}, 400),
        ({"X-IDENTITY-HEADER": "a secret"}, {"api-version": "2019-08-01"}, 400),
    ],
)
async def test_invalid_request_is_rejected(
    account: Account, headers: dict[str, str], query: dict[str, str], status: int
) -> None:
    url = account.environment["IDENTITY_ENDPOINT"]
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers, params=query) as response:
        assert response.status == status
        assert "access_token" not in await response.text()
