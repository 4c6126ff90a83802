"""From a video in the input container to a GIF in the output container."""

import asyncio
from pathlib import Path

import pytest
from azure.batch.models import BatchTaskCreateOptions

from tests.support.gif_frames import frames_of, make_plain
from tests.support.stack_client import StackClient
from tests.support.videos import look_at


async def test_video_becomes_a_gif(client: StackClient, video: bytes, tmp_path: Path) -> None:
    await client.drop("one/tom.mp4", video)
    status = await client.final_status("one/tom.mp4")
    assert (status["state"], status["error"], status["progress"], status["attempt"]) == ("succeeded", None, 1.0, 1)
    gif = await client.gif("one/tom.gif")
    assert gif
    decoded = look_at(gif, tmp_path / "tom.gif")
    shown = status["gif"]
    assert (shown["width"], shown["height"], shown["bytes"]) == (decoded.width, decoded.height, len(gif))
    assert shown["frames"] == decoded.frames > 10
    assert shown["duration_seconds"] == pytest.approx(2, abs=0.15)
    assert decoded.seconds == pytest.approx(2, abs=0.15)
    assert status["queued_at"] <= status["started_at"] <= status["finished_at"]
    assert status["compute_seconds"] > 0


async def test_gif_blob_has_its_content_type_and_conversion_id(client: StackClient, tiny_video: bytes) -> None:
    await client.drop("typed.mp4", tiny_video)
    await client.final_status("typed.mp4")
    blob = await client.storage.get_blob_client("gifs", "typed.gif").get_blob_properties()
    assert blob.content_settings.content_type == "image/gif"
    assert blob.metadata["conversion_id"] == (await client.record("typed.mp4"))["id"]


async def test_completion_deletes_the_task_and_uploads_no_logs_of_a_success(
    client: StackClient, tiny_video: bytes
) -> None:
    await client.drop("tidy.mp4", tiny_video)
    task = (await client.final_status("tidy.mp4"))["task"]["task_id"]
    await client.wait_until_tasks_deleted()
    logs = client.storage.get_container_client("logs")
    assert [blob.name async for blob in logs.list_blobs(name_starts_with=task)] == []


async def test_twenty_videos_at_once_become_twenty_gifs(client: StackClient, tiny_video: bytes) -> None:
    names = [f"twenty/{number:02}.mp4" for number in range(20)]
    await client.drop_all(dict.fromkeys(names, tiny_video))
    assert [status["state"] for status in await client.final_statuses(*names)] == ["succeeded"] * 20
    gifs = client.storage.get_container_client("gifs")
    assert [blob.name async for blob in gifs.list_blobs(name_starts_with="twenty/")] == [
        name.replace(".mp4", ".gif") for name in names
    ]


async def test_new_version_of_a_video_is_converted_again(
    client: StackClient, video: bytes, longer_video: bytes, tmp_path: Path
) -> None:
    first = await client.drop("versions.mp4", video)
    older = await client.final_status("versions.mp4", etag=first)
    second = await client.drop("versions.mp4", longer_video)
    newer = await client.final_status("versions.mp4", etag=second)
    assert older["task"]["task_id"] != newer["task"]["task_id"]
    assert newer["gif"]["duration_seconds"] == pytest.approx(3, abs=0.15)
    gif = await client.gif("versions.gif")
    assert gif
    assert look_at(gif, tmp_path / "versions.gif").frames == newer["gif"]["frames"] > older["gif"]["frames"]


async def test_redelivered_event_changes_nothing(client: StackClient, tiny_video: bytes) -> None:
    await client.drop("redelivered.mp4", tiny_video)
    await asyncio.gather(*(client.deliver_event("redelivered.mp4") for _ in range(5)))
    before = await client.final_status("redelivered.mp4")
    await client.wait_until_tasks_deleted()
    await client.deliver_event("redelivered.mp4")
    await asyncio.sleep(0.5)
    assert await client.videos_with_tasks() == []
    assert (await client.status("redelivered.mp4"))[1] == before


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
async def test_blob_name_is_preserved(client: StackClient, tiny_video: bytes, name: str) -> None:
    await client.drop(name, tiny_video)
    status = await client.final_status(name)
    assert (status["video"], status["state"], status["error"]) == (name, "succeeded", None)
    gif = name[:-4] + (".GIF" if name.isupper() else ".gif")
    assert status["gif"]["name"] == gif
    assert await client.gif(gif)


