"""`GET videos/{video}`: a link to an original."""

from tests.support.stack_client import StackClient


async def test_link_reads_the_original_as_a_video_and_in_ranges(client: StackClient, video: bytes) -> None:
    await client.drop("originals/tom & 1 %.mp4", video)
    response = await client.request("GET", "videos/originals/tom%20%26%201%20%25.mp4")
    assert response.status == 200
    async with client.http.get(response.json()["url"], ssl=client.tls, headers={"Range": "bytes=0-99"}) as read:
        assert (read.status, await read.read()) == (206, video[:100])
        assert read.headers["Content-Type"] == "video/mp4"


async def test_unknown_video_has_no_link(client: StackClient) -> None:
    for name in ("originals/none.mp4", "originals/notes.txt"):
        response = await client.request("GET", f"videos/{name}")
        assert (response.status, response.json()["code"]) == (404, "UnknownVideo")


async def test_link_to_an_original_needs_a_key(client: StackClient) -> None:
    assert (await client.request("GET", "videos/originals/none.mp4", key="")).status == 401
