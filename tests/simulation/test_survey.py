"""What a reconciliation makes of jobs, tasks and open conversions."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from shared.lifecycle.reconciliation import tasks
from shared.lifecycle.reconciliation.open_conversions import check_open
from shared.lifecycle.reconciliation.reconcile import reconcile
from shared.lifecycle.reconciliation.report import Report
from shared.lifecycle.reconciliation.tasks import MAX_CLOCK_SKEW
from tests.simulation.batch import Job, Task
from tests.simulation.gate import failure
from tests.simulation.steps import VIDEO, let_pass, upload_and_submit
from tests.simulation.world import OTHER, World

LONG = 3 * 3600.0


def job_of(*, days_ago: int) -> str:
    return f"gifdrop-{(datetime.now(UTC) - timedelta(days=days_ago)).date()}"


async def survey(world: World) -> Report:
    world.gate.open = True
    world.gate.log.clear()
    return await reconcile(world.app.services)


def changes(world: World) -> list[str]:
    """What was changed in Batch since the survey began."""
    return [call for call in world.gate.log if call.startswith(("create", "delete gifdrop", "terminate"))]


async def test_empty_jobs_of_earlier_days_are_deleted_and_no_others(world: World) -> None:
    present = f"gifdrop-{(datetime.now(UTC) - MAX_CLOCK_SKEW).date()}"
    kept = [job_of(days_ago=3), present, job_of(days_ago=-1), "gifdrop-", "gifdrop-someone-elses"]
    empty = [job_of(days_ago=2), f"{job_of(days_ago=2)}-2"]
    world.batch.jobs = {name: Job(name) for name in [*kept, *empty]}
    world.batch.jobs[kept[0]].tasks["task"] = Task("task", "not a video")
    report = await survey(world)
    assert (set(world.batch.jobs), report.jobs_deleted) == (set(kept), 2)
    assert sorted(changes(world)) == sorted(f"delete {name}" for name in empty)


@pytest.mark.parametrize("state", ["disabling", "disabled"])
async def test_waiting_task_of_a_disabled_job_is_moved(world: World, state: str) -> None:
    task = await upload_and_submit(world, b"good1")
    (disabled,) = world.batch.jobs.values()
    disabled.state = state
    report = await survey(world)
    (other,) = (job for job in world.batch.jobs.values() if job is not disabled)
    assert (report.moved, list(disabled.tasks), list(other.tasks)) == (1, [], [task.id])
    record = world.record(VIDEO)
    assert record
    assert (record.state, record.attempt, record.job_id) == ("queued", 1, other.id)


async def test_waiting_task_of_an_enabled_job_and_running_task_of_a_disabled_one_stay(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    assert ((await survey(world)).moved, changes(world)) == (0, [])
    world.batch.begin(task)
    next(iter(world.batch.jobs.values())).state = "disabled"
    assert ((await survey(world)).moved, changes(world)) == (0, [])


async def test_superseded_task_of_a_disabled_job_is_deleted_instead_of_moved(world: World) -> None:
    older = await upload_and_submit(world, b"good1")
    newer = await upload_and_submit(world, b"good2")
    older.state = "active"
    for job in world.batch.jobs.values():
        job.state = "disabled"
    report = await survey(world)
    assert (report.moved, [task.id for task in world.batch.tasks]) == (1, [newer.id])


@pytest.mark.parametrize("requeues", [0, 1])
async def test_task_without_progress_is_replaced_by_another_attempt(world: World, requeues: int) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    task.requeues = requeues
    world.clock.seconds += LONG
    report = await survey(world)
    assert (report.hung, [each.id for each in world.batch.tasks]) == (1, [f"{task.id[:-1]}2"])


async def test_task_without_progress_whose_video_is_recorded_otherwise_is_left_to_the_sweep(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    await upload_and_submit(world, b"good2")
    recorded = world.record(VIDEO)
    world.batch.begin(task)
    world.clock.seconds += LONG
    assert ((await survey(world)).hung, world.record(VIDEO), changes(world)) == (0, recorded, [])
    del world.records.blobs[VIDEO], world.videos.blobs[VIDEO]
    assert ((await survey(world)).hung, world.record(VIDEO), changes(world)) == (0, None, [])


@pytest.mark.parametrize(("status", "code"), [(404, "FileNotFound"), (409, "NodeNotReady")])
async def test_task_whose_progress_file_cannot_exist_is_replaced(world: World, status: int, code: str) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.clock.seconds += LONG
    work = asyncio.ensure_future(reconcile(world.app.services))
    await let_pass(world, until="look at")
    world.gate.end(0, failure(status, code))
    await let_pass(world)
    assert ((await work).hung, [each.id for each in world.batch.tasks]) == (1, [f"{task.id[:-1]}2"])


async def test_task_that_ran_for_long_is_kept_while_it_reports_progress(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.clock.seconds += LONG
    task.reported = world.clock.seconds - 1
    assert ((await survey(world)).hung, changes(world)) == (0, [])


async def test_progress_is_asked_for_only_of_tasks_that_have_run_for_long(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    await survey(world)
    assert not [call for call in world.gate.log if call.startswith("look at")]
    world.batch.end(task, "judged")
    world.clock.seconds += LONG
    assert (await survey(world)).hung == 0
    assert not [call for call in world.gate.log if call.startswith("look at")]


async def test_tasks_of_jobs_after_one_that_is_being_deleted_are_found(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.jobs = {"gifdrop-2000-01-01": Job("gifdrop-2000-01-01", state="deleting"), **world.batch.jobs}
    world.clock.seconds += LONG
    report = await survey(world)
    assert (report.unreachable, report.restarted, world.batch.tasks) == ([], 0, [task])


async def test_account_that_is_silent_is_given_up_before_the_time_of_the_reconciliation_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "MAX_SURVEY_SHARE", 0.005)
    world = World(accounts=2, reconcile_seconds=10)
    world.videos.put(VIDEO, b"good1")
    world.clock.seconds += LONG
    work = asyncio.ensure_future(reconcile(world.app.services))
    while not work.done():
        await world.idle()
        await asyncio.sleep(0.01)
        world.gate.end_all_but(f"{OTHER}: ")
    report = await work
    assert (report.unreachable, report.submitted, report.stopped) == ([OTHER], 1, False)


async def test_index_entry_of_an_open_conversion_whose_record_is_gone_is_removed(world: World) -> None:
    await upload_and_submit(world, b"good1")
    del world.records.blobs[VIDEO], world.videos.blobs[VIDEO]
    assert await checked(world) == Report(indexed=1)
    world._check_index()


async def test_index_entry_of_a_conversion_that_has_ended_is_corrected(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    rows = dict(world.table.rows)
    world.batch.begin(task)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world)
    world.table.rows = rows
    assert await checked(world) == Report(indexed=1)
    world._check_index()


async def checked(world: World) -> Report:
    """The report after a look at the open conversions, none of which has a task."""
    world.clock.seconds += LONG
    world.restart()
    world.gate.open = True
    report = Report()
    await check_open(world.app.services, set(), report)
    return report
