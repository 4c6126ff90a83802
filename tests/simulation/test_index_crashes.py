"""The index after a crash at each call of a submission or a completion."""

import pytest

from tests.simulation.gate import failure
from tests.simulation.index_steps import LATER, counted, indexed, run, write_record
from tests.simulation.steps import VIDEO, let_pass, throttle, upload_and_submit
from tests.simulation.world import World


@pytest.mark.parametrize(
    "call",
    [
        "index transaction",
        "put conversions",
        "create gifdrop-",
    ],
)
@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("redelivered", [False, True])
async def test_crash_during_a_submission_leaves_the_index_right(
    world: World, call: str, carried_out: bool, redelivered: bool
) -> None:
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await let_pass(world, until=call)
    if carried_out:
        world.gate.end(0, "done")
    await world.kill()
    assert set(indexed(world)) >= {name for name in world.records.blobs if name == VIDEO}, (
        "an open video is not indexed"
    )
    if redelivered:
        world.clock.seconds += 10
        world.deliver(VIDEO)
        await let_pass(world)
        world.batch.begin(world.batch.tasks[-1])
        world.sweep()
        await let_pass(world)
        assert indexed(world) == {VIDEO: "running"}, "the index does not follow the record"
        world._check_index()
    await world.come_to_rest()
    world.check()


@pytest.mark.parametrize("held", ["put conversions/a.mp4", "index transaction"])
@pytest.mark.parametrize("carried_out", [False, True])
async def test_crash_during_a_completion_leaves_the_index_right(world: World, held: str, carried_out: bool) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world, until=held)
    if carried_out:
        world.gate.end(0, "done")
    await world.kill()
    await world.come_to_rest()
    world.check()


async def test_open_conversion_is_in_the_index_before_its_record(world: World) -> None:
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await let_pass(world, until="put conversions/a.mp4")
    assert (indexed(world), world.record(VIDEO)) == ({VIDEO: "queued"}, None)
    await let_pass(world)


async def test_ended_conversion_stays_open_in_the_index_until_its_record_is_saved(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world, until="put conversions/a.mp4")
    assert indexed(world) == {VIDEO: "queued"}
    await let_pass(world)
    assert indexed(world) == {VIDEO: "succeeded"}
    world._check_index()


async def test_index_that_refuses_an_ended_conversion_delays_nothing_and_is_caught_up(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world, until="index transaction")
    world.gate.end(0, failure(403, "AuthorizationFailure"))
    await let_pass(world)
    assert (world.batch.tasks, indexed(world)) == ([], {VIDEO: "queued"})
    world.clock.seconds += LATER
    report = await run(world)
    assert (report.indexed, report.restarted, indexed(world)) == (1, 0, {VIDEO: "succeeded"})
    world._check_index()


async def test_redelivered_event_enters_a_refused_video_that_a_crash_left_out(world: World) -> None:
    world.videos.put(VIDEO, b"")
    world.deliver(VIDEO)
    await let_pass(world, until="index transaction")
    await world.kill()
    assert (world.record(VIDEO) is not None, indexed(world)) == (True, {})
    world.deliver(VIDEO)
    await let_pass(world)
    assert (indexed(world), counted(world)) == ({VIDEO: "failed"}, {"failed": 1})


async def test_crash_after_the_record_of_an_ended_conversion_is_caught_up_by_the_sweep(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world, until="index transaction")
    await world.kill()
    record = world.record(VIDEO)
    assert record
    assert (record.state, indexed(world)) == ("succeeded", {VIDEO: "queued"})
    world.sweep()
    await let_pass(world)
    assert (world.batch.tasks, indexed(world)) == ([], {VIDEO: "succeeded"})
    world._check_index()


async def test_conversion_whose_video_was_deleted_fails_in_the_index(world: World) -> None:
    await upload_and_submit(world, b"good1")
    world.videos.blobs.clear()
    world.batch.jobs.clear()
    world.clock.seconds += LATER
    report = await run(world)
    assert (report.gone, report.indexed) == (1, 0)
    assert (indexed(world), counted(world)) == ({VIDEO: "failed"}, {"failed": 1})


@pytest.mark.parametrize("begun", [False, True])
async def test_conversion_that_has_its_task_is_left_alone(world: World, begun: bool) -> None:
    task = await upload_and_submit(world, b"good1")
    if begun:
        world.batch.begin(task)
        world.sweep()
        await let_pass(world)
    rows, record = dict(world.table.rows), world.records.blobs[VIDEO]
    world.clock.seconds += LATER
    world.restart()
    report = await run(world)
    assert (report.restarted, report.indexed) == (0, 0)
    assert (world.table.rows, world.records.blobs[VIDEO]) == (rows, record)


async def test_running_conversion_whose_task_is_lost_is_queued_again(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.sweep()
    await let_pass(world)
    world.batch.jobs.clear()
    world.clock.seconds += LATER
    world.restart()
    report = await run(world)
    assert (report.restarted, len(world.batch.tasks)) == (1, 1)
    assert (indexed(world), counted(world)) == ({VIDEO: "queued"}, {"queued": 1})


async def test_entry_of_an_earlier_attempt_is_corrected_before_its_task_is_missed(world: World) -> None:
    """An app without an index has begun another attempt, whose task the first listing of tasks did not have yet."""
    await upload_and_submit(world, b"good1")
    first = world.record(VIDEO)
    assert first
    second = first.next_attempt(retries_left=1)
    world.batch.jobs.clear()
    write_record(world, VIDEO, attempt=second.attempt, task_id=second.task_id)
    world.clock.seconds += LATER
    world.restart()
    report = await run(world)
    assert (report.indexed, report.restarted, world.batch.tasks) == (1, 0, [])
    world._check_index()


async def test_conversion_is_left_alone_while_its_account_does_not_list_all_tasks(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.sweep()
    await let_pass(world)
    record = world.records.blobs[VIDEO]
    world.clock.seconds += LATER
    world.reconcile()
    await throttle(world, "list tasks")
    assert world.records.blobs[VIDEO] is record
    assert world.batch.tasks == [task]
    world._check_index()
