"""A video dropped into the input container comes out of the output container as a GIF."""

import asyncio
from pathlib import Path

import pytest

from tests.integration.kit import Person
from tests.support.videos import look_at


async def test_a_video_becomes_a_gif(person: Person, video: bytes, tmp_path: Path) -> None:
    await person.drop("one/tom.mp4", video)
    status = await person.ended("one/tom.mp4")
    assert (status["state"], status["error"], status["progress"], status["attempt"]) == ("succeeded", None, 1.0, 1)
    gif = await person.gif("one/tom.gif")
    assert gif
    seen = look_at(gif, tmp_path / "tom.gif")
    shown = status["gif"]
    assert (shown["width"], shown["height"], shown["bytes"]) == (seen.width, seen.height, len(gif))
    assert shown["frames"] == seen.frames > 10
    assert shown["duration_seconds"] == pytest.approx(2, abs=0.15)
    assert seen.seconds == pytest.approx(2, abs=0.15)
    assert status["queued_at"] <= status["started_at"] <= status["finished_at"]
    assert status["compute_seconds"] > 0


async def test_the_gif_is_served_as_one_and_knows_its_conversion(person: Person, video: bytes) -> None:
    await person.drop("typed.mp4", video)
    await person.ended("typed.mp4")
    blob = await person.storage.get_blob_client("gifs", "typed.gif").get_blob_properties()
    assert blob.content_settings.content_type == "image/gif"
    assert blob.metadata["conversion_id"] == (await person.record("typed.mp4"))["id"]


async def test_nothing_is_left_in_staging_or_batch_and_the_logs_are_kept(person: Person, video: bytes) -> None:
    await person.drop("tidy.mp4", video)
    task = (await person.ended("tidy.mp4"))["task"]["task_id"]
    await person.no_tasks()
    staging = person.storage.get_container_client("staging")
    assert [blob.name async for blob in staging.list_blobs(name_starts_with=task)] == []
    logs = person.storage.get_container_client("logs")
    assert {blob.name async for blob in logs.list_blobs(name_starts_with=task)} == {
        f"{task}/stdout.txt",
        f"{task}/stderr.txt",
    }


async def test_twenty_videos_at_once_become_twenty_gifs(person: Person, video: bytes) -> None:
    names = [f"twenty/{number:02}.mp4" for number in range(20)]
    await asyncio.gather(*(person.drop(name, video) for name in names))
    ends = await asyncio.gather(*(person.ended(name) for name in names))
    assert [end["state"] for end in ends] == ["succeeded"] * 20
    gifs = person.storage.get_container_client("gifs")
    assert [blob.name async for blob in gifs.list_blobs(name_starts_with="twenty/")] == [
        name.replace(".mp4", ".gif") for name in names
    ]


async def test_a_changed_upload_of_the_same_name_is_new_work(
    person: Person, video: bytes, longer_video: bytes, tmp_path: Path
) -> None:
    first = await person.drop("again.mp4", video)
    one = await person.ended("again.mp4", etag=first)
    second = await person.drop("again.mp4", longer_video)
    other = await person.ended("again.mp4", etag=second)
    assert one["task"]["task_id"] != other["task"]["task_id"]
    assert other["gif"]["duration_seconds"] == pytest.approx(3, abs=0.15)
    gif = await person.gif("again.gif")
    assert gif
    assert look_at(gif, tmp_path / "again.gif").frames == other["gif"]["frames"] > one["gif"]["frames"]


async def test_an_event_delivered_again_changes_nothing(person: Person, video: bytes) -> None:
    await person.drop("twice.mp4", video)
    await asyncio.gather(*(person.deliver("twice.mp4") for _ in range(5)))
    before = await person.ended("twice.mp4")
    await person.no_tasks()
    await person.deliver("twice.mp4")
    await asyncio.sleep(0.5)
    assert await person.tasks() == []
    assert (await person.status("twice.mp4"))[1] == before


@pytest.mark.parametrize(
    "name",
    [
        "two words.mp4",
        "größe/☃ снег 雪.mp4",
        'it\'s "quoted".mp4',
        "-rf.mp4",
        "a/b/c/deep.mp4",
        "100%25 #1? a+b&c=d;e.mp4",
        "dots..in.the..name.mp4",
        "SHOUT.MP4",
    ],
)
async def test_names_survive(person: Person, video: bytes, name: str) -> None:
    await person.drop(name, video)
    status = await person.ended(name)
    assert (status["video"], status["state"], status["error"]) == (name, "succeeded", None)
    gif = name[:-4] + (".GIF" if name.isupper() else ".gif")
    assert status["gif"]["name"] == gif
    assert await person.gif(gif)


async def test_metadata_chooses_the_gif(person: Person, video: bytes) -> None:
    wanted = {"gif_width": "160", "gif_fps": "5", "gif_start": "0.5", "gif_duration": "1"}
    await person.drop("chosen.mp4", video, metadata=wanted)
    gif = (await person.ended("chosen.mp4"))["gif"]
    assert (gif["width"], gif["height"]) == (160, 90)
    assert gif["duration_seconds"] == pytest.approx(1, abs=0.25)
    assert gif["frames"] <= 6


async def test_batch_shows_the_days_job_and_the_pool(person: Person, video: bytes) -> None:
    await person.drop("seen.mp4", video)
    await person.ended("seen.mp4")
    jobs = [job.id async for job in person.batch.list_jobs()]
    pools = [pool.id async for pool in person.batch.list_pools()]
    assert any(job.startswith("gifdrop-20") for job in jobs)
    assert pools == ["gifdrop"]


async def test_a_job_closed_by_hand_does_not_stop_the_service(person: Person, video: bytes) -> None:
    await person.drop("before.mp4", video)
    closed = (await person.ended("before.mp4"))["task"]["job_id"]
    await person.no_tasks()
    poller = await person.batch.begin_terminate_job(closed, options={"terminateReason": "by hand"})  # type: ignore[arg-type]
    await poller.wait()
    await person.drop("after.mp4", video)
    after = await person.ended("after.mp4")
    assert after["state"] == "succeeded"
    assert after["task"]["job_id"] != closed


async def test_a_task_of_somebody_else_in_our_job_is_left_alone(person: Person, video: bytes) -> None:
    from azure.batch.models import BatchTaskCreateOptions

    await person.drop("host.mp4", video)
    job = (await person.ended("host.mp4"))["task"]["job_id"]
    await person.batch.create_task(job, BatchTaskCreateOptions(id="theirs", command_line="/bin/true"))
    await person.drop("guest.mp4", video)
    await person.ended("guest.mp4")
    theirs = await person.batch.get_task(job, "theirs")
    assert theirs.id == "theirs"
    await person.batch.delete_task(job, "theirs")
