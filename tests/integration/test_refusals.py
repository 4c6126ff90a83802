"""What cannot become a GIF says why, in a code for programs and a sentence for people."""

import asyncio

import pytest

from tests.integration.kit import Person


async def test_a_text_file_named_mp4_is_no_video(person: Person) -> None:
    await person.drop("notes.mp4", b"Dear diary, today I renamed a file.\n" * 100)
    status = await person.ended("notes.mp4")
    assert (status["state"], status["gif"], status["attempt"]) == ("failed", None, 1)
    assert status["error"]["code"] == "NotAVideo"
    assert len(status["error"]["message"].split()) > 4
    assert await person.gif("notes.gif") is None


async def test_an_empty_file_costs_no_task(person: Person) -> None:
    await person.drop("empty.mp4", b"")
    status = await person.ended("empty.mp4")
    assert (status["state"], status["error"]["code"], status["task"]) == ("failed", "EmptyFile", None)
    assert status["compute_seconds"] is None
    assert "empty.mp4" not in await person.tasks()


async def test_a_video_that_asks_for_the_impossible_is_told_what_is_possible(person: Person, video: bytes) -> None:
    await person.drop("greedy.mp4", video, metadata={"gif_width": "100000"})
    error = (await person.ended("greedy.mp4"))["error"]
    assert error["code"] == "InvalidOption"
    assert "gif_width must be a whole number from 16 to 1920" in error["message"]


async def test_a_file_that_is_not_mp4_is_ignored(person: Person, video: bytes) -> None:
    await person.drop("readme.txt", b"hello")
    await person.drop("z-after.mp4", video)
    await person.ended("z-after.mp4")
    assert (await person.status("readme.txt"))[0] == 404
    assert "readme.txt" not in await person.tasks()


async def test_a_failed_video_succeeds_once_a_good_one_takes_its_place(person: Person, video: bytes) -> None:
    bad = await person.drop("mended.mp4", b"not yet")
    assert (await person.ended("mended.mp4", etag=bad))["state"] == "failed"
    good = await person.drop("mended.mp4", video)
    assert (await person.ended("mended.mp4", etag=good))["state"] == "succeeded"


async def test_a_bad_version_takes_the_gif_of_the_good_one_before_it_along(person: Person, video: bytes) -> None:
    good = await person.drop("spoilt.mp4", video)
    assert (await person.ended("spoilt.mp4", etag=good))["state"] == "succeeded"
    bad = await person.drop("spoilt.mp4", b"no video any more")
    assert (await person.ended("spoilt.mp4", etag=bad))["state"] == "failed"
    assert await person.gif("spoilt.gif") is None


async def test_a_video_deleted_before_its_event_leaves_nothing(person: Person) -> None:
    await person.deliver("never-there.mp4")
    await asyncio.sleep(0.5)
    assert (await person.status("never-there.mp4"))[0] == 404


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("status/unknown.mp4", 404, "UnknownVideo"),
        ("status/" + "x" * 1025, 400, "InvalidName"),
        ("status?state=paused", 400, "InvalidState"),
        ("status?limit=many", 400, "InvalidLimit"),
        ("status?cursor=%FF", 400, "InvalidCursor"),
    ],
)
async def test_the_api_refuses_by_code(person: Person, path: str, status: int, code: str) -> None:
    got, body = await person.get(path)
    assert (got, body["error"]["code"]) == (status, code)


@pytest.mark.parametrize("path", ["status", "status/tom.mp4"])
async def test_a_wrong_key_is_no_key(person: Person, path: str) -> None:
    assert (await person.get(path, key="wrong"))[0] == 401
