"""Trouble in the middle of a sweep, a reconciliation or a retry, played by hand."""

import asyncio
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError

from shared.completion import complete
from shared.jobs import JobRef
from shared.names import gif_name
from shared.options import Options
from shared.reconciliation import reconcile
from shared.retry import retry, retry_all
from tests.simulation.batch import GIF, Job, Task
from tests.simulation.test_races import VIDEO, let_pass, upload_and_submit
from tests.simulation.world import World

LONG = 3 * 3600.0


@pytest.fixture
def world() -> World:
    return World()


class Topic:
    """Stands in for the results topic; refuses as often as it is told to."""

    def __init__(self, *, refuse: int = 0) -> None:
        self.refuse = refuse
        self.told: list[str] = []

    async def send(self, events: list[Any]) -> None:
        if self.refuse:
            self.refuse -= 1
            raise ServiceRequestError("no answer")
        self.told += [f"{event.type} {event.subject}" for event in events]


async def converted(world: World, body: bytes) -> Task:
    """A version of the video that has been converted and published."""
    task = await upload_and_submit(world, body)
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world)
    assert gif_name(VIDEO) in world.gifs.blobs
    return task


async def refuse(world: World, what: str) -> None:
    """Let calls through until one that begins like this waits, and refuse that; then let all others through."""
    await let_pass(world, until=what)
    waiting = [name.startswith(what) for name, _ in world.gate.waiting]
    world.gate.settle(waiting.index(True), "throttled")
    await let_pass(world)


async def test_of_two_completions_of_a_last_attempt_the_slower_leaves_the_gif_alone(world: World) -> None:
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
    # The GIF is out. Now somebody else looks at the same task, and reads the record before it is written.
    shown = world.batch._show(task)
    job = JobRef(batch_url=world.clients.settings.batch_url, id=next(iter(world.batch.jobs)))
    world.spawn(complete(shown, job, world.clients))
    await let_pass(world, until="get staging")
    reading = [world.gate.waiting.pop(0) for _ in range(len(world.gate.waiting))]
    world.gate.waiting.append(recording)
    await let_pass(world)
    assert world.staging.blobs == {}
    world.gate.waiting += reading
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.state == "succeeded"
    assert world.gifs.blobs[gif_name(VIDEO)].body == GIF + b"good1;"


@pytest.mark.parametrize("call", ["list jobs", "list tasks"])
async def test_staging_is_left_alone_when_not_all_tasks_were_seen(world: World, call: str) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.clock.seconds += LONG
    world.reconcile()
    await refuse(world, call)
    assert f"{task.id}/out.gif" in world.staging.blobs


async def test_a_job_deleted_while_the_tasks_are_surveyed_makes_no_account_unreachable(world: World) -> None:
    await upload_and_submit(world, b"good1")
    world.clock.seconds += LONG
    surveyed = asyncio.create_task(reconcile(world.clients))
    await let_pass(world, until="list tasks")
    world.batch.jobs.clear()
    await let_pass(world)
    report = await surveyed
    assert (report.unreachable, report.restarted) == ([], 1)


async def test_a_progress_that_cannot_be_asked_for_ends_no_task(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.clock.seconds += LONG
    world.reconcile()
    await refuse(world, "look at")
    assert [(each.id, each.state) for each in world.batch.tasks] == [(task.id, "running")]


async def test_a_version_given_up_as_hung_takes_an_older_gif_with_it(world: World) -> None:
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


async def test_a_version_removed_before_it_was_converted_takes_an_older_gif_with_it(world: World) -> None:
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
    assert (record.error.code, world.gifs.blobs) == ("VideoGone", {})


async def test_a_running_task_whose_record_could_not_be_written_is_looked_at_again(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.sweep()
    await refuse(world, "put conversions")
    world.sweep()
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.state == "running"


async def test_a_task_whose_node_was_lost_waits_again_in_its_record(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.sweep()
    await let_pass(world)
    world.batch.end(task, "node lost")
    world.reconcile()
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert (record.state, record.started_at, record.preempted) == ("queued", None, 1)


async def test_a_job_that_does_not_list_its_tasks_keeps_no_other_from_completion(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.batch.jobs = {"gifdrop-2000-01-01": Job("gifdrop-2000-01-01"), **world.batch.jobs}
    world.sweep()
    await refuse(world, "list tasks of gifdrop-2000-01-01")
    record = world.record(VIDEO)
    assert record
    assert record.state == "succeeded"


async def test_a_refusal_that_could_not_be_told_is_told_when_its_event_comes_again(world: World) -> None:
    topic = Topic(refuse=1)
    world.clients.__dict__["results"] = topic
    world.videos.put(VIDEO, b"")
    world.deliver(VIDEO)
    await let_pass(world)
    assert (topic.told, world.events) == ([], [VIDEO])
    world.deliver(world.events.pop())
    await let_pass(world)
    assert (topic.told, world.events) == ([f"gifdrop.ConversionFailed {VIDEO}"], [])


async def failed(world: World) -> None:
    task = await upload_and_submit(world, b"bad1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world)


async def test_a_retry_is_accepted_while_batch_takes_no_tasks(world: World) -> None:
    await failed(world)
    retried = asyncio.create_task(retry(VIDEO, world.clients))
    await refuse(world, "create gifdrop-")
    assert (await retried).state == "queued"
    world.clock.seconds += LONG
    world.reconcile()
    await let_pass(world)
    assert len(world.batch.tasks) == 1


async def test_a_retry_asks_for_what_the_video_asks_for_now(world: World) -> None:
    world.videos.put(VIDEO, b"bad1", {"gif_width": "7"})
    world.deliver(VIDEO)
    await let_pass(world)
    world.videos.blobs[VIDEO].metadata["gif_width"] = "333"
    world.gate.open = True
    assert (await retry(VIDEO, world.clients)).options == Options(width=333)


async def test_of_all_failed_videos_those_that_were_removed_are_passed_over(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await failed(world)
    del world.videos.blobs[VIDEO]
    world.gate.open = True
    assert await retry_all(None, world.clients) == 0
    assert "ERROR" not in {record.levelname for record in caplog.records}


async def test_storage_that_does_not_list_is_the_trouble_that_a_retry_of_all_tells(world: World) -> None:
    retried = asyncio.create_task(retry_all(None, world.clients))
    await let_pass(world, until="list conversions")
    world.gate.settle(0, "unheard")
    with pytest.raises(Exception, match="connection reset") as error:
        await retried
    assert not isinstance(error.value, ExceptionGroup)