async def test_videos_of_one_name_and_other_endings_have_a_gif_each(client: StackClient, tmp_path: Path) -> None:
    kinds = {
        "tom.mp4": ("tom.gif", "red", ("-c:v", "libx264", "-f", "mp4")),
        "tom.mov": ("tom.mov.gif", "green", ("-c:v", "libx264", "-f", "mov")),
        "tom.MOV": ("tom.MOV.gif", "blue", ("-c:v", "libx264", "-f", "mov")),
        "tom.m4v": ("tom.m4v.gif", "yellow", ("-c:v", "libx264", "-f", "ipod")),
        "tom.webm": ("tom.webm.gif", "blue", ("-c:v", "libvpx", "-f", "webm")),
        "tom.mkv": ("tom.mkv.gif", "red", ("-c:v", "libvpx-vp9", "-f", "matroska")),
        "tom.mov.mp4": ("tom.mov.mp4.gif", "yellow", ("-c:v", "libx264", "-f", "mp4")),
    }
    for name, (_, colour, options) in kinds.items():
        video = make_plain(tmp_path / "video", colour, *options)
        await client.drop(f"kinds/{name}", video.read_bytes())
    statuses = await client.final_statuses(*(f"kinds/{name}" for name in kinds))
    for status, (gif, colour, _) in zip(statuses, kinds.values(), strict=True):
        assert (status["error"], status["gif"]["name"]) == (None, f"kinds/{gif}")
        (tmp_path / "one.gif").write_bytes(await client.gif(f"kinds/{gif}") or b"")
        assert frames_of(tmp_path / "one.gif").colour(0, 0.5, 0.5) == colour
    _, listed = await client.get("status", prefix="kinds/")
    names = {video["video"]: video["gif"]["name"] for video in listed["videos"]}
    assert names == {f"kinds/{name}": f"kinds/{gif}" for name, (gif, _, _) in kinds.items()}


async def test_metadata_sets_the_options_of_the_gif(client: StackClient, video: bytes) -> None:
    options = {"gif_width": "160", "gif_fps": "5", "gif_start": "0.5", "gif_duration": "1"}
    await client.drop("chosen.mp4", video, metadata=options)
    gif = (await client.final_status("chosen.mp4"))["gif"]
    assert (gif["width"], gif["height"]) == (160, 90)
    assert gif["duration_seconds"] == pytest.approx(1, abs=0.25)
    assert gif["frames"] <= 6


async def test_task_runs_in_the_days_job_on_the_pool(client: StackClient, tiny_video: bytes) -> None:
    await client.drop("seen.mp4", tiny_video)
    await client.final_status("seen.mp4")
    jobs = [job.id async for job in client.batch.list_jobs()]
    pools = [pool.id async for pool in client.batch.list_pools()]
    assert any(job.startswith("gifdrop-20") for job in jobs)
    assert pools == ["gifdrop"]


async def test_terminated_job_is_replaced_by_another(client: StackClient, tiny_video: bytes) -> None:
    await client.drop("before.mp4", tiny_video)
    closed = (await client.final_status("before.mp4"))["task"]["job_id"]
    await client.wait_until_tasks_deleted()
    poller = await client.batch.begin_terminate_job(closed, options={"terminateReason": "a test"})  # type: ignore[arg-type]
    await poller.wait()
    await client.drop("after.mp4", tiny_video)
    after = await client.final_status("after.mp4")
    assert after["state"] == "succeeded"
    assert after["task"]["job_id"] != closed


async def test_foreign_task_in_the_job_is_left_alone(client: StackClient, tiny_video: bytes) -> None:
    await client.drop("host.mp4", tiny_video)
    job = (await client.final_status("host.mp4"))["task"]["job_id"]
    await client.batch.create_task(job, BatchTaskCreateOptions(id="foreign", command_line="/bin/true"))
    await client.drop("guest.mp4", tiny_video)
    await client.final_status("guest.mp4")
    foreign = await client.batch.get_task(job, "foreign")
    assert foreign.id == "foreign"
    await client.batch.delete_task(job, "foreign")
