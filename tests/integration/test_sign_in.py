"""Sign-in beside keys, through the whole stack; and a principal header that a client sends itself."""

from collections.abc import AsyncIterator
from hashlib import sha256

import pytest

from local.stack import Stack
from tests.support.people import CLIENT_ID, id_token, person
from tests.support.principal import principal_header
from tests.support.stack_client import StackClient

OPERATOR_KEY = "the operator's key"
FORGED = principal_header("Viewer", "Operator")


@pytest.fixture(scope="module")
async def signing_in(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack with sign-in, whose retries need the operator's key."""
    settings = {"GIFDROP_SIGN_IN": "on", "GIFDROP_OPERATOR_SHA256": sha256(OPERATOR_KEY.encode()).hexdigest()}
    directory = tmp_path_factory.mktemp("sign-in")
    arguments = {"functions": ["--sign-in", CLIENT_ID]}
    async with Stack(directory=directory, settings=settings, arguments=arguments) as stack:
        yield stack


@pytest.fixture(scope="module")
async def api(signing_in: Stack) -> AsyncIterator[StackClient]:
    async with StackClient(signing_in.endpoints, signing_in.env) as client:
        yield client


async def code(client: StackClient, method: str, path: str, headers: dict[str, str], key: str = "") -> tuple[int, str]:
    response = await client.request(method, path, headers=headers, key=key)
    return response.status, response.json()["code"]


async def test_events_arrive_and_people_see_and_retry_videos_by_their_role(signing_in: Stack, api: StackClient) -> None:
    await api.drop("signed/notes.mp4", b"no video")
    assert (await api.final_status("signed/notes.mp4"))["state"] == "failed"
    viewer, operator = await person(signing_in, "Viewer"), await person(signing_in, "Operator")

    response = await api.request("GET", "user/status/signed/notes.mp4", headers=viewer, key="")
    assert (response.status, response.json()["state"]) == (200, "failed")
    assert await code(api, "POST", "user/retry/signed/notes.mp4", viewer) == (403, "RoleRequired")
    assert await code(api, "GET", "user/status", await person(signing_in)) == (403, "RoleRequired")
    response = await api.request("POST", "user/retry/signed/notes.mp4", headers=operator, key="")
    assert (response.status, response.json()["state"]) == (200, "queued")


async def test_keys_work_beside_sign_in(signing_in: Stack, api: StackClient) -> None:
    operator = await person(signing_in, "Operator")
    assert (await api.request("GET", "status")).status == 200
    # Where a key is needed, a sign-in does not replace it.
    assert (await api.request("GET", "status", headers=operator, key="")).status == 401
    assert await code(api, "POST", "retry", operator, api.endpoints["function_key"]) == (
        403,
        "OperatorKeyRequired",
    )
    with_key = {"x-gifdrop-operator-key": OPERATOR_KEY}
    assert (await api.request("POST", "retry", headers=with_key)).status == 200


async def test_forged_principal_is_nobody_where_sign_in_is_on(signing_in: Stack, api: StackClient) -> None:
    assert await code(api, "GET", "user/status", FORGED) == (401, "SignInRequired")
    assert await code(api, "POST", "user/retry", FORGED) == (401, "SignInRequired")
    viewer = await person(signing_in, "Viewer")
    assert await code(api, "POST", "user/retry", FORGED | viewer) == (403, "RoleRequired")


async def test_forged_principal_is_nobody_where_sign_in_is_off(client: StackClient) -> None:
    """This host passes the header on, as App Service without authentication may."""
    assert await code(client, "GET", "user/status", FORGED) == (404, "SignInOff")
    assert await code(client, "POST", "user/retry", FORGED) == (404, "SignInOff")
    assert (await client.request("GET", "status", headers=FORGED, key="")).status == 401
    status, me = await client.get("user/me", key="")
    assert (status, me) == (200, {"sign_in": False, "name": None, "roles": []})


async def test_token_of_a_managed_identity_is_not_a_sign_in(api: StackClient) -> None:
    for scope in ("https://storage.azure.com/.default", "https://management.azure.com/.default"):
        token = (await api.credential.get_token(scope)).token
        headers = {"Authorization": f"Bearer {token}", "x-requested-with": "page"}
        assert (await api.request("GET", "user/status", headers=headers, key="")).status == 401


async def test_identity_endpoint_signs_nobody_in_without_the_secret(signing_in: Stack) -> None:
    with pytest.raises(PermissionError):
        await id_token(signing_in.endpoints, "guess", "Operator")
