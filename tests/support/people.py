"""People who sign in to the local stack."""

from collections.abc import Mapping

import aiohttp

from local.identity import PATH, PERSON_PATH
from local.stack import Stack

CLIENT_ID = "6a7e3f6e-3c51-4c8b-b8b6-0d6a1f6a2f11"
"""Of the app registration."""


async def id_token(endpoints: Mapping[str, str], secret: str, *roles: str) -> str:
    """The ID token of a person with these app roles. Raises `PermissionError` for a wrong secret."""
    url = endpoints["identity"].removesuffix(PATH) + PERSON_PATH
    query = [("client_id", CLIENT_ID), ("name", "tom"), *(("role", role) for role in roles)]
    async with (
        aiohttp.ClientSession() as http,
        http.get(url, params=query, headers={"X-IDENTITY-HEADER": secret}) as response,
    ):
        if response.status != 200:
            raise PermissionError(await response.text())
        return str((await response.json())["id_token"])


async def person(stack: Stack, *roles: str) -> dict[str, str]:
    """The headers of a person with these app roles."""
    token = await id_token(stack.endpoints, stack.env["IDENTITY_HEADER"], *roles)
    return {"Authorization": f"Bearer {token}", "x-requested-with": "page"}
