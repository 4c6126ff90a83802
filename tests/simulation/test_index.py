"""The index after crashes, upgrades, rollbacks and manual changes, each played call by call."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from math import ceil
from typing import Any

import pytest

from shared.conversion import STATES
from shared.lifecycle.reconciliation import audit as audit_module
from shared.lifecycle.reconciliation.cursor import BLOB as CURSOR
from shared.lifecycle.reconciliation.reconcile import reconcile
from shared.lifecycle.reconciliation.report import Report
from shared.lifecycle.retry import retry
from shared.services.storage.index_rows import conversion_from
from tests.simulation.gate import failure
from tests.simulation.steps import VIDEO, let_pass, throttle, upload_and_submit
from tests.simulation.world import World

GRACE = 120
"""Seconds, the default."""
LATER = GRACE + 60


def indexed(world: World) -> dict[str, str]:
    """The state of each video in the index."""
    rows = [conversion_from(values) for values, _, _ in world.table.rows.values() if "record" in values]
    assert len(rows) == len({row.video for row in rows}), "a video has two rows"
    return {row.video: row.state for row in rows}


def counted(world: World) -> dict[str, int]:
    counters = [values for key, (values, _, _) in world.table.rows.items() if key.startswith("count:")]
    return {state: total for state in STATES if (total := sum(counter[state] for counter in counters))}


async def finish(world: World) -> None:
    """The newest task ends, and the sweep completes it."""
    world.batch.begin(world.batch.tasks[-1])
    world.batch.end(world.batch.tasks[-1], "judged")
    world.sweep()
    await let_pass(world)


async def run(world: World) -> Report:
    """One reconciliation by itself."""
    world.gate.open = True
    report = await reconcile(world.app.services)
    world.gate.open = False
    return report


async def convert(world: World, *videos: str, body: bytes = b"good1") -> None:
    """Videos from upload to GIF."""
    world.gate.open = True
    for video in videos:
        world.videos.put(video, body)
        world.deliver(video)
    await world.idle()
    while world.running:
        await world.idle()
    for task in world.batch.tasks:
        world.batch.begin(task)
        world.batch.end(task, "judged")
    world.sweep()
    while world.running:
        await world.idle()
    world.gate.open = False


def forget(world: World, *videos: str) -> None:
    """Another process takes over, of which these videos have no index entry; none has if no video is named."""
    rows = world.table.rows
    counter = next(key for key in rows if key.startswith("count:"))
    for key, (values, _, _) in list(rows.items()):
        if "video" in values and (not videos or values["video"] in videos):
            del rows[key]
            if "record" in values:
                counts, etag, written = rows[counter]
                state = key.partition(":")[0]
                rows[counter] = (counts | {state: counts[state] - 1}, etag, written)
    world.restart()


def write_record(world: World, video: str, **changes: Any) -> None:
    """Write a record as an app without an index would, or one with another schema."""
    blob = world.records.blobs[video]
    body = json.loads(blob.body) | changes
    metadata = blob.metadata | {key: str(value) for key, value in changes.items() if isinstance(value, str | int)}
    world.records.put(video, json.dumps(body).encode(), metadata)


# Crashes


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


# A whole life


async def test_new_version_of_a_video_goes_through_all_states_in_the_index(world: World) -> None:
    await convert(world, VIDEO)
    world.clock.seconds += 10
    task = await upload_and_submit(world, b"good2")
    assert indexed(world) == {VIDEO: "queued"}
    world.batch.begin(task)
    world.sweep()
    await let_pass(world)
    assert (indexed(world), counted(world)) == ({VIDEO: "running"}, {"running": 1})
    world._check_index()
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world)
    assert (indexed(world), counted(world)) == ({VIDEO: "succeeded"}, {"succeeded": 1})


async def test_task_that_lost_its_node_is_queued_in_the_index_again(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.sweep()
    await let_pass(world)
    assert indexed(world) == {VIDEO: "running"}
    world.batch.end(task, "node lost")
    await run(world)
    assert (indexed(world), counted(world)) == ({VIDEO: "queued"}, {"queued": 1})
    world._check_index()


async def test_retried_video_is_queued_in_the_index_again(world: World) -> None:
    await convert(world, VIDEO, body=b"bad1")
    assert counted(world) == {"failed": 1}
    world.gate.open = True
    await retry(VIDEO, world.app.services)
    assert (indexed(world), counted(world)) == ({VIDEO: "queued"}, {"queued": 1})
    world._check_index()


# Records without an index


async def test_records_of_an_app_without_an_index_are_entered(world: World) -> None:
    await convert(world, *(f"{number}.mp4" for number in range(5)))
    await convert(world, "bad.mp4", body=b"bad1")
    await upload_and_submit(world, b"good1")
    forget(world)
    world.clock.seconds += LATER
    world.restart()
    report = await run(world)
    assert (report.indexed, report.submitted, report.restarted) == (7, 0, 0)
    assert counted(world) == {"queued": 1, "succeeded": 5, "failed": 1}
    world._check_index()


async def test_records_of_a_rolled_back_app_are_caught_up(world: World) -> None:
    """The app before this one had no index. It ran for a while, and left the index as it was."""
    await convert(world, "done.mp4", "again.mp4")
    await upload_and_submit(world, b"good1")
    before = dict(world.table.rows)
    await finish(world)
    await convert(world, "new.mp4")
    await convert(world, "again.mp4", body=b"bad2")
    world.table.rows = before
    world.clock.seconds += LATER
    world.restart()
    report = await run(world)
    assert (report.indexed, report.restarted, report.submitted) == (3, 0, 0)
    assert counted(world) == {"succeeded": 3, "failed": 1}
    world._check_index()
    assert (await run(world)).indexed == 0


async def test_conversion_begun_by_a_rolled_back_app_is_entered_and_its_lost_task_added(world: World) -> None:
    await upload_and_submit(world, b"good1")
    forget(world)
    world.batch.jobs.clear()
    world.clock.seconds += LATER
    world.restart()
    assert (await run(world)).indexed == 1
    world.clock.seconds += LATER
    assert (await run(world)).restarted == 1


# Records deleted by hand


@pytest.mark.parametrize("video", ["1.mp4", "2.mp4", "3.mp4"])
@pytest.mark.parametrize("video_too", [False, True])
async def test_record_deleted_by_hand_leaves_the_index(world: World, video: str, video_too: bool) -> None:
    await convert(world, "1.mp4", "2.mp4", "3.mp4")
    world.clock.seconds += LATER
    del world.records.blobs[video]
    if video_too:
        del world.videos.blobs[video]
    else:
        world.videos.blobs[video].written = world.clock.seconds  # not submitted in the same run
    assert (await run(world)).indexed == 1
    assert indexed(world) == {name: "succeeded" for name in ("1.mp4", "2.mp4", "3.mp4") if name != video}
    world._check_index()


async def test_records_all_deleted_by_hand_leave_the_index(world: World) -> None:
    await convert(world, "1.mp4", "2.mp4")
    await upload_and_submit(world, b"good1")
    world.clock.seconds += LATER
    for container in (world.videos, world.records):
        container.blobs.clear()
    world.batch.jobs.clear()
    await run(world)
    assert (indexed(world), counted(world)) == ({}, {})


# Bounds and cursor


def listed(world: World, container: str) -> int:
    """How often a container was listed, apart from what belongs to tasks."""
    return len([what for what in world.gate.log if what.startswith(f"list {container}/")])


def lose(world: World, *videos: str) -> None:
    for video in videos:
        world.videos.put(video, b"")
    world.clock.seconds += LATER


@pytest.fixture
async def bounded() -> AsyncIterator[Callable[..., World]]:
    """Makes a world whose audits compare so many names."""
    worlds: list[World] = []

    def make(audit_names: int) -> World:
        worlds.append(World(audit_names=audit_names))
        return worlds[-1]

    yield make
    for world in worlds:
        await world.kill()


@pytest.mark.parametrize("names", [1, 2, 3, 7, 10, 11])
async def test_audit_compares_no_more_names_than_its_bound_and_each_once_in_a_round(
    bounded: Callable[..., World], names: int
) -> None:
    world = bounded(names)
    lose(world, *(f"{number:02}.mp4" for number in range(10)))
    audited = []
    for _ in range(ceil(10 / names)):
        world.restart()
        report = await run(world)
        audited.append(report.audited)
        assert report.submitted == report.audited
    assert max(audited) <= names
    assert sum(audited) == 10
    assert len(indexed(world)) == 10
    # The next round begins at the first name.
    assert (await run(world)).audited == min(names, 10)


@pytest.mark.parametrize("lost", range(9))
async def test_lost_event_is_found_within_one_round_wherever_it_is(bounded: Callable[..., World], lost: int) -> None:
    """The event is lost just after the audit has begun a round."""
    world = bounded(3)
    videos = [f"{number}.mp4" for number in range(9)]
    lose(world, *(video for number, video in enumerate(videos) if number != lost))
    for _ in range(ceil(8 / 3)):
        await run(world)
    for begun in range(3):
        world.records.blobs.pop(CURSOR, None)
        for _ in range(begun):
            await run(world)
        world.videos.blobs.pop(videos[lost], None)
        world.records.blobs.pop(videos[lost], None)
        lose(world, videos[lost])
        submitted = 0
        for _ in range(ceil(9 / 3)):
            world.restart()
            submitted += (await run(world)).submitted
        assert submitted == 1
    world._check_index()


async def test_audit_lists_only_its_part_however_many_names_there_are(bounded: Callable[..., World]) -> None:
    requests = []
    for count in (20, 60):
        world = bounded(4)
        await convert(world, *(f"{number:03}.mp4" for number in range(count)))
        for _ in range(count // 8):
            await run(world)
        world.gate.log.clear()
        await run(world)
        requests.append([what.split()[0] for what in world.gate.log])
    assert requests[0] == requests[1]


async def test_audit_does_not_list_videos_again_that_end_before_the_records(bounded: Callable[..., World]) -> None:
    """The videos of the later names were deleted after their conversion."""
    world = bounded(4)
    names = [f"{number:03}.mp4" for number in range(40)]
    await convert(world, *names)
    for name in names[20:]:
        del world.videos.blobs[name]
    listings = []
    for _ in range(10):
        world.gate.log.clear()
        await run(world)
        listings.append(listed(world, "videos"))
    assert max(listings) <= 4


async def test_audit_cut_off_by_the_end_of_its_process_skips_no_comparison(bounded: Callable[..., World]) -> None:
    """The process ends when a page of names has been compared; the next one continues behind that page."""
    world = bounded(100)
    await convert(world, *(f"{number}.mp4" for number in range(8)))
    forget(world, "0.mp4", "1.mp4")
    world.clock.seconds += LATER
    world.reconcile()
    await let_pass(world, until="list videos/ after 3.mp4")
    for _ in range(20):
        # What the audit has started goes on until its process ends.
        others = [n for n, (what, _) in enumerate(world.gate.waiting) if not what.startswith("list videos/ after 3")]
        if others:
            world.gate.end(others[0], "done")
        await world.idle()
    await world.kill()
    await run(world)
    assert len(indexed(world)) == 8
    world._check_index()


async def test_lost_task_is_found_by_every_run_although_the_audit_is_elsewhere(bounded: Callable[..., World]) -> None:
    world = bounded(2)
    await convert(world, *(f"{number}.mp4" for number in range(8)))
    world.videos.put("z.mp4", b"good1")
    world.deliver("z.mp4")
    await let_pass(world)
    for _ in range(6):
        world.batch.jobs.clear()
        world.clock.seconds += LATER
        world.restart()
        assert (await run(world)).restarted == 1
        assert [task.video for task in world.batch.tasks] == ["z.mp4"]


@pytest.mark.parametrize("cursor", [b"", b"[]", b"{}", b'{"after": 7}', b'{"after": null}', b'{"place": "x"}', b"\xff"])
async def test_audit_with_a_damaged_cursor_starts_at_the_beginning(world: World, cursor: bytes) -> None:
    lose(world, VIDEO)
    world.records.put(CURSOR, cursor)
    report = await run(world)
    assert (report.audited, report.submitted) == (1, 1)


async def test_index_queries_of_a_long_audit_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_module, "NAMES_PER_INDEX_QUERY", 2)
    await convert(world, *(f"{number}.mp4" for number in range(9)))
    forget(world, "0.mp4", "3.mp4", "4.mp4", "8.mp4")
    world.clock.seconds += LATER
    assert (await run(world)).indexed == 4
    world._check_index()


# The grace period


async def test_nothing_younger_than_the_grace_period_is_touched(world: World) -> None:
    await convert(world, "deleted.mp4", "missing.mp4", "wrong.mp4")
    await upload_and_submit(world, b"good1")
    world.batch.jobs.clear()
    del world.records.blobs["deleted.mp4"]
    forget(world, "missing.mp4")
    write_record(world, "wrong.mp4", state="failed")
    world.videos.put("lost.mp4", b"good1")
    world.clock.seconds += GRACE - 10
    rows, records = dict(world.table.rows), dict(world.records.blobs)
    world.restart()
    report = await run(world)
    assert (report.indexed, report.restarted, report.submitted, report.gone) == (0, 0, 0, 0)
    world.records.blobs.pop(CURSOR, None)
    assert (world.table.rows, world.records.blobs) == (rows, records)
    world.clock.seconds += 20
    world.restart()
    report = await run(world)
    # The video of the deleted record is submitted, which may come before the removal of its row.
    assert (report.indexed in (2, 3), report.restarted, report.submitted) == (True, 1, 2)


async def test_young_entry_of_an_old_record_is_not_touched(world: World) -> None:
    """A process has just put the row of a record that it is about to save."""
    await convert(world, VIDEO, body=b"bad1")
    world.clock.seconds += LATER
    conversion = world.record(VIDEO)
    assert conversion
    world.gate.open = True
    again = conversion.next_attempt(retries_left=2)
    await world.app.services.index.put(again, previous=conversion)
    assert (await run(world)).indexed == 0
    assert indexed(world) == {VIDEO: "queued"}
    world.clock.seconds += LATER
    assert (await run(world)).indexed == 1
    assert indexed(world) == {VIDEO: "failed"}


async def test_row_moved_during_the_audit_is_left_as_it_is(world: World) -> None:
    await convert(world, VIDEO, body=b"bad1")
    write_record(world, VIDEO, state="succeeded")
    world.clock.seconds += LATER
    world.reconcile()
    await let_pass(world, until="get conversions/a.mp4")
    world.gate.end(0, "done")  # the audit has read the record
    await let_pass(world, until="index transaction")
    held = world.gate.waiting.pop(0)
    other = World()
    other.table, other.containers = world.table, world.containers
    other.gate, other.clock, other.batches = world.gate, world.clock, world.batches
    other.restart()
    conversion = world.record(VIDEO)
    assert conversion
    again = conversion.next_attempt(retries_left=2)
    world.gate.open = True
    await other.app.services.index.put(replace(again, state="running"), previous=conversion)
    world.gate.waiting.append(held)
    await let_pass(world)
    assert indexed(world) == {VIDEO: "running"}


# A newer version of gifdrop


@pytest.mark.parametrize("state", ["queued", "paused"])
async def test_open_record_of_a_newer_schema_is_left_alone(world: World, state: str) -> None:
    await upload_and_submit(world, b"good1")
    world.batch.jobs.clear()
    write_record(world, VIDEO, schema=2, state=state)
    rows, record = dict(world.table.rows), world.records.blobs[VIDEO]
    world.clock.seconds += LATER
    world.restart()
    report = await run(world)
    assert (report.indexed, report.restarted, report.submitted, report.gone) == (0, 0, 0, 0)
    assert (world.table.rows, world.records.blobs[VIDEO]) == (rows, record)


@pytest.mark.parametrize("entered", [False, True])
async def test_ended_record_of_a_newer_schema_is_left_alone(world: World, entered: bool) -> None:
    await convert(world, VIDEO, "other.mp4")
    write_record(world, VIDEO, schema=2, state="failed")
    if not entered:
        forget(world, VIDEO)
    rows, record = dict(world.table.rows), world.records.blobs[VIDEO]
    world.clock.seconds += LATER
    report = await run(world)
    assert (report.indexed, report.submitted) == (0, 0)
    assert (world.table.rows, world.records.blobs[VIDEO]) == (rows, record)


async def test_record_that_a_newer_version_rewrites_during_the_audit_is_left_alone(world: World) -> None:
    await convert(world, VIDEO)
    write_record(world, VIDEO, state="failed")
    world.clock.seconds += LATER
    world.reconcile()
    await let_pass(world, until="get conversions/a.mp4")
    write_record(world, VIDEO, schema=2)
    rows = dict(world.table.rows)
    await let_pass(world)
    assert world.table.rows == rows
