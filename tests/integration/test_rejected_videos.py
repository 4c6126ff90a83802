"""Blobs that cannot become a GIF: their error code and message, and what they cost."""

import asyncio

from tests.support.stack_client import StackClient


async def test_text_file_named_mp4_fails_as_not_a_video(client: StackClient) -> None:
    await client.drop("notes.mp4", b"This is a text file.\n" * 100)
    status = await client.final_status("notes.mp4")
    assert (status["state"], status["gif"], status["attempt"]) == ("failed", None, 1)
    assert status["error"]["code"] == "NotAVideo"
    assert len(status["error"]["message"].split()) > 4
    assert await client.gif("notes.gif") is None


async def test_empty_file_fails_without_a_task(client: StackClient) -> None:
    await client.drop("empty.mp4", b"")
    status = await client.final_status("empty.mp4")
    assert (status["state"], status["error"]["code"], status["task"]) == ("failed", "EmptyFile", None)
    assert status["compute_seconds"] is None
    assert "empty.mp4" not in await client.videos_with_tasks()


async def test_invalid_metadata_fails_with_the_allowed_range(client: StackClient, tiny_video: bytes) -> None:
    await client.drop("too-wide.mp4", tiny_video, metadata={"gif_width": "100000"})
    error = (await client.final_status("too-wide.mp4"))["error"]
    assert error["code"] == "InvalidOption"
    assert "gif_width must be a whole number from 16 to 1920" in error["message"]


async def test_file_without_mp4_suffix_is_ignored(client: StackClient, tiny_video: bytes) -> None:
    await client.drop("readme.txt", b"hello")
    await client.drop("z-after.mp4", tiny_video)
    await client.final_status("z-after.mp4")
    assert (await client.status("readme.txt"))[0] == 404
    assert "readme.txt" not in await client.videos_with_tasks()


async def test_failed_video_succeeds_after_a_valid_upload(client: StackClient, tiny_video: bytes) -> None:
    invalid = await client.drop("replaced.mp4", b"not yet")
    assert (await client.final_status("replaced.mp4", etag=invalid))["state"] == "failed"
    valid = await client.drop("replaced.mp4", tiny_video)
    assert (await client.final_status("replaced.mp4", etag=valid))["state"] == "succeeded"


async def test_invalid_upload_deletes_the_gif_of_the_earlier_version(client: StackClient, tiny_video: bytes) -> None:
    valid = await client.drop("invalidated.mp4", tiny_video)
    assert (await client.final_status("invalidated.mp4", etag=valid))["state"] == "succeeded"
    invalid = await client.drop("invalidated.mp4", b"not a video")
    assert (await client.final_status("invalidated.mp4", etag=invalid))["state"] == "failed"
    assert await client.gif("spoilt.gif") is None


async def test_video_deleted_before_its_event_gets_no_record(client: StackClient) -> None:
    await client.deliver_event("never-there.mp4")
    await asyncio.sleep(0.5)
    assert (await client.status("never-there.mp4"))[0] == 404
