"""What a sweep makes of a task in each state, played call by call."""

from datetime import timedelta

from shared.conversion import Conversion
from shared.names import GIF_FILE, gif_name
from tests.simulation.batch import GIF, Job, Task
from tests.simulation.steps import VIDEO, let_pass, upload_and_submit
from tests.simulation.world import World


async def judged(world: World, body: bytes = b"good1", *, also: str = "") -> Task:
    """A version of the video whose task has completed."""
    task = await upload_and_submit(world, body, also=also)
    world.batch.begin(task)
    world.batch.end(task, "judged")
    return task


async def sweep(world: World) -> Conversion:
    """Sweep once; the record."""
    world.sweep()
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    return record


async def test_running_task_is_recorded_with_its_node_and_start(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.batch.end(task, "node lost")
    world.clock.seconds += 60
    world.batch.begin(task)
    record = await sweep(world)
    assert record.started_at
    assert record.queued_at
    assert (record.state, record.node_id, record.preempted) == ("running", "node", 1)
    world.clock.seconds += 30
    world.batch.end(task, "judged")
    ended = await sweep(world)
    assert ended.finished_at
    assert (ended.state, ended.node_id, ended.preempted) == ("succeeded", "node", 1)
    assert (ended.started_at, ended.compute_seconds) == (record.started_at - timedelta(seconds=30), 30)


async def test_running_task_costs_one_read_of_its_record_until_it_is_started_again(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    reads = []
    for started in (0.0, 0.0, 60.0, 60.0):
        world.batch.begin(task)
        task.started = started
        world.clock.seconds = 120.0
        world.gate.log.clear()
        await sweep(world)
        reads.append(len([call for call in world.gate.log if call.startswith("get conversions/")]))
    assert reads == [1, 0, 1, 0]


async def test_waiting_tasks_are_not_looked_at(world: World) -> None:
    await upload_and_submit(world, b"good1")
    world.gate.log.clear()
    await sweep(world)
    assert not [call for call in world.gate.log if call.startswith("get conversions/")]


async def test_tasks_of_other_jobs_are_completed_although_one_is_deleted_meanwhile(world: World) -> None:
    await judged(world)
    world.batch.jobs = {"gifdrop-2000-01-01": Job("gifdrop-2000-01-01"), **world.batch.jobs}
    world.sweep()
    await let_pass(world, until="list tasks of gifdrop-2000-01-01")
    del world.batch.jobs["gifdrop-2000-01-01"]
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.state == "succeeded"


async def test_task_that_reached_its_time_limit_fails_the_video(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.clock.seconds += world.settings.task_seconds
    world.batch.end(task, "judged")
    task.failure = "TaskEnded"
    record = await sweep(world)
    assert record.error
    assert record.finished_at
    assert (record.state, record.error.code) == ("failed", "TookTooLong")


async def test_gif_that_is_missing_in_every_attempt_is_the_error_of_the_video(world: World) -> None:
    await upload_and_submit(world, b"good1")
    while world.batch.tasks:
        (task,) = world.batch.tasks
        world.batch.begin(task)
        world.batch.end(task, "judged")
        del world.staging.blobs[f"{task.id}/{GIF_FILE}"]
        record = await sweep(world)
    assert record.error
    assert (record.state, record.attempt, record.error.code) == ("failed", 3, "GifMissing")


async def test_running_task_whose_record_is_lost_is_recorded_and_kept(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    del world.records.blobs[VIDEO]
    record = await sweep(world)
    assert (record.state, record.task_id) == ("running", task.id)
    assert world.batch.tasks == [task]


async def test_task_that_still_runs_after_its_result_was_published_is_terminated_then_deleted() -> None:
    world = World(logs="always")
    task = await judged(world)
    task.state, task.ended = "running", None
    world.deliver_result(task.id)
    await let_pass(world)
    assert world.batch.tasks == [task], "its log is still to be uploaded"
    record = await sweep(world)
    assert (record.state, task.state, task.failure) == ("succeeded", "completed", "TaskEnded")
    assert world.batch.tasks == [task]
    assert await sweep(world) == record
    assert world.batch.tasks == []


async def test_older_gif_is_replaced_by_the_second_look_at_a_task(world: World) -> None:
    await judged(world)
    await sweep(world)
    await judged(world, b"good2")
    world.gate.log.clear()
    await sweep(world)
    assert world.gifs.blobs[gif_name(VIDEO)].body == GIF + b"good2;"
    assert [call for call in world.gate.log if call.startswith("copy")] == [f"copy to gifs/{gif_name(VIDEO)}"] * 2


async def test_superseded_task_leaves_the_older_gif_until_the_newest_version_has_ended(world: World) -> None:
    await judged(world, also="webp")
    await sweep(world)
    await judged(world, b"good2", also="webp")
    newest = await upload_and_submit(world, b"good3", also="webp")
    assert (await sweep(world)).state == "queued"
    assert world.batch.tasks == [newest]
    assert world.gifs.blobs[gif_name(VIDEO)].body == GIF + b"good1;"


async def test_gif_that_changes_during_the_second_look_is_replaced_by_the_third(world: World) -> None:
    await judged(world)
    await sweep(world)
    await judged(world, b"good2")
    world.sweep()
    await let_pass(world, until="copy")
    world.gate.end(0, "done")  # a GIF was not expected
    await let_pass(world, until="copy")
    world.gifs.put(gif_name(VIDEO), b"written by somebody else")
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.state == "succeeded"
    assert world.gifs.blobs[gif_name(VIDEO)].body == GIF + b"good2;"
