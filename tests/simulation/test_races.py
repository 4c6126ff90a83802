"""The races that the defences are there for, each played out call by call."""

from collections.abc import AsyncIterator

import pytest

from shared.names import gif_name
from tests.simulation.batch import GIF, Task
from tests.simulation.world import World

VIDEO = "a.mp4"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.kill()


async def let_pass(world: World, *, until: str = "") -> None:
    """Let calls through one by one, as they come, until one that begins like this waits, as it must."""
    await world.idle()
    while world.gate.waiting:
        if until and any(what.startswith(until) for what, _ in world.gate.waiting):
            return
        world.gate.settle(0, "done")
        await world.idle()
    assert not until, f"nothing waited to {until}"


async def let_pass_all_but(world: World, held: str) -> None:
    """Let all calls through but the one that begins like this."""
    await world.idle()
    while others := [i for i, (what, _) in enumerate(world.gate.waiting) if not what.startswith(held)]:
        world.gate.settle(others[0], "done")
        await world.idle()


async def upload_and_submit(world: World, body: bytes) -> Task:
    world.videos.put(VIDEO, body)
    world.deliver(VIDEO)
    await let_pass(world)
    return world.batch.tasks[-1]


async def test_an_older_gif_is_not_copied_over_a_newer_one(world: World) -> None:
    older = await upload_and_submit(world, b"good1")
    world.batch.begin(older)
    world.batch.end(older, "judged")
    world.sweep()
    await let_pass(world, until="copy")
    # In mid-completion of the older version, the newer one is uploaded, converted and published.
    world.videos.put(VIDEO, b"good2")
    world.deliver(VIDEO)
    await let_pass_all_but(world, "copy")
    newer = world.batch.tasks[-1]
    assert newer.id != older.id
    world.batch.begin(newer)
    world.batch.end(newer, "judged")
    held = world.gate.waiting.pop(0)
    world.sweep()
    await let_pass(world)
    assert world.gifs.blobs[gif_name(VIDEO)].body == GIF + b"good2;"
    world.gate.waiting.append(held)
    await let_pass(world)
    assert world.gifs.blobs[gif_name(VIDEO)].body == GIF + b"good2;"


async def test_an_older_version_is_not_recorded_over_a_newer_one(world: World) -> None:
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await let_pass(world, until="put conversions")
    newest = world.videos.put(VIDEO, b"good2")
    world.deliver(VIDEO)
    await let_pass_all_but(world, "put conversions")
    # Both are about to write; the newer first, the older on top.
    world.gate.settle(1, "done")
    await let_pass_all_but(world, "put conversions")
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.etag == newest.strip('"')


async def test_a_version_read_before_the_record_is_not_written_over_a_newer_one(world: World) -> None:
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await let_pass(world, until="head videos")
    world.gate.settle(0, "done")
    await world.idle()
    held = world.gate.waiting.pop(0)
    newest = world.videos.put(VIDEO, b"good2")
    world.deliver(VIDEO)
    await let_pass(world)
    world.gate.waiting.append(held)
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.etag == newest.strip('"')


async def test_a_superseded_task_is_discarded_whatever_it_came_to(world: World) -> None:
    older = await upload_and_submit(world, b"bad1")
    world.batch.begin(older)
    # The termination of the older task fails, so it goes on.
    world.videos.put(VIDEO, b"good2")
    world.deliver(VIDEO)
    await let_pass(world, until="terminate gifdrop")
    world.gate.settle(0, "refused")
    await let_pass(world)
    world.batch.end(older, "judged")
    world.sweep()
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert (record.state, record.error) == ("queued", None)
    assert older.id not in [task.id for task in world.batch.tasks]
    assert not world.staging.blobs


async def test_a_version_that_is_refused_takes_the_gif_of_an_older_one_with_it(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world, until="copy")
    # The newer version is refused while the older one's GIF is on its way.
    world.videos.put(VIDEO, b"")
    world.deliver(VIDEO)
    await let_pass_all_but(world, "copy")
    await let_pass(world)
    world.sweep()
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.error
    assert record.error.code == "EmptyFile"
    assert world.gifs.blobs == {}


async def test_of_two_sweeps_over_a_refused_version_the_one_that_published_clears_up(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world, until="copy")
    copying = world.gate.waiting.pop(0)
    world.videos.put(VIDEO, b"")
    world.deliver(VIDEO)
    await let_pass(world)
    # The second sweep has seen no GIF and is about to delete the task, when the first one's copy arrives.
    world.sweep()
    await let_pass(world, until="delete staging")
    deleting = [world.gate.waiting.pop(0) for _ in range(len(world.gate.waiting))]
    world.gate.waiting.append(copying)
    await let_pass(world, until="put conversions")
    world.gate.waiting += deleting
    await let_pass(world)
    assert world.gifs.blobs == {}
    assert world.batch.tasks == []


async def test_a_superseded_task_is_taken_off_the_queue(world: World) -> None:
    older = await upload_and_submit(world, b"good1")
    newer = await upload_and_submit(world, b"good2")
    assert [(task.id, task.state) for task in world.batch.tasks] == [(older.id, "completed"), (newer.id, "active")]
    world.sweep()
    await let_pass(world)
    assert [task.id for task in world.batch.tasks] == [newer.id]


async def test_a_task_that_is_nobodys_does_not_stay_in_a_disabled_job(world: World) -> None:
    older = await upload_and_submit(world, b"good1")
    world.videos.put(VIDEO, b"good2")
    world.deliver(VIDEO)
    await let_pass(world, until="terminate gifdrop")
    world.gate.settle(0, "refused")
    await let_pass(world)
    for job in world.batch.jobs.values():
        job.state = "disabled"
    world.clock.seconds += 1000
    world.clients.jobs.open.clear()
    world.reconcile()
    await let_pass(world)
    tasks = {job.state: [task.id for task in job.tasks.values()] for job in world.batch.jobs.values()}
    assert tasks["disabled"] == []
    assert older.id not in tasks["active"]
    assert len(tasks["active"]) == 1


async def test_a_lost_answer_to_adding_a_task_adds_no_second(world: World) -> None:
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await let_pass(world, until="create gifdrop-20")
    while not any("/" in what and what.startswith("create") for what, _ in world.gate.waiting):
        world.gate.settle(0, "done")
        await world.idle()
    world.gate.settle(0, "unheard")
    await let_pass(world)
    assert world.events == [VIDEO]  # the handler failed: Event Grid delivers again
    world.deliver(world.events.pop())
    await let_pass(world)
    assert len(world.batch.tasks) == 1
    assert world.events == []


async def test_a_completion_killed_after_any_call_is_finished_by_the_next() -> None:
    calls = 1
    while await killed_in_completion(after=calls):
        calls += 1
    assert calls > 5


async def killed_in_completion(*, after: int) -> bool:
    """Kill a completion after so many calls and see that the next one ends it; says whether it had more calls to do."""
    world = World()
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await world.idle()
    for _ in range(after):
        world.gate.settle(0, "done")
        await world.idle()
    more = bool(world.gate.waiting)
    await world.kill()
    world.sweep()
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.state == "succeeded"
    assert world.gifs.blobs[gif_name(VIDEO)].body == GIF + b"good1;"
    assert world.batch.tasks == []
    assert not world.staging.blobs
    await world.kill()
    return more
