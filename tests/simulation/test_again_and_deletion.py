"""Converting a video again with other options, and deleting it, at any moment of its life."""

import asyncio
import json

import pytest

from shared.api.deletion import MAX_DELETIONS_PER_MINUTE
from shared.api.errors import ApiError
from shared.lifecycle.deletion import MAX_TRIES, delete_video
from shared.lifecycle.refusal import RefusedError
from shared.lifecycle.retry import retry
from shared.names import gif_name
from shared.options import Options
from tests.simulation.batch import GIF, End, Task
from tests.simulation.steps import VIDEO, let_pass, let_pass_all_but, upload_and_submit
from tests.simulation.world import AGAIN, World

GIF_NAME = gif_name(VIDEO)


async def finish(world: World, task: Task, how: End = "judged") -> None:
    """Run a task to its end and sweep."""
    world.batch.begin(task)
    world.batch.end(task, how)
    world.sweep()
    await let_pass(world)


async def converted(world: World, body: bytes = b"good1") -> None:
    """The video has a GIF."""
    await finish(world, await upload_and_submit(world, body))
    assert GIF_NAME in world.gifs.blobs


async def call(world: World, method: str, **body: object) -> object:
    """The response of the API."""
    work = (
        world.app.retries.one(VIDEO, {}, json.dumps(body).encode() if body else b"")
        if method == "POST"
        else world.app.deletions.delete(VIDEO, {})
    )
    task = asyncio.ensure_future(work)
    await let_pass(world)
    return await task


async def test_converted_video_is_converted_again_with_other_options(world: World) -> None:
    await converted(world)
    before = world.gifs.blobs[GIF_NAME].etag
    await call(world, "POST", options={"width": 99, "also": ["webp"]})
    record = world.record(VIDEO)
    assert record
    assert (record.state, record.attempt, record.options, record.gif) == ("queued", 2, AGAIN, None)
    assert world.gifs.blobs[GIF_NAME].etag == before
    task = world.batch.tasks[-1]
    assert task.id == f"{record.id}-2"
    await finish(world, task)
    ended = world.record(VIDEO)
    assert ended
    assert (ended.state, ended.options) == ("succeeded", AGAIN)
    assert world.gifs.blobs[GIF_NAME].etag != before
    world.check()


async def test_gif_is_deleted_if_the_other_options_fail(world: World) -> None:
    await converted(world)
    await call(world, "POST", options={"width": 99, "also": ["webp"]})
    world.videos.blobs[VIDEO].body = b"bad1"  # what the converter makes of these options
    await finish(world, world.batch.tasks[-1])
    ended = world.record(VIDEO)
    assert ended
    assert (ended.state, GIF_NAME in world.gifs.blobs) == ("failed", False)


async def test_retry_without_options_uses_those_of_the_metadata(world: World) -> None:
    await converted(world)
    await call(world, "POST", options={"width": 99, "also": ["webp"]})
    world.videos.blobs[VIDEO].body = b"bad1"
    await finish(world, world.batch.tasks[-1])
    await call(world, "POST")
    record = world.record(VIDEO)
    assert record
    assert (record.attempt, record.options) == (3, Options())


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({}, "NotFailed", "This video is already converted."),
        ({"options": {"width": 5}}, "InvalidOption", "width must be a whole number from 16 to 1920."),
        ({"options": {"widht": 320}}, "InvalidOption", "There is no option 'widht'. Did you mean width?"),
        ({"width": 320}, "InvalidBody", "The body must be an object with options and nothing else."),
    ],
)
async def test_request_that_cannot_be_carried_out_changes_nothing(
    world: World, body: dict[str, object], code: str, message: str
) -> None:
    await converted(world)
    before = world.record(VIDEO)
    with pytest.raises(ApiError) as refused:
        await call(world, "POST", **body)
    assert (refused.value.code, refused.value.message) == (code, message)
    assert world.record(VIDEO) == before


async def test_video_that_is_being_converted_is_not_converted_again(world: World) -> None:
    await upload_and_submit(world, b"good1")
    world.gate.open = True
    with pytest.raises(RefusedError, match="This video is being converted"):
        await retry(VIDEO, world.app.services, options=AGAIN)


async def test_result_of_the_earlier_attempt_does_not_end_the_new_one(world: World) -> None:
    first = await upload_and_submit(world, b"good1")
    await finish(world, first)
    await call(world, "POST", options={"width": 99, "also": ["webp"]})
    world.deliver_result(first.id)
    world.sweep()
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.state == "queued"


async def test_deletion_leaves_nothing(world: World) -> None:
    await converted(world)
    await call(world, "DELETE")
    assert (world.videos.blobs, world.gifs.blobs, world.records.blobs.get(VIDEO)) == ({}, {}, None)
    assert not [call for call in world.gate.log if call.startswith("terminate")], "its task has ended"
    world._check_index()
    await world.come_to_rest()
    world.check()
    with pytest.raises(ApiError) as refused:
        await world.app.deletions.delete(VIDEO, {})
    assert (refused.value.code, refused.value.status) == ("UnknownVideo", 404)


@pytest.mark.parametrize("calls", range(1, 13))
async def test_deletion_that_was_interrupted_is_completed_by_another(world: World, calls: int) -> None:
    await converted(world)
    world.delete_by_api(VIDEO)
    for _ in range(calls):
        await world.idle()
        if world.gate.waiting:
            world.gate.end(0, "done")
    await world.kill()
    world.gate.open = True
    try:
        await delete_video(VIDEO, world.app.services)
    except RefusedError as refused:
        assert refused.code == "UnknownVideo"  # noqa: PT017  # it was complete
    assert (world.videos.blobs, world.gifs.blobs, world.records.blobs.get(VIDEO)) == ({}, {}, None)
    await world.come_to_rest()
    world.check()


