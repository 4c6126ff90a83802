"""`GET gifs/{gif}`: a link to the GIF, or its bytes through the app."""

from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from tests.support.stack_client import StackClient

GIF = "gifs/tom & jérry 100%.gif"
PATH = f"gifs/{quote(GIF)}"
"""The path of a GIF whose name needs encoding."""


@pytest.fixture(scope="module", autouse=True)
async def converted(client: StackClient, tiny_video: bytes) -> None:
    """The GIF exists."""
    await client.drop("gifs/tom & jérry 100%.mp4", tiny_video)
    await client.final_status("gifs/tom & jérry 100%.mp4")


async def test_gif_redirects_to_a_link_that_needs_no_key(client: StackClient) -> None:
    response = await client.request("GET", PATH)
    assert (response.status, response.body, response.headers["Cache-Control"]) == (302, b"", "no-store")
    link = response.headers["Location"]
    assert link.startswith(client.endpoints["links"])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=client.tls)) as anonymous:
        async with anonymous.get(URL(link, encoded=True), headers={"Range": "bytes=0-5"}) as read:
            assert (read.status, await read.read()) == (206, b"GIF89a")
            assert read.headers["Content-Type"] == "image/gif"
        async with anonymous.delete(URL(link, encoded=True)) as deleted:
            assert deleted.status == 403
        async with anonymous.get(URL(link.replace("gifs/tom", "gifs/other"), encoded=True)) as other:
            assert other.status == 403


async def test_gif_via_app_supports_ranges(client: StackClient) -> None:
    async def ranged(header: str) -> tuple[int, bytes, str]:
        response = await client.request("GET", f"{PATH}?via=app", headers={"Range": header})
        return response.status, response.body, response.headers["Content-Range"]

    response = await client.request("GET", f"{PATH}?via=app")
    assert (response.status, response.headers["Content-Type"]) == (200, "image/gif")
    assert response.headers["Accept-Ranges"] == "bytes"
    gif = response.body
    assert gif == await client.gif(GIF)
    size = len(gif)
    assert await ranged("bytes=3-9") == (206, gif[3:10], f"bytes 3-9/{size}")
    assert await ranged("bytes=-1") == (206, b";", f"bytes {size - 1}-{size - 1}/{size}")
    status, _, content_range = await ranged(f"bytes={size}-")
    assert (status, content_range) == (416, f"bytes */{size}")


async def test_gif_via_app_honours_preconditions(client: StackClient) -> None:
    async def conditional(**headers: str) -> tuple[int, bytes]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await client.request("GET", f"{PATH}?via=app", headers=sent)
        assert response.headers["ETag"] == etag
        return response.status, response.body

    response = await client.request("GET", f"{PATH}?via=app")
    etag, gif = response.headers["ETag"], response.body
    assert await conditional(If_None_Match=f'"other", {etag}') == (304, b"")
    assert await conditional(If_None_Match='"other"') == (200, gif)
    assert await conditional(Range="bytes=0-1", If_Range='"other"') == (200, gif)
    assert await conditional(Range="bytes=0-1", If_Range=etag) == (206, gif[:2])
