"""Faults in the middle of a sweep, a reconciliation or a retry, each played call by call."""

import asyncio

import pytest

from shared.conversion import JobRef
from shared.lifecycle.completion import sync_task
from shared.lifecycle.reconciliation.reconcile import reconcile
from shared.lifecycle.retry import retry, retry_all
from shared.names import gif_name
from shared.options import Options
from shared.services.errors import ServiceError
from tests.simulation.batch import GIF, Job, Task
from tests.simulation.steps import VIDEO, let_pass, throttle, upload_and_submit
from tests.simulation.topic import Topic
from tests.simulation.world import World

LONG = 3 * 3600.0


async def converted(world: World, body: bytes) -> Task:
    """A version of the video that has been converted and published."""
    task = await upload_and_submit(world, body)
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world)
    assert gif_name(VIDEO) in world.gifs.blobs
    return task


async def test_slower_completion_of_a_last_attempt_keeps_the_published_gif(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    for _ in range(2):
        world.batch.begin(task)
        world.batch.end(task, "crashed")
        world.sweep()
        await let_pass(world)
        task = world.batch.tasks[-1]
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world, until="put conversions")
    recording = world.gate.waiting.pop(0)
    # The GIF is published. Another process now reads the same task, and the record before it is written.
    services = world.app.services
    job = JobRef(batch_url=services.settings.batch_url, id=next(iter(world.batch.jobs)))
    world.gate.open = True
    shown = await services.tasks.get(job, task.id)
    world.gate.open = False
    world.spawn(sync_task(shown, services))
    await let_pass(world, until="get staging")
    reading = [world.gate.waiting.pop(0) for _ in range(len(world.gate.waiting))]
    world.gate.waiting.append(recording)
    await let_pass(world)
    world.gate.waiting += reading
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.state == "succeeded"
    assert world.gifs.blobs[gif_name(VIDEO)].body == GIF + b"good1;"


@pytest.mark.parametrize("call", ["list jobs", "list tasks"])
async def test_reconciliation_keeps_staging_when_not_all_tasks_were_listed(world: World, call: str) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.clock.seconds += LONG
    world.reconcile()
    await throttle(world, call)
    assert f"{task.id}/out.gif" in world.staging.blobs


async def test_job_deleted_during_the_survey_makes_no_account_unreachable(world: World) -> None:
    await upload_and_submit(world, b"good1")
    world.clock.seconds += LONG
    surveyed = asyncio.create_task(reconcile(world.app.services))
    await let_pass(world, until="list tasks")
    world.batch.jobs.clear()
    await let_pass(world)
    report = await surveyed
    assert (report.unreachable, report.restarted) == ([], 1)


async def test_reconciliation_keeps_a_task_whose_progress_cannot_be_read(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.clock.seconds += LONG
    world.reconcile()
    await throttle(world, "look at")
    assert [(each.id, each.state) for each in world.batch.tasks] == [(task.id, "running")]


async def test_hung_version_deletes_the_gif_of_an_older_one(world: World) -> None:
    await converted(world, b"good1")
    await upload_and_submit(world, b"good2")
    for _ in range(3):
        world.batch.begin(world.batch.tasks[-1])
        world.clock.seconds += LONG
        world.reconcile()
        await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.error
    assert (record.error.code, world.gifs.blobs, world.batch.tasks) == ("Hung", {}, [])


async def test_version_deleted_before_conversion_deletes_the_gif_of_an_older_one(world: World) -> None:
    await converted(world, b"good1")
    await upload_and_submit(world, b"good2")
    del world.videos.blobs[VIDEO]
    world.batch.jobs.clear()
    world.clock.seconds += LONG
    world.reconcile()
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.error
    assert record.finished_at
    assert (record.error.code, world.gifs.blobs) == ("VideoGone", {})


async def test_sweep_retries_a_running_task_whose_record_was_not_written(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.sweep()
    await throttle(world, "put conversions")
    world.sweep()
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.state == "running"


async def test_reconciliation_records_that_a_task_lost_its_node(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.sweep()
    await let_pass(world)
    world.batch.end(task, "node lost")
    world.gate.log.clear()
    world.reconcile()
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert (record.state, record.started_at, record.preempted) == ("queued", None, 1)
    assert not [call for call in world.gate.log if call.startswith("create")], "Batch has the task"


async def test_sweep_completes_other_jobs_when_one_does_not_list_its_tasks(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.batch.jobs = {"gifdrop-2000-01-01": Job("gifdrop-2000-01-01"), **world.batch.jobs}
    world.sweep()
    await throttle(world, "list tasks of gifdrop-2000-01-01")
    record = world.record(VIDEO)
    assert record
    assert record.state == "succeeded"


async def test_redelivered_event_publishes_the_result_of_a_refused_video(world: World) -> None:
    world.topic = topic = Topic(failures=1)
    world.restart()
    world.videos.put(VIDEO, b"")
    world.deliver(VIDEO)
    await let_pass(world)
    assert (topic.published, world.events) == ([], [VIDEO])
    world.deliver(world.events.pop())
    await let_pass(world)
    assert (topic.published, world.events) == ([f"gifdrop.ConversionFailed {VIDEO}"], [])


async def test_next_reconciliation_publishes_the_result_of_a_deleted_video(world: World) -> None:
    world.topic = topic = Topic(failures=1)
    world.restart()
    await upload_and_submit(world, b"good1")
    del world.videos.blobs[VIDEO]
    world.batch.jobs.clear()
    world.clock.seconds += LONG
    for published in ([], [f"gifdrop.ConversionFailed {VIDEO}"]):
        world.reconcile()
        await let_pass(world)
        assert topic.published == published


async def failed(world: World) -> None:
    task = await upload_and_submit(world, b"bad1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world)


async def test_retry_is_accepted_while_batch_accepts_no_tasks(world: World) -> None:
    await failed(world)
    retried = asyncio.create_task(retry(VIDEO, world.app.services))
    await throttle(world, "create gifdrop-")
    assert (await retried).state == "queued"
    world.clock.seconds += LONG
    world.reconcile()
    await let_pass(world)
    assert len(world.batch.tasks) == 1


async def test_retry_uses_the_present_metadata_of_the_video(world: World) -> None:
    world.videos.put(VIDEO, b"bad1", {"gif_width": "7"})
    world.deliver(VIDEO)
    await let_pass(world)
    world.videos.blobs[VIDEO].metadata["gif_width"] = "333"
    world.gate.open = True
    assert (await retry(VIDEO, world.app.services)).options == Options(width=333)


async def test_retry_all_skips_deleted_videos(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await failed(world)
    del world.videos.blobs[VIDEO]
    world.gate.open = True
    assert await retry_all(None, world.app.services) == 0
    assert "ERROR" not in {record.levelname for record in caplog.records}


async def test_retry_all_raises_the_error_of_a_failed_listing(world: World) -> None:
    retried = asyncio.create_task(retry_all(None, world.app.services))
    await let_pass(world, until="index list failed")
    world.gate.end(0, "response lost")
    with pytest.raises(ServiceError, match="connection reset"):
        await retried