async def test_blob_that_is_no_video_is_not_deleted(world: World) -> None:
    world.videos.put("notes.txt", b"")
    world.gate.open = True
    with pytest.raises(RefusedError) as refused:
        await delete_video("notes.txt", world.app.services)
    assert (refused.value.code, set(world.videos.blobs)) == ("UnknownVideo", {"notes.txt"})


async def test_gif_without_a_video_and_a_record_is_deleted(world: World) -> None:
    world.gifs.put(GIF_NAME, GIF)
    await call(world, "DELETE")
    assert world.gifs.blobs == {}


async def test_video_that_nothing_was_made_of_is_deleted(world: World) -> None:
    world.videos.put(VIDEO, b"good1")
    await call(world, "DELETE")
    assert world.videos.blobs == {}


async def test_deletion_is_refused_if_the_video_is_uploaded_again_before_it_is_deleted(world: World) -> None:
    await converted(world)
    work = asyncio.ensure_future(delete_video(VIDEO, world.app.services))
    await let_pass(world, until="delete videos")
    world.videos.put(VIDEO, b"good2")
    await let_pass(world)
    with pytest.raises(RefusedError, match=r"^The video has just been uploaded again; check it\.$") as refused:
        await work
    assert refused.value.code == "Changed"
    assert (VIDEO in world.videos.blobs, VIDEO in world.records.blobs, GIF_NAME in world.gifs.blobs) == (True,) * 3


async def test_record_that_changes_while_it_is_deleted_is_deleted_all_the_same(world: World) -> None:
    await converted(world)
    world.delete_by_api(VIDEO)
    await let_pass(world, until="delete conversions")
    stored = world.records.blobs[VIDEO]
    world.records.put(VIDEO, stored.body, stored.metadata)
    await let_pass(world)
    assert VIDEO not in world.records.blobs


async def test_deletion_is_refused_if_the_record_changes_every_time(world: World) -> None:
    await converted(world)
    work = asyncio.ensure_future(delete_video(VIDEO, world.app.services))
    for _ in range(MAX_TRIES):
        await let_pass(world, until="delete conversions")
        stored = world.records.blobs[VIDEO]
        world.records.put(VIDEO, stored.body, stored.metadata)
        world.gate.end(0, "done")
    await let_pass(world)
    with pytest.raises(RefusedError, match=r"^The video's status keeps changing; try again\.$") as refused:
        await work
    assert refused.value.code == "Changed"


async def test_record_that_is_written_while_its_video_is_deleted_is_deleted_too(world: World) -> None:
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await let_pass(world, until="put conversions")
    held = world.gate.waiting.pop(0)
    world.delete_by_api(VIDEO)
    await let_pass(world, until="delete videos")
    world.gate.waiting.insert(0, held)
    world.gate.end(0, "done")
    await let_pass(world)
    assert (world.videos.blobs, VIDEO in world.records.blobs) == ({}, False)


@pytest.mark.parametrize("also", ["", "poster,webp"])
async def test_files_that_are_published_after_the_deletion_are_deleted_too(world: World, also: str) -> None:
    task = await upload_and_submit(world, b"good1", also=also)
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world, until="copy")
    world.delete_by_api(VIDEO)
    await let_pass_all_but(world, "copy")
    assert world.records.blobs.get(VIDEO) is None
    await let_pass(world)
    await world.come_to_rest()
    assert world.gifs.blobs == {}
    world.check()


async def test_version_that_is_uploaded_during_the_deletion_stays(world: World) -> None:
    await converted(world)
    world.delete_by_api(VIDEO)
    await let_pass(world, until="delete gifs")
    held = world.gate.waiting.pop(0)
    world.videos.put(VIDEO, b"good2")
    world.deliver(VIDEO)
    await let_pass(world)
    world.gate.waiting.append(held)
    await let_pass(world)
    await world.come_to_rest()
    assert world.gifs.blobs[GIF_NAME].body == GIF + b"good2;"
    world.check()


async def test_task_of_a_deleted_video_is_terminated(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.delete_by_api(VIDEO)
    await let_pass(world)
    assert task.state == "completed"
    await world.come_to_rest()
    world.check()


async def test_deletions_are_limited_in_a_minute(world: World) -> None:
    world.gate.open = True
    for _ in range(MAX_DELETIONS_PER_MINUTE):
        with pytest.raises(ApiError, match="no video"):
            await world.app.deletions.delete(VIDEO, {})
    with pytest.raises(ApiError) as refused:
        await world.app.deletions.delete(VIDEO, {})
    assert (refused.value.code, refused.value.status) == ("TooManyDeletions", 429)


@pytest.mark.parametrize("headers", [{}, {"x-gifdrop-operator-key": "wrong"}])
async def test_deletion_without_the_operators_key_is_refused(headers: dict[str, str]) -> None:
    world = World(operator_sha256="0" * 64)
    with pytest.raises(ApiError) as refused:
        await world.app.deletions.delete(VIDEO, headers)
    assert refused.value.code == "OperatorKeyRequired"


async def test_deletion_is_refused_where_uploads_are_off() -> None:
    with pytest.raises(ApiError) as refused:
        await World(uploads="off").app.deletions.delete(VIDEO, {})
    assert refused.value.code == "UploadsOff"
