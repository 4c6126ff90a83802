"""Files beside the GIF: published with it, and removed when a newer version does not ask for them."""

import json
from collections.abc import AsyncIterator, Callable

import pytest

from shared.lifecycle.retry import retry
from shared.names import EXTRA_FILES, extra_name, gif_name
from tests.simulation.batch import EXTRAS, GIF, Task
from tests.simulation.steps import VIDEO, let_pass, let_pass_all_but, upload_and_submit
from tests.simulation.world import World

BOTH = "poster,webp"
WEBP = extra_name(gif_name(VIDEO), "webp")


@pytest.fixture
def world() -> World:
    return World(max_gif_bytes=10_000)


async def convert(world: World, body: bytes, *, also: str = "") -> Task:
    """A version of the video whose files are in staging."""
    task = await upload_and_submit(world, body, also=also)
    world.batch.begin(task)
    world.batch.end(task, "judged")
    return task


async def sweep(world: World) -> str | None:
    """Sweep once; the state of the video."""
    world.sweep()
    await let_pass(world)
    record = world.record(VIDEO)
    return record.state if record else None


def published(body: bytes, *kinds: str) -> dict[str, bytes]:
    """What is in the output container if the GIF of this version and such files are."""
    gif = gif_name(VIDEO)
    return {gif: GIF + body + b";"} | {extra_name(gif, kind): EXTRAS[kind] + body for kind in kinds}


def outputs(world: World) -> dict[str, bytes]:
    return {name: blob.body for name, blob in world.gifs.blobs.items()}


def report(world: World, task: Task, **measured: object) -> None:
    """Let the result.json of a task say something else of its first file beside the GIF."""
    name = f"{task.id}/result.json"
    result = json.loads(world.staging.blobs[name].body)
    result["also"][0] |= measured
    world.staging.put(name, json.dumps(result).encode())


@pytest.mark.parametrize("by_event", [True, False])
async def test_files_are_published_with_the_gif(world: World, *, by_event: bool) -> None:
    task = await convert(world, b"good1", also=BOTH)
    if by_event:
        world.deliver_result(task.id)
        await let_pass(world)
    await sweep(world)
    assert outputs(world) == published(b"good1", "poster", "webp")
    record = world.record(VIDEO)
    assert record
    assert record.gif
    assert [(extra.kind, extra.name) for extra in record.gif.also] == [("poster", "a.jpg"), ("webp", "a.webp")]


async def test_video_that_asks_for_no_files_costs_no_request_for_them(world: World) -> None:
    await convert(world, b"good1")
    await sweep(world)
    await convert(world, b"good2")
    await sweep(world)
    assert [what for what in world.gate.log if ".jpg" in what or ".webp" in what] == []


async def test_new_video_costs_a_read_and_a_copy_for_each_file(world: World) -> None:
    task = await convert(world, b"good1", also=BOTH)
    await sweep(world)
    assert [what for what in world.gate.log if ".jpg" in what or ".webp" in what] == [
        f"get staging/{task.id}/out.jpg",
        f"get staging/{task.id}/out.webp",
        "copy to gifs/a.jpg",
        "copy to gifs/a.webp",
    ]


@pytest.mark.parametrize(("also", "error"), [("", None), ("poster", None), ("webp", "NameTooLong")])
async def test_video_is_refused_if_the_name_of_a_file_would_be_too_long(
    world: World, also: str, error: str | None
) -> None:
    name = "x" * 1020 + ".mp4"
    world.videos.put(name, b"good1", {"gif_also": also})
    world.gifs.put(gif_name(name), b"of a record that was lost")
    world.deliver(name)
    await let_pass(world)
    for task in world.batch.tasks:
        world.batch.begin(task)
        world.batch.end(task, "judged")
    await sweep(world)
    record = world.record(name)
    assert record
    assert (record.error.code if record.error else None) == error
    assert not any("x.webp" in what for what in world.gate.log)


@pytest.mark.parametrize("fewer", ["", "poster", "webp"])
async def test_newer_version_removes_files_that_it_does_not_ask_for(world: World, fewer: str) -> None:
    await convert(world, b"good1", also=BOTH)
    await sweep(world)
    await convert(world, b"good2", also=fewer)
    await sweep(world)
    assert outputs(world) == published(b"good2", *filter(None, [fewer]))


