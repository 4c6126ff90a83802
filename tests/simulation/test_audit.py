"""The audit: its bound, its cursor and its grace period."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from math import ceil

import pytest

from shared.lifecycle.reconciliation import audit as audit_module
from shared.lifecycle.reconciliation.cursor import BLOB as CURSOR
from tests.simulation.index_steps import GRACE, LATER, convert, forget, indexed, run, write_record
from tests.simulation.steps import VIDEO, let_pass, upload_and_submit
from tests.simulation.world import World


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


@pytest.mark.parametrize("names", [1, 2, 3, 5])
async def test_lost_index_entries_are_found_within_one_round_wherever_they_are(
    bounded: Callable[..., World], names: int
) -> None:
    world = bounded(names)
    videos = [f"{number}.mp4" for number in range(6)]
    await convert(world, *videos)
    forget(world)
    world.clock.seconds += LATER
    assert sum([(await run(world)).indexed for _ in range(ceil(6 / names))]) == 6
    assert set(indexed(world)) == set(videos)


async def test_index_entries_of_records_that_are_all_gone_are_removed(world: World) -> None:
    await convert(world, "a.mp4", "b.mp4")
    world.videos.blobs.clear()
    world.records.blobs.clear()
    world.clock.seconds += LATER
    assert ((await run(world)).indexed, indexed(world)) == (2, {})


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


async def test_audit_goes_on_if_another_one_stores_its_cursor(world: World) -> None:
    lose(world, *(f"{number}.mp4" for number in range(6)))
    world.reconcile()
    await let_pass(world, until=f"put conversions/{CURSOR}")
    world.records.put(CURSOR, b"{}")
    await let_pass(world)
    assert len(indexed(world)) == 6


async def test_index_queries_of_a_long_audit_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_module, "NAMES_PER_INDEX_QUERY", 2)
    await convert(world, *(f"{number}.mp4" for number in range(9)))
    forget(world, "0.mp4", "3.mp4", "4.mp4", "8.mp4")
    world.clock.seconds += LATER
    assert (await run(world)).indexed == 4
    world._check_index()


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
