"""Uploads by signed links: what such a link does, and what storage refuses it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from azure.storage.blob import BlobSasPermissions, generate_blob_sas
from yarl import URL

from local.storage import ACCOUNT
from tests.support.stack_client import StackClient


async def create(client: StackClient, name: str, **members: Any) -> Any:
    """The response to POST uploads."""
    # Links lead to storage over plain HTTP, for browsers; here they are used over TLS, as in Azure.
    response = await client.change("POST", "uploads", {"name": name, "bytes": 1000} | members)
    assert response.status == 201, response.body
    upload = response.json()
    assert upload["url"].startswith(client.endpoints["links"])
    return upload | {"url": upload["url"].replace(client.endpoints["links"], client.endpoints["storage"], 1)}


async def send(
    client: StackClient, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str]]:
    """Status and headers of a request to storage without a token."""
    connector = aiohttp.TCPConnector(ssl=client.tls)
    async with (
        aiohttp.ClientSession(connector=connector) as anonymous,
        anonymous.request(method, URL(url, encoded=True), data=body, headers=headers) as response,
    ):
        return response.status, response.headers


async def test_upload_with_options_becomes_a_gif(client: StackClient, video: bytes) -> None:
    name = "uploads/tom & jérry #1.mp4"
    upload = await create(client, name, options={"width": 64, "duration": 1})
    status, headers = await send(client, upload["method"], upload["url"], video, upload["headers"])
    assert status == 201
    ended = await client.final_status(name, etag=headers["ETag"].strip('"'))
    assert (ended["state"], ended["gif"]["width"], ended["options"]["width"]) == ("succeeded", 64, 64)


async def test_reused_link_is_refused(client: StackClient) -> None:
    upload = await create(client, "uploads/once.mp4")
    assert (await send(client, "PUT", upload["url"], b"first", upload["headers"]))[0] == 201
    without_condition = {"x-ms-blob-type": "BlockBlob"}
    for headers in (upload["headers"], without_condition):
        assert (await send(client, "PUT", upload["url"], b"again", headers))[0] in (403, 409)
    blob = await client.storage.get_blob_client("videos", "uploads/once.mp4").download_blob()
    assert await blob.readall() == b"first"


async def test_link_to_overwrite_replaces_the_video(client: StackClient) -> None:
    await client.drop("uploads/replaced.mp4", b"old")
    upload = await create(client, "uploads/replaced.mp4", overwrite=True)
    assert (await send(client, "PUT", upload["url"], b"new", upload["headers"]))[0] == 201


@pytest.mark.parametrize("overwrite", [False, True])
async def test_link_is_refused_for_other_blobs_containers_and_verbs(client: StackClient, overwrite: bool) -> None:
    await client.drop("uploads/victim.mp4", b"victim")
    upload = await create(client, "uploads/mine.mp4", overwrite=overwrite)
    url, headers = upload["url"], upload["headers"]
    others = [
        ("PUT", url.replace("/uploads/mine.mp4", "/uploads/other.mp4")),
        ("PUT", url.replace("/uploads/mine.mp4", "/uploads/victim.mp4")),
        ("PUT", url.replace("/videos/", "/gifs/")),
        ("PUT", url.replace("/videos/", "/conversions/")),
        ("GET", url),
        ("HEAD", url),
        ("DELETE", url),
        ("GET", url.replace("/videos/uploads/mine.mp4?", "/videos?restype=container&comp=list&")),
    ]
    for method, address in others:
        assert (await send(client, method, address, b"x", headers))[0] == 403, (method, address.partition("?")[0])


async def test_link_without_the_right_to_overwrite_cannot_be_given_it(client: StackClient) -> None:
    upload = await create(client, "uploads/rights.mp4")
    assert "sp=c&" in upload["url"]
    wider = upload["url"].replace("sp=c&", "sp=rwdc&")
    assert (await send(client, "PUT", wider, b"x", upload["headers"]))[0] == 403


async def test_expired_link_is_refused(client: StackClient) -> None:
    """Signed like those of the API, but with an end in the past."""
    now = datetime.now(UTC)
    key = await client.storage.get_user_delegation_key(now - timedelta(hours=2), now + timedelta(hours=1))
    name = "uploads/expired.mp4"

    def address(expiry: datetime) -> str:
        rights = BlobSasPermissions(create=True)
        sas = generate_blob_sas(
            ACCOUNT, "videos", name, user_delegation_key=key, permission=rights, expiry=expiry, protocol="https"
        )
        return f"{client.endpoints['storage']}/videos/{name}?{sas}"

    headers = {"x-ms-blob-type": "BlockBlob"}
    assert (await send(client, "PUT", address(now - timedelta(minutes=10)), b"x", headers))[0] == 403
    assert (await send(client, "PUT", address(now + timedelta(minutes=10)), b"x", headers))[0] == 201


async def test_link_ends_after_a_quarter_of_an_hour(client: StackClient) -> None:
    upload = await create(client, "uploads/end.mp4")
    left = datetime.fromisoformat(upload["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)


async def test_video_of_more_bytes_than_announced_is_accepted_by_storage_and_checked_again(
    client: StackClient,
) -> None:
    """A signed link cannot limit the bytes: the docs say so."""
    upload = await create(client, "uploads/larger.mp4", bytes=1)
    assert (await send(client, "PUT", upload["url"], b"x" * 5000, upload["headers"]))[0] == 201


@pytest.mark.parametrize(("origin", "allowed"), [("own", True), ("https://elsewhere.invalid", False)])
async def test_only_pages_of_the_app_may_upload(client: StackClient, origin: str, allowed: bool) -> None:
    upload = await create(client, f"uploads/cors-{allowed}.mp4")
    asked = {
        "Origin": client.endpoints["functions"] if origin == "own" else origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "x-ms-blob-type,x-ms-meta-gif_width,content-type,if-none-match",
    }
    status, headers = await send(client, "OPTIONS", upload["url"], headers=asked)
    assert (status == 200) is allowed
    assert (headers.get("Access-Control-Allow-Origin") == asked["Origin"]) is allowed