async def test_version_after_the_next_removes_files_that_a_failed_one_left_to_it(world: World) -> None:
    await convert(world, b"good1", also="webp")
    await sweep(world)
    await upload_and_submit(world, b"good2")
    await convert(world, b"good3")
    await sweep(world)
    assert outputs(world) == published(b"good3")


@pytest.mark.parametrize("body", [b"bad2", b""])
async def test_failed_version_removes_all_files(world: World, body: bytes) -> None:
    await convert(world, b"good1", also=BOTH)
    await sweep(world)
    if body:
        await convert(world, body, also="webp")
    else:
        world.videos.put(VIDEO, body)
        world.deliver(VIDEO)
        await let_pass(world)
    await sweep(world)
    assert outputs(world) == {}


async def test_video_deleted_before_its_conversion_removes_all_files(world: World) -> None:
    await convert(world, b"good1", also=BOTH)
    await sweep(world)
    await upload_and_submit(world, b"good2", also=BOTH)
    del world.videos.blobs[VIDEO]
    world.batch.jobs.clear()
    world.clock.seconds += 10_800
    world.reconcile()
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.error
    assert (record.error.code, outputs(world)) == ("VideoGone", {})


async def test_damaged_record_lets_no_file_outlive_the_next_version(world: World) -> None:
    await convert(world, b"good1", also=BOTH)
    await sweep(world)
    world.records.put(VIDEO, b"damaged")
    await convert(world, b"good2")
    await sweep(world)
    assert outputs(world) == published(b"good2")


async def test_retry_with_other_options_removes_files_that_it_does_not_ask_for(world: World) -> None:
    task = await upload_and_submit(world, b"good1", also="webp")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    # The WebP of the first attempt is published, then the attempt fails.
    await let_pass(world, until="copy to gifs/a.gif")
    await world.kill()
    del world.staging.blobs[f"{task.id}/result.json"]
    task.failure = "BlobNotFound"
    assert await sweep(world) == "failed"
    assert outputs(world) == {}
    world.videos.blobs[VIDEO].metadata["gif_also"] = "poster"
    world.gate.open = True
    await retry(VIDEO, world.app.services)
    world.gate.open = False
    (task,) = world.batch.tasks
    world.batch.begin(task)
    world.batch.end(task, "judged")
    assert await sweep(world) == "succeeded"
    assert outputs(world) == published(b"good1", "poster")


async def test_superseded_task_leaves_no_webp_beside_a_newer_gif(world: World) -> None:
    older = await convert(world, b"good1", also="webp")
    world.deliver_result(older.id)
    await let_pass(world, until="copy to gifs/a.webp")
    copying = world.gate.waiting.pop(0)
    newer = await convert(world, b"good2")
    world.deliver_result(newer.id)
    await let_pass(world)
    assert outputs(world) == published(b"good2")
    # The older version's WebP is copied only now, and its process dies.
    world.gate.waiting.append(copying)
    world.gate.end(0, "done")
    await world.idle()
    await world.kill()
    assert set(outputs(world)) == {gif_name(VIDEO), WEBP}
    await sweep(world)
    assert outputs(world) == published(b"good2")
    assert world.batch.tasks == []


async def test_superseded_task_cannot_publish_a_webp_once_it_is_deleted(world: World) -> None:
    older = await convert(world, b"good1", also="webp")
    world.deliver_result(older.id)
    await let_pass(world, until="copy to gifs/a.webp")
    copying = world.gate.waiting.pop(0)
    newer = await convert(world, b"good2")
    world.deliver_result(newer.id)
    await let_pass(world)
    await sweep(world)
    assert world.batch.tasks == []
    # No task leads to the older version any more.
    world.gate.waiting.append(copying)
    world.gate.end(0, "done")
    await world.idle()
    await world.kill()
    assert outputs(world) == published(b"good2")


