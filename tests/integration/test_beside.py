"""A poster and a WebP beside the GIF, from metadata to files in the output container, through the whole pipeline."""

import aiohttp
import pytest
from yarl import URL

from converter.formats import jpeg, webp
from tests.support.stack_client import StackClient
from tests.support.waiting import wait_until_async

BOTH = {"gif_also": "webp, poster"}


async def outputs(client: StackClient, prefix: str) -> dict[str, str | None]:
    """The content types of the blobs in the output container that begin with `prefix`, by name."""
    container = client.storage.get_container_client("gifs")
    return {
        blob.name: blob.content_settings.content_type async for blob in container.list_blobs(name_starts_with=prefix)
    }


async def wait_for_outputs(client: StackClient, prefix: str, names: set[str]) -> None:
    """Wait until only these are left: what a version leaves behind is deleted after its successor's record is saved."""

    async def only_these() -> bool:
        return set(await outputs(client, prefix)) == names

    await wait_until_async(only_these)


async def test_files_beside_the_gif_are_published_and_listed(client: StackClient, video: bytes) -> None:
    await client.drop("beside/tom.mp4", video, metadata=BOTH)
    status = await client.final_status("beside/tom.mp4")
    assert (status["state"], status["error"], status["options"]["also"]) == ("succeeded", None, ["poster", "webp"])
    assert await outputs(client, "beside/tom") == {
        "beside/tom.gif": "image/gif",
        "beside/tom.jpg": "image/jpeg",
        "beside/tom.webp": "image/webp",
    }
    gif, (poster, animation) = status["gif"], status["gif"]["also"]
    assert [(file["kind"], file["name"]) for file in (poster, animation)] == [
        ("poster", "beside/tom.jpg"),
        ("webp", "beside/tom.webp"),
    ]
    picture, moving = await client.gif("beside/tom.jpg"), await client.gif("beside/tom.webp")
    assert picture
    assert moving
    assert jpeg.size(picture) == (poster["width"], poster["height"]) == (gif["width"], gif["height"])
    assert (len(picture), len(moving)) == (poster["bytes"], animation["bytes"])
    seen = webp.read(moving, still_milliseconds=0)
    assert (seen.width, seen.height, len(seen.frames)) == (gif["width"], gif["height"], gif["frames"])
    assert seen.duration_seconds == pytest.approx(gif["duration_seconds"], abs=0.05)
    for kind, name in (("poster", "beside/tom.jpg"), ("webp", "beside/tom.webp")):
        assert status["links"][kind] == f"/api/gifs/{name}"
    (listed,) = (await client.get("status", prefix="beside/tom"))[1]["videos"]
    assert listed["gif"]["also"] == gif["also"]


@pytest.mark.parametrize(("suffix", "type_"), [("webp", "image/webp"), ("jpg", "image/jpeg")])
async def test_files_beside_the_gif_can_be_downloaded(
    client: StackClient, video: bytes, suffix: str, type_: str
) -> None:
    await client.drop("fetched/tom.mp4", video, metadata=BOTH)
    await client.final_status("fetched/tom.mp4")
    stored = await client.gif(f"fetched/tom.{suffix}")
    direct = await client.request("GET", f"gifs/fetched/tom.{suffix}?via=app")
    assert (direct.status, direct.headers["Content-Type"], direct.body) == (200, type_, stored)
    redirected = await client.request("GET", f"gifs/fetched/tom.{suffix}")
    assert redirected.status == 302
    link = URL(redirected.headers["Location"], encoded=True)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=client.tls)) as anonymous,
        anonymous.get(link) as read,
    ):
        assert (read.status, read.headers["Content-Type"], await read.read()) == (200, type_, stored)


async def test_newer_version_replaces_and_removes_files_beside_the_gif(
    client: StackClient, video: bytes, longer_video: bytes
) -> None:
    first = await client.drop("changed/tom.mp4", video, metadata=BOTH)
    older = await client.final_status("changed/tom.mp4", etag=first)
    second = await client.drop("changed/tom.mp4", longer_video, metadata={"gif_also": "webp"})
    newer = await client.final_status("changed/tom.mp4", etag=second)
    await wait_for_outputs(client, "changed/tom", {"changed/tom.gif", "changed/tom.webp"})
    moving = await client.gif("changed/tom.webp")
    assert moving
    assert len(moving) == newer["gif"]["also"][0]["bytes"] != older["gif"]["also"][1]["bytes"]
    third = await client.drop("changed/tom.mp4", video)
    assert (await client.final_status("changed/tom.mp4", etag=third))["gif"]["also"] == []
    await wait_for_outputs(client, "changed/tom", {"changed/tom.gif"})


async def test_rejected_version_removes_files_beside_the_gif(client: StackClient, video: bytes) -> None:
    first = await client.drop("rejected/tom.mp4", video, metadata=BOTH)
    await client.final_status("rejected/tom.mp4", etag=first)
    second = await client.drop("rejected/tom.mp4", b"not a video", metadata=BOTH)
    status = await client.final_status("rejected/tom.mp4", etag=second)
    assert (status["error"]["code"], await outputs(client, "rejected/tom")) == ("NotAVideo", {})


async def test_names_keep_the_case_of_the_suffix(client: StackClient, video: bytes) -> None:
    await client.drop("case/tom.mp4", video, metadata={"gif_also": "poster"})
    await client.drop("case/tom.MP4", video, metadata={"gif_also": "poster"})
    await client.final_statuses("case/tom.mp4", "case/tom.MP4")
    assert set(await outputs(client, "case/")) == {"case/tom.gif", "case/tom.jpg", "case/tom.GIF", "case/tom.JPG"}


async def test_unknown_kind_of_file_is_refused(client: StackClient, video: bytes) -> None:
    await client.drop("unknown/tom.mp4", video, metadata={"gif_also": "webp,avif"})
    error = (await client.final_status("unknown/tom.mp4"))["error"]
    assert error["code"] == "InvalidOption"
    assert "gif_also must be poster or webp" in error["message"]
