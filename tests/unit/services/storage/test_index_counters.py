"""Each process counts for itself; counters of ended processes are merged."""

import asyncio

import pytest

from shared.conversion import State
from shared.services.storage.index import COUNTER_IDLE
from tests.unit.services.storage.index_table import (
    IDLE,
    VIDEO,
    Recorder,
    counters,
    end,
    idle,
    indexed,
    make,
    process,
    tally,
)


async def test_each_process_has_a_counter_and_their_sum_is_the_count(table: Recorder) -> None:
    first, second = process(table), process(table)
    await first.put(make("1.mp4"), previous=None)
    await first.put(make("2.mp4"), previous=None)
    await second.put(make("1.mp4", "running"), previous=make("1.mp4"))
    assert len(counters(table)) == 2
    expected = {"queued": 1, "running": 1, "succeeded": 0, "failed": 0}
    assert await first.counts() == await second.counts() == await process(table).counts() == expected


async def test_merged_counter_keeps_the_total_and_its_process_continues(table: Recorder) -> None:
    indexes = [process(table) for _ in range(5)]
    for number, index in enumerate(indexes):
        await index.put(make(f"{number}.mp4"), previous=None)
    table.clock.seconds += IDLE
    await indexes[4].put(make("4.mp4", "running"), previous=make("4.mp4"))  # not idle
    await process(table).merge_counters()
    assert len(counters(table)) == 2
    assert tally(indexed(table).values()) == {"queued": 4, "running": 1, "succeeded": 0, "failed": 0}
    for number, index in enumerate(indexes[:4]):
        await index.put(make(f"{number}.mp4", "running"), previous=make(f"{number}.mp4"))
    assert await indexes[0].counts() == {"queued": 0, "running": 5, "succeeded": 0, "failed": 0}


@pytest.mark.parametrize("state", ["running", "succeeded"])
async def test_put_after_its_counter_was_merged_moves_the_row(table: Recorder, state: State) -> None:
    index = process(table)
    await index.put(make(), previous=None)
    table.clock.seconds += IDLE
    await process(table).merge_counters()
    await index.put(make(state=state), previous=make())
    assert indexed(table) == {VIDEO: make(state=state)}


async def test_merged_counters_are_merged_again(table: Recorder) -> None:
    for number in range(3):
        await process(table).put(make(f"{number}.mp4"), previous=None)
        table.clock.seconds += IDLE
        await process(table).merge_counters()
    assert len(counters(table)) == 1
    assert (await process(table).counts())["queued"] == 3


async def test_recent_counters_are_not_merged(table: Recorder) -> None:
    await process(table).put(make(), previous=None)
    table.clock.seconds += COUNTER_IDLE.total_seconds() - 60
    before = dict(table.rows)
    await process(table).merge_counters()
    assert table.rows == before


async def test_more_counters_than_a_transaction_holds_are_merged_by_the_next_runs(table: Recorder) -> None:
    for number in range(120):
        await process(table).put(make(f"{number}.mp4"), previous=None)
    table.clock.seconds += IDLE
    await process(table).merge_counters()
    await process(table).merge_counters()
    assert len(counters(table)) == 1
    assert (await process(table).counts())["queued"] == 120


async def test_two_mergers_at_once_keep_the_total_and_raise_nothing(table: Recorder) -> None:
    for number in range(2):
        await process(table).put(make(f"{number}.mp4"), previous=None)
    table.clock.seconds += IDLE
    table.gate.open = False
    mergers = [asyncio.create_task(process(table).merge_counters()) for _ in range(2)]
    await end(table)
    assert await asyncio.gather(*mergers) == [None, None]
    assert len(counters(table)) == 1


async def test_merger_leaves_a_counter_alone_whose_process_has_just_continued(table: Recorder) -> None:
    index = process(table)
    await index.put(make(), previous=None)
    table.clock.seconds += IDLE
    table.gate.open = False
    merger = asyncio.create_task(process(table).merge_counters())
    await idle()
    while table.gate.waiting[0][0] != "index transaction":
        table.gate.end(0, "done")
        await idle()
    held = table.gate.waiting.pop(0)
    moved = asyncio.create_task(index.put(make(state="running"), previous=make()))
    await end(table)
    await moved
    table.gate.waiting.append(held)
    await end(table)
    await merger
    assert indexed(table) == {VIDEO: make(state="running")}
