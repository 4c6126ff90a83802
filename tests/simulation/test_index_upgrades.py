"""The index after upgrades, rollbacks and manual changes."""

import pytest

from tests.simulation.index_steps import LATER, convert, counted, finish, forget, indexed, run, write_record
from tests.simulation.steps import VIDEO, let_pass, upload_and_submit
from tests.simulation.world import World


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
