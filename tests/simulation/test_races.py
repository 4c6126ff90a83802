"""The races that the protocol's conditions are there for, each played call by call."""

from shared.names import gif_name
from tests.simulation.batch import GIF
from tests.simulation.steps import VIDEO, let_pass, let_pass_all_but, upload_and_submit
from tests.simulation.world import World


async def test_completion_does_not_copy_an_older_gif_over_a_newer_one(world: World) -> None:
    older = await upload_and_submit(world, b"good1")
    world.batch.begin(older)
    world.batch.end(older, "judged")
    world.sweep()
    await let_pass(world, until="copy")
    # During the completion of the older version, the newer one is uploaded, converted and published.
    world.videos.put(VIDEO, b"good2")
    world.deliver(VIDEO)
    await let_pass_all_but(world, "copy")
    newer = world.batch.tasks[-1]
    assert newer.id != older.id
    world.batch.begin(newer)
    world.batch.end(newer, "judged")
    copying = world.gate.waiting.pop(0)
    world.sweep()
    await let_pass(world)
    assert world.gifs.blobs[gif_name(VIDEO)].body == GIF + b"good2;"
    # The second sweep has not yet deleted the older version's staging files when the first one's copy is executed.
    world.gate.waiting.insert(0, copying)
    await let_pass(world)
    assert world.gifs.blobs[gif_name(VIDEO)].body == GIF + b"good2;"


async def test_completion_reads_the_gif_before_the_record(world: World) -> None:
    first = await upload_and_submit(world, b"good0")
    world.batch.begin(first)
    world.batch.end(first, "judged")
    world.sweep()
    await let_pass(world)
    # There is a GIF now, so the next completion looks for its ETag.
    older = await upload_and_submit(world, b"good1")
    world.batch.begin(older)
    world.batch.end(older, "judged")
    world.sweep()
    await let_pass(world, until="head gifs")
    held = world.gate.waiting.pop(0)
    # Before the GIF's ETag is read, a newer version is converted and published.
    newer = await upload_and_submit(world, b"good2")
    world.batch.begin(newer)
    world.batch.end(newer, "judged")
    world.sweep()
    await let_pass(world)
    world.gate.waiting.append(held)
    await let_pass(world)
    assert world.gifs.blobs[gif_name(VIDEO)].body == GIF + b"good2;"


async def test_submission_does_not_record_an_older_version_over_a_newer_one(world: World) -> None:
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await let_pass(world, until="put conversions")
    newest = world.videos.put(VIDEO, b"good2")
    world.deliver(VIDEO)
    await let_pass_all_but(world, "put conversions")
    # Both are about to write; the newer first, the older on top.
    world.gate.end(1, "done")
    await let_pass_all_but(world, "put conversions")
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.etag == newest.strip('"')


async def test_submission_that_read_the_blob_early_does_not_record_it_over_a_newer_one(world: World) -> None:
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await let_pass(world, until="head videos")
    world.gate.end(0, "done")
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


async def test_completion_discards_a_superseded_task_whatever_its_outcome(world: World) -> None:
    older = await upload_and_submit(world, b"bad1")
    world.batch.begin(older)
    # The termination of the older task fails, so it goes on.
    world.videos.put(VIDEO, b"good2")
    world.deliver(VIDEO)
    await let_pass(world, until="terminate gifdrop")
    world.gate.end(0, "refused")
    await let_pass(world)
    world.batch.end(older, "judged")
    world.sweep()
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert (record.state, record.error) == ("queued", None)
    assert older.id not in [task.id for task in world.batch.tasks]


async def test_refused_version_deletes_the_gif_of_an_older_one(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world, until="copy")
    # The newer version is refused while the older one's GIF is being copied.
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


async def test_sweep_that_published_for_a_refused_version_deletes_that_gif(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world, until="copy")
    copying = world.gate.waiting.pop(0)
    world.videos.put(VIDEO, b"")
    world.deliver(VIDEO)
    await let_pass(world)
    # The second sweep has seen no GIF and is about to delete the task when the first one's copy succeeds.
    world.sweep()
    await let_pass(world, until="delete gifdrop-")
    deleting = [world.gate.waiting.pop(0) for _ in range(len(world.gate.waiting))]
    world.gate.waiting.append(copying)
    await let_pass(world, until="put conversions")
    world.gate.waiting += deleting
    await let_pass(world)
    assert world.gifs.blobs == {}
    assert world.batch.tasks == []


async def test_submission_terminates_the_superseded_task(world: World) -> None:
    older = await upload_and_submit(world, b"good1")
    newer = await upload_and_submit(world, b"good2")
    assert [(task.id, task.state) for task in world.batch.tasks] == [(older.id, "completed"), (newer.id, "active")]
    world.sweep()
    await let_pass(world)
    assert [task.id for task in world.batch.tasks] == [newer.id]


async def test_reconciliation_removes_superseded_tasks_from_a_disabled_job(world: World) -> None:
    older = await upload_and_submit(world, b"good1")
    world.videos.put(VIDEO, b"good2")
    world.deliver(VIDEO)
    await let_pass(world, until="terminate gifdrop")
    world.gate.end(0, "refused")
    await let_pass(world)
    for job in world.batch.jobs.values():
        job.state = "disabled"
    world.clock.seconds += 1000
    world.restart()
    world.reconcile()
    await let_pass(world)
    tasks = {job.state: [task.id for task in job.tasks.values()] for job in world.batch.jobs.values()}
    assert tasks["disabled"] == []
    assert older.id not in tasks["active"]
    assert len(tasks["active"]) == 1


async def test_lost_response_to_adding_a_task_adds_no_second_task(world: World) -> None:
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await let_pass(world, until="create gifdrop-20")
    while not any("/" in what and what.startswith("create") for what, _ in world.gate.waiting):
        world.gate.end(0, "done")
        await world.idle()
    world.gate.end(0, "response lost")
    await let_pass(world)
    assert world.events == []  # the record is saved: the event is accepted
    world.sweep()
    await let_pass(world)
    assert len(world.batch.tasks) == 1


async def test_completion_killed_after_any_call_is_finished_by_the_next_sweep() -> None:
    calls = 1
    while await killed_in_completion(after=calls):
        calls += 1
    assert calls > 5


async def killed_in_completion(*, after: int) -> bool:
    """Kill a completion after so many calls and check that the next one finishes it; whether it had calls left."""
    world = World()
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await world.idle()
    for _ in range(after):
        world.gate.end(0, "done")
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
    await world.kill()
    return more


async def test_submission_decides_again_if_the_record_changes_before_it_is_saved(world: World) -> None:
    await upload_and_submit(world, b"good1")
    world.videos.put(VIDEO, b"good2")
    world.deliver(VIDEO)
    for _ in range(2):
        await let_pass(world, until="put conversions")
        stored = world.records.blobs[VIDEO]
        world.records.put(VIDEO, stored.body, stored.metadata)
        world.gate.end(0, "done")
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert (record.etag, world.events) == (world.videos.blobs[VIDEO].etag.strip('"'), [])