async def test_superseded_task_does_not_replace_a_newer_webp(world: World) -> None:
    older = await convert(world, b"good1", also="webp")
    world.deliver_result(older.id)
    await let_pass(world, until="copy to gifs/a.webp")
    copying = world.gate.waiting.pop(0)
    newer = await convert(world, b"good2", also="webp")
    world.deliver_result(newer.id)
    await let_pass_all_but(world, "nothing")
    world.gate.waiting.append(copying)
    await let_pass(world)
    await sweep(world)
    assert outputs(world) == published(b"good2", "webp")


async def test_webp_that_is_swapped_after_its_check_is_not_published(world: World) -> None:
    task = await convert(world, b"good1", also="webp")
    world.deliver_result(task.id)
    await let_pass(world, until="copy to gifs/a.webp")
    world.staging.put(f"{task.id}/out.webp", EXTRAS["webp"] + b"other")
    await let_pass(world)
    assert outputs(world) == {}
    assert await sweep(world) == "queued"
    assert outputs(world) == {}


@pytest.mark.parametrize(
    "lie",
    [
        {"bytes": 10**12},
        {"bytes": 5},
        {"sha256": "0" * 64},
        {"name": "../result.json"},
        {"kind": "poster"},
    ],
    ids=str,
)
async def test_result_that_lies_about_a_webp_publishes_nothing(world: World, lie: dict[str, object]) -> None:
    task = await convert(world, b"good1", also="webp")
    report(world, task, **lie)
    assert await sweep(world) == "queued"  # another attempt
    assert outputs(world) == {}


async def test_webp_above_the_cap_is_not_read(world: World) -> None:
    task = await convert(world, b"good1", also="webp")
    report(world, task, bytes=10_001)
    world.gate.log.clear()
    await sweep(world)
    assert f"get staging/{task.id}/out.webp" not in world.gate.log


async def test_file_of_another_format_is_not_published(world: World) -> None:
    task = await convert(world, b"good1", also="webp")
    name = f"{task.id}/out.webp"
    body = b"<html>".ljust(len(world.staging.blobs[name].body))
    world.staging.put(name, body)
    assert await sweep(world) == "queued"
    assert outputs(world) == {}


async def test_missing_webp_leads_to_another_attempt(world: World) -> None:
    task = await convert(world, b"good1", also="webp")
    del world.staging.blobs[f"{task.id}/out.webp"]
    assert await sweep(world) == "queued"
    record = world.record(VIDEO)
    assert record
    assert (record.attempt, outputs(world)) == (2, {})


def by_sweep(world: World, task: Task) -> None:
    world.sweep()


def by_event(world: World, task: Task) -> None:
    world.deliver_result(task.id)


@pytest.mark.parametrize("also", ["", "webp", BOTH])
@pytest.mark.parametrize("before", ["", BOTH])
@pytest.mark.parametrize("complete", [by_sweep, by_event])
async def test_completion_killed_after_any_call_leaves_all_files_or_none_recorded(
    complete: Callable[[World, Task], object], before: str, also: str
) -> None:
    async for world in killed(complete, before=before, also=also):
        kinds = filter(None, also.split(","))
        record = world.record(VIDEO)
        assert record
        if record.state == "succeeded":
            assert published(b"good2", *kinds).items() <= outputs(world).items()
        for task in world.batch.tasks:
            task.state = "completed"
        assert await sweep(world) == "succeeded"
        assert outputs(world) == published(b"good2", *filter(None, also.split(",")))
        assert world.batch.tasks == []


async def killed(complete: Callable[[World, Task], object], *, before: str, also: str) -> AsyncIterator[World]:
    """Worlds whose process was killed after each number of calls with which it completed the second version."""
    calls, more = 0, True
    while more:
        calls += 1
        world = World()
        await convert(world, b"good1", also=before)
        await sweep(world)
        task = await convert(world, b"good2", also=also)
        complete(world, task)
        await world.idle()
        for _ in range(calls):
            if world.gate.waiting:
                world.gate.end(0, "done")
                await world.idle()
        more = bool(world.gate.waiting)
        await world.kill()
        yield world
    assert calls > 4
    assert set(EXTRA_FILES) == set(EXTRAS)
