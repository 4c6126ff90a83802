"""What only real services do: fall silent, refuse for good, run beside a newer version of gifdrop."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import HttpResponseError

from shared.lifecycle import protocol, publication, submission, sweep
from shared.lifecycle.protocol import read
from shared.lifecycle.reconciliation.reconcile import reconcile
from shared.lifecycle.submission import submit
from shared.names import GIF_FILE, gif_name
from shared.services.batch import jobs
from shared.services.errors import NewerRecordError
from tests.simulation.batch import GIF, Job, Task
from tests.simulation.gate import failure
from tests.simulation.steps import VIDEO, let_pass, throttle, upload_and_submit
from tests.simulation.topic import Topic
from tests.simulation.world import HOME, OTHER, World

LONG = 3 * 3600.0


async def judged(world: World, body: bytes = b"good1") -> Task:
    """A version of the video whose task has completed."""
    task = await upload_and_submit(world, body)
    world.batch.begin(task)
    world.batch.end(task, "judged")
    return task


async def refuse_all(world: World, what: str, status: int, code: str) -> None:
    """Answer every call that begins with `what` with this error, and let all others succeed."""
    await world.idle()
    while world.gate.waiting:
        world.gate.end(0, failure(status, code) if world.gate.waiting[0][0].startswith(what) else "done")
        await world.idle()


# Silence


async def test_add_task_fails_over_when_the_home_account_is_silent(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(jobs, "ADD_TIMEOUT_SECONDS", 0.25)
    world = World(accounts=2)
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    while not world.batches[OTHER].tasks:
        await world.idle()
        await asyncio.sleep(0.01)
        world.gate.end_all_but(f"{HOME}: ")
    await let_pass_all_but_home(world)
    record = world.record(VIDEO)
    assert record
    assert (record.batch_url, world.events) == (OTHER, [])
    # The event's time limit leaves room for waiting once for an account that does not respond, not twice.
    assert caplog.text.count(f"{HOME} is passed over") == 1
    assert "no job for task" not in caplog.text
    await world.kill()


async def let_pass_all_but_home(world: World) -> None:
    await world.idle()
    while world.gate.end_all_but(f"{HOME}: "):
        await world.idle()


async def test_sweep_completes_the_other_account_while_home_is_silent() -> None:
    world = World(accounts=2, sweep_seconds=1)
    world.app.services.jobs._failing[HOME] = 1e12
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await let_pass(world)
    (task,) = world.batches[OTHER].tasks
    world.batches[OTHER].begin(task)
    world.batches[OTHER].end(task, "judged")
    world.sweep()
    await let_pass_all_but_home(world)
    assert world.gifs.blobs[gif_name(VIDEO)].body == GIF + b"good1;"
    await asyncio.wait_for(asyncio.gather(*world.running), timeout=5)  # the time budget ends the sweep
    await world.kill()


async def test_new_version_is_submitted_while_the_account_of_the_older_one_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "TERMINATE_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(submission, "EVENT_TIMEOUT_SECONDS", 2.0)
    world = World(accounts=2)
    await upload_and_submit(world, b"good1")
    world.app.services.jobs._failing[HOME] = 1e12
    world.videos.put(VIDEO, b"good2")
    world.deliver(VIDEO)
    while world.running:
        await world.idle()
        await asyncio.sleep(0.01)
        world.gate.end_all_but(f"{HOME}: ")
    assert (len(world.batches[OTHER].tasks), world.events) == (1, [])


async def test_sweep_ends_soon_while_home_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "LIST_JOBS_TIMEOUT_SECONDS", 0.05)
    world = World(accounts=2)
    world.sweep()
    async with asyncio.timeout(5):
        while world.running:
            await world.idle()
            await asyncio.sleep(0.01)
            world.gate.end_all_but(f"{HOME}: ")


# Time budgets


async def test_reconciliation_continues_where_its_time_budget_stopped_it() -> None:
    world = World(reconcile_seconds=1)
    names = [f"{number}.mp4" for number in range(8)]
    for name in names:
        world.videos.put(name, b"")
    world.clock.seconds += LONG
    world.gate.log.clear()
    first = asyncio.create_task(reconcile(world.app.services))
    # The listing of the third page of videos never answers.
    while not first.done():
        await world.idle()
        await asyncio.sleep(0.01)
        world.gate.end_all_but("list videos/ after 3.mp4")
    assert (await first).stopped
    world.gate.log.clear()
    world.gate.waiting.clear()
    world.gate.open = True
    second = await reconcile(world.app.services)
    assert not second.stopped
    assert "list videos/" not in world.gate.log
    assert {name for name in names if world.record(name)} == set(names)
    third = await reconcile(world.app.services)
    assert third.audited == len(names)
    assert "list videos/" in world.gate.log


# A newer version of gifdrop


def write_newer(world: World, video: str = VIDEO, **changes: object) -> None:
    """Rewrite a record as a newer version of gifdrop would."""
    blob = world.records.blobs[video]
    body = json.loads(blob.body) | changes
    metadata = blob.metadata | {key: str(value) for key, value in changes.items() if key in ("schema", "state")}
    world.records.put(video, json.dumps(body).encode(), metadata)


async def test_unknown_fields_of_a_record_survive_a_whole_conversion(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    write_newer(world, colour="blue")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world)
    stored = json.loads(world.records.blobs[VIDEO].body)
    assert (stored["state"], stored["colour"]) == ("succeeded", "blue")


async def test_record_of_a_newer_schema_is_left_alone(world: World) -> None:
    task = await judged(world)
    write_newer(world, schema=2, state="paused")
    before = world.records.blobs[VIDEO]
    world.gate.open = True
    world.clock.seconds += LONG
    await submit(VIDEO, world.app.services)
    await world.app.completion.run()
    await reconcile(world.app.services)
    with pytest.raises(NewerRecordError):
        await read(VIDEO, world.app.services)
    assert world.records.blobs[VIDEO] is before
    assert [each.id for each in world.batch.tasks] == [task.id]


async def test_record_of_a_newer_schema_does_not_delay_other_unstarted_conversions(world: World) -> None:
    await open_job(world)
    names = ["1.mp4", "2.mp4"]
    for name in names:
        world.videos.put(name, b"good1")
        world.deliver(name)
        await throttle(world, "create gifdrop-")
    first, _ = sorted(name for name in world.records.blobs if name.startswith(".unstarted/"))
    newer = world.records.blobs[first].metadata["video"]
    write_newer(world, newer, schema=2)
    world.gate.open = True
    await world.app.completion.run()
    assert [tasks_of(world, name) for name in names] == [int(name != newer) for name in names]


# Refused for good


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (409, "BlobImmutableDueToPolicy"),
        (409, "BlobArchived"),
        (403, "CannotVerifyCopySource"),
        (404, "ContainerNotFound"),
    ],
)
async def test_completion_that_storage_keeps_refusing_becomes_a_failure(world: World, status: int, code: str) -> None:
    await judged(world)
    world.sweep()
    await refuse_all(world, "copy", status, code)
    record = world.record(VIDEO)
    assert record
    assert not record.final, "a refusal may be temporary: roles take minutes to take effect"
    world.clock.seconds += LONG
    world.sweep()
    await refuse_all(world, "copy", status, code)
    record = world.record(VIDEO)
    assert record
    assert record.error
    assert record.finished_at
    assert (record.state, record.error.code, world.batch.tasks) == ("failed", "PublishRefused", [])
    assert code in record.error.message


@pytest.mark.parametrize("code", ["BlobNotFound", "CannotVerifyCopySource", "ResourceNotFound"])
async def test_sweep_looks_again_at_a_task_whose_staged_files_seem_gone(world: World, code: str) -> None:
    await judged(world)
    world.sweep()
    await let_pass(world, until="copy")
    world.gate.end(0, failure(404, code))
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert (record.state, world.batch.tasks) == ("succeeded", [])


async def test_staged_gif_that_vanishes_before_it_is_copied_leads_to_another_attempt(world: World) -> None:
    task = await judged(world)
    world.sweep()
    await let_pass(world, until="copy")
    del world.staging.blobs[f"{task.id}/{GIF_FILE}"]
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert (record.state, record.attempt, world.gifs.blobs) == ("queued", 2, {})


async def test_completion_waits_as_long_as_storage_is_busy(world: World) -> None:
    await judged(world)
    world.clock.seconds += LONG
    world.sweep()
    await refuse_all(world, "copy", 503, "ServerBusy")
    record = world.record(VIDEO)
    assert record
    assert not record.final


@pytest.mark.parametrize(
    ("error", "give_up_seconds", "given_up"),
    [(failure(403, "Forbidden"), 0, True), (failure(403, "Forbidden"), 3600, False), (None, 0, False)],
)
async def test_result_event_is_given_up_only_if_the_topic_refuses_it_for_long(
    error: HttpResponseError | None, give_up_seconds: int, given_up: bool
) -> None:
    world = World(give_up_seconds=give_up_seconds)
    world.topic = topic = Topic(failures=1, error=error)
    world.restart()
    task = await judged(world)
    world.sweep()
    await let_pass(world)
    assert world.batch.tasks == ([] if given_up else [task])
    world.sweep()
    await let_pass(world)
    assert (world.batch.tasks, topic.published) == ([], [] if given_up else [f"gifdrop.GifCreated {VIDEO}"])


# A second region


async def test_add_task_passes_over_an_account_that_gets_no_nodes() -> None:
    world = World(accounts=2)
    world.gate.open = True
    world.batches[HOME].fail_to_resize("AccountCoreQuotaReached")
    world.videos.put(VIDEO, b"good1")
    await submit(VIDEO, world.app.services)
    assert ([*world.batches[HOME].tasks], len(world.batches[OTHER].tasks)) == ([], 1)


async def test_add_task_uses_an_account_without_nodes_rather_than_none() -> None:
    world = World(accounts=2)
    world.gate.open = True
    for batch in world.batches.values():
        batch.fail_to_resize("AccountCoreQuotaReached")
    world.videos.put(VIDEO, b"good1")
    await submit(VIDEO, world.app.services)
    assert [len(batch.tasks) for batch in world.batches.values()] == [1, 0]


async def test_add_task_avoids_the_accounts_that_the_settings_name() -> None:
    world = World(accounts=2, avoided_batch_urls=(HOME,))
    world.gate.open = True
    world.videos.put(VIDEO, b"good1")
    await submit(VIDEO, world.app.services)
    assert [len(batch.tasks) for batch in world.batches.values()] == [0, 1]


# Events


async def open_job(world: World) -> None:
    """Another video's task has opened the day's job."""
    world.videos.put("other.mp4", b"good0")
    world.deliver("other.mp4")
    await let_pass(world)


def tasks_of(world: World, video: str) -> int:
    return len([task for task in world.batch.tasks if task.video == video])


async def test_event_is_accepted_once_its_record_is_saved_and_the_next_sweep_adds_the_task(world: World) -> None:
    await open_job(world)
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await throttle(world, "create gifdrop-")
    record = world.record(VIDEO)
    assert record
    assert (record.state, tasks_of(world, VIDEO), world.events) == ("queued", 0, [])
    world.sweep()
    await let_pass(world)
    assert tasks_of(world, VIDEO) == 1
    assert [name for name in world.records.blobs if name.startswith(".unstarted/")] == []


async def test_sweep_marks_a_conversion_again_whose_task_is_still_not_accepted(world: World) -> None:
    await open_job(world)
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await throttle(world, "create gifdrop-")
    world.sweep()
    await throttle(world, "create gifdrop-")
    assert len([name for name in world.records.blobs if name.startswith(".unstarted/")]) == 1
    world.sweep()
    await let_pass(world)
    assert tasks_of(world, VIDEO) == 1


async def test_event_is_accepted_although_its_conversion_cannot_be_marked(world: World) -> None:
    await open_job(world)
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await throttle(world, "create gifdrop-")
    world.deliver(VIDEO)
    await throttle(world, "create gifdrop-")  # it is marked already
    (marker,) = (name for name in world.records.blobs if name.startswith(".unstarted/"))
    del world.records.blobs[marker]
    world.deliver(VIDEO)
    await let_pass(world, until="create gifdrop-")
    world.gate.end(0, "throttled")
    await throttle(world, f"put conversions/{marker}")
    assert (tasks_of(world, VIDEO), marker in world.records.blobs, world.events) == (0, False, [])


async def test_sweep_tries_no_other_task_once_one_is_not_accepted(world: World) -> None:
    await open_job(world)
    for name in ("1.mp4", "2.mp4"):
        world.videos.put(name, b"good1")
        world.deliver(name)
        await throttle(world, "create gifdrop-")
    world.gate.log.clear()
    world.sweep()
    await throttle(world, "create gifdrop-")
    assert len([call for call in world.gate.log if call.startswith("create gifdrop-")]) == 1


async def test_event_of_a_silent_storage_account_is_delivered_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "EVENT_TIMEOUT_SECONDS", 0.01)
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await asyncio.wait_for(asyncio.gather(*world.running), timeout=5)
    assert world.events == [VIDEO]


async def test_result_event_of_a_silent_storage_account_is_delivered_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "EVENT_TIMEOUT_SECONDS", 0.01)
    world.deliver_result("task")
    await asyncio.wait_for(asyncio.gather(*world.running), timeout=5)
    assert world.results == ["task"]


async def test_event_of_a_new_video_costs_no_request_to_read_a_record_or_a_gif(world: World) -> None:
    await upload_and_submit(world, b"good1")
    assert not [call for call in world.gate.log if call.startswith(("get conversions/", "head gifs/"))]


async def test_event_of_a_refused_video_costs_no_request_to_batch(world: World) -> None:
    world.videos.put(VIDEO, b"")
    world.deliver(VIDEO)
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert (record.state, record.job, world.batch.jobs) == ("failed", None, {})


@pytest.mark.parametrize("name", ["a/../b.mp4", "./a.mp4", "a" * 1021 + ".mp4"])
async def test_event_with_a_name_that_storage_refuses_costs_no_request(world: World, name: str) -> None:
    await submit(name, world.app.services)
    assert world.gate.log == []


async def test_redelivered_event_adds_the_task_of_a_recorded_conversion(world: World) -> None:
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await let_pass(world, until="create gifdrop-")
    await let_pass(world, until="index")
    await let_pass(world, until="create gifdrop-")
    await world.kill()
    assert (world.record(VIDEO) is not None, world.batch.tasks) == (True, [])
    world.deliver(VIDEO)
    await let_pass(world)
    assert tasks_of(world, VIDEO) == 1


async def test_version_without_a_job_is_superseded_by_a_newer_one(world: World) -> None:
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await refuse_all(world, "create", 429, "TooManyRequests")
    record = world.record(VIDEO)
    assert record
    assert record.job is None
    await upload_and_submit(world, b"good2")
    record = world.record(VIDEO)
    assert record
    assert (record.etag, record.job is not None, world.events) == (world.videos.blobs[VIDEO].etag.strip('"'), True, [])


async def test_sweep_adds_all_tasks_that_were_not_accepted(world: World) -> None:
    await open_job(world)
    names = [f"{number}.mp4" for number in range(3)]
    for name in names:
        world.videos.put(name, b"good1")
        world.deliver(name)
        await throttle(world, "create gifdrop-")
    assert [tasks_of(world, name) for name in names] == [0, 0, 0]
    world.gate.open = True
    await world.app.completion.run()
    assert [tasks_of(world, name) for name in names] == [1, 1, 1]


async def test_markers_of_conversions_that_are_gone_or_superseded_are_removed_and_delay_no_other(world: World) -> None:
    await open_job(world)
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await throttle(world, "create gifdrop-")
    # They are listed before the others.
    world.records.put(".unstarted/-1", b"", {"video": "gone.mp4"})
    world.records.put(".unstarted/-2", b"", {"video": "other.mp4"})
    world.gate.log.clear()
    world.gate.open = True
    await world.app.completion.run()
    assert [name for name in world.records.blobs if name.startswith(".unstarted/")] == []
    assert len([call for call in world.gate.log if call.startswith("create")]) == 1
    assert tasks_of(world, VIDEO) == 1


# Jobs


async def test_redelivered_event_adds_no_task_in_another_job(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    (today,) = world.batch.jobs.values()
    # As after midnight: the recorded job is yesterday's.
    yesterday = f"gifdrop-{(datetime.now(UTC) - timedelta(days=1)).date()}"
    world.batch.jobs = {yesterday: Job(yesterday, tasks=today.tasks)}
    write_newer(world, job_id=yesterday)
    world.deliver(VIDEO)
    await let_pass(world)
    assert [each.id for each in world.batch.tasks] == [task.id]


async def test_record_names_the_job_that_has_the_task(world: World) -> None:
    await open_job(world)
    (closed,) = world.batch.jobs.values()
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await let_pass(world, until="create gifdrop-")
    closed.state = "completed"
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.job
    assert record.job.id != closed.id
    assert record.task_id in world.batch.jobs[record.job.id].tasks


async def test_job_of_a_pool_that_is_gone_takes_no_task(world: World) -> None:
    today = f"gifdrop-{datetime.now(UTC).date()}"
    world.batch.jobs[today] = Job(today, pool="the pool before")
    await upload_and_submit(world, b"good1")
    assert {job.pool: len(job.tasks) for job in world.batch.jobs.values()} == {"the pool before": 0, "gifdrop": 1}


async def test_job_that_stays_deleting_does_not_stop_the_reconciliation(world: World) -> None:
    await upload_and_submit(world, b"good1")
    (job,) = world.batch.jobs.values()
    job.state = "deleting"
    world.restart()
    world.clock.seconds += LONG
    world.gate.open = True
    report = await reconcile(world.app.services)
    assert (report.unreachable, report.restarted) == ([], 1)
    assert [each.state for each in world.batch.jobs.values() if each.tasks and each is not job] == ["active"]


# Hierarchical namespaces


async def test_directory_named_like_a_video_is_ignored(world: World) -> None:
    world.videos.put("folder.mp4", b"", {"hdi_isfolder": "true"})
    world.gate.open = True
    world.clock.seconds += LONG
    await submit("folder.mp4", world.app.services)
    report = await reconcile(world.app.services)
    assert (world.record("folder.mp4"), report.audited, report.submitted) == (None, 0, 0)
