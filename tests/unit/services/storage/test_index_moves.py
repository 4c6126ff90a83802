"""Moves between states, and corrections."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.conversion import STATES, Conversion, State
from shared.services.errors import ConflictError
from tests.unit.services.storage.index_table import FIRST, IDLE, VIDEO, Recorder, indexed, make, process, row_of


async def test_whole_life_of_a_video_has_one_row_at_a_time(table: Recorder) -> None:
    index = process(table)
    previous = None
    life: list[State] = ["queued", "running", "queued", "running", "failed"]
    for conversion in [make(state=state) for state in life]:
        await index.put(conversion, previous=previous)
        assert indexed(table) == {VIDEO: conversion}
        previous = conversion
    assert await index.counts() == {"queued": 0, "running": 0, "succeeded": 0, "failed": 1}


async def test_put_with_a_right_assumption_is_one_request(table: Recorder) -> None:
    index = process(table)
    await index.put(make(), previous=None)
    table.gate.log.clear()
    await index.put(make(state="running"), previous=make())
    await index.put(make(state="succeeded"), previous=make(state="running"))
    assert table.gate.log == ["index transaction"] * 2


@pytest.mark.parametrize("previous", [None, make(state="running"), make(state="failed", version=2)])
async def test_put_with_a_wrong_assumption_moves_the_row_all_the_same(
    table: Recorder, previous: Conversion | None
) -> None:
    await process(table).put(make(), previous=None)
    await process(table).put(make(state="succeeded"), previous=previous)
    assert indexed(table) == {VIDEO: make(state="succeeded")}


async def test_put_enters_a_video_that_the_index_misses(table: Recorder) -> None:
    await process(table).put(make(state="succeeded"), previous=make(state="running"))
    assert indexed(table) == {VIDEO: make(state="succeeded")}


LATER = [
    (make(state="succeeded"), make()),
    (make(state="succeeded"), make(state="running")),
    (make(state="running"), make()),
    (make(attempt=2), make(state="running")),
    (make(attempt=2), make(state="failed")),
    (make(version=2), make(state="succeeded")),
    (make(version=2), make(state="running", attempt=3)),
    (make(state="failed", version=2), make(attempt=2)),
]


@pytest.mark.parametrize(("later", "earlier"), LATER)
@pytest.mark.parametrize("assumed", [None, *STATES])
async def test_put_never_replaces_a_later_state(
    table: Recorder, later: Conversion, earlier: Conversion, assumed: State | None
) -> None:
    await process(table).put(later, previous=None)
    previous = replace(earlier, state=assumed) if assumed else None
    if previous != later:
        await process(table).put(earlier, previous=previous)
    assert indexed(table) == {VIDEO: later}


@pytest.mark.parametrize(("later", "earlier"), LATER)
async def test_put_replaces_an_earlier_state(table: Recorder, later: Conversion, earlier: Conversion) -> None:
    await process(table).put(earlier, previous=None)
    await process(table).put(later, previous=None)
    assert indexed(table) == {VIDEO: later}


async def test_put_replaces_the_time_of_a_row_that_a_crash_left_behind(table: Recorder) -> None:
    """A process put a new video's row and crashed before it saved the record; another planned the video again."""
    index = process(table)
    await index.put(make(), previous=None)
    planned_again = replace(make(), queued_at=FIRST + timedelta(seconds=30))
    await index.put(planned_again, previous=None)
    running = replace(planned_again, state="running")
    await index.put(running, previous=planned_again)
    assert indexed(table) == {VIDEO: running}


async def test_delayed_put_of_an_earlier_attempt_does_not_replace_a_later_one(table: Recorder) -> None:
    """The states are the same as in the earlier attempt, and so are the times."""
    delayed, quick = process(table), process(table)
    first = make(state="running")
    await quick.put(first, previous=None)
    # One process has saved that the attempt failed, and falls silent. The video is retried.
    await quick.put(make(attempt=2), previous=make(state="failed"))
    await quick.put(make(state="running", attempt=2), previous=make(attempt=2))
    await delayed.put(make(state="failed"), previous=first)
    assert indexed(table) == {VIDEO: make(state="running", attempt=2)}


async def test_refresh_enters_what_is_missing_and_keeps_what_is_later(table: Recorder) -> None:
    index = process(table)
    await index.refresh(make(state="failed"))
    assert indexed(table) == {VIDEO: make(state="failed")}
    await index.put(make(attempt=2), previous=make(state="failed"))
    await index.refresh(make(state="failed"))
    assert indexed(table) == {VIDEO: make(attempt=2)}


async def test_refresh_of_an_entry_that_is_right_only_reads(table: Recorder) -> None:
    index = process(table)
    await index.put(make(state="failed"), previous=None)
    table.gate.log.clear()
    await index.refresh(make(state="failed"))
    assert [what.split()[:2] for what in table.gate.log] == [["index", "get"]]


@pytest.mark.parametrize("correction", [None, make(state="succeeded"), make()])
async def test_correct_replaces_even_a_later_state(table: Recorder, correction: Conversion | None) -> None:
    index = process(table)
    await index.put(make(state="failed", version=2), previous=None)
    await index.correct(VIDEO, correction, row=await row_of(index, "failed"))
    assert indexed(table) == ({VIDEO: correction} if correction else {})


@pytest.mark.parametrize("correction", [None, make(state="succeeded")])
async def test_correct_raises_conflict_if_the_row_was_moved(table: Recorder, correction: Conversion | None) -> None:
    index = process(table)
    await index.put(make(), previous=None)
    row = await row_of(index, "queued")
    await process(table).put(make(state="running"), previous=make())
    with pytest.raises(ConflictError):
        await index.correct(VIDEO, correction, row=row)
    assert indexed(table) == {VIDEO: make(state="running")}


async def test_correct_raises_conflict_if_the_row_is_gone(table: Recorder) -> None:
    index = process(table)
    await index.put(make(), previous=None)
    row = await row_of(index, "queued")
    await process(table).correct(VIDEO, None, row=row)
    for correction in (None, make(state="failed")):
        with pytest.raises(ConflictError):
            await index.correct(VIDEO, correction, row=row)
    assert indexed(table) == {}


async def test_correct_raises_conflict_if_a_missing_row_was_created(table: Recorder) -> None:
    await process(table).put(make(state="running"), previous=None)
    with pytest.raises(ConflictError):
        await process(table).correct(VIDEO, make(), row=None)
    assert indexed(table) == {VIDEO: make(state="running")}


async def test_correct_succeeds_after_the_counter_was_merged(table: Recorder) -> None:
    index = process(table)
    await index.put(make(), previous=None)
    table.clock.seconds += IDLE
    await process(table).merge_counters()
    await index.correct(VIDEO, make(state="failed"), row=await row_of(index, "queued"))
    assert indexed(table) == {VIDEO: make(state="failed")}
