"""The index in a table in memory: single calls, and several processes whose calls interleave and fail."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from azure.core.exceptions import HttpResponseError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.conversion import STATES, Conversion, State
from shared.names import task_id
from shared.services.errors import ConflictError, ServiceError
from shared.services.storage.index import COUNTER_IDLE, MAX_MOVES, Index
from shared.services.storage.index_rows import conversion_from
from shared.services.storage.table import Table
from shared.timestamps import utc_now
from tests.simulation.gate import Ending, Gate, failure
from tests.simulation.storage import Clock
from tests.simulation.table import TableClient

VIDEO = "a.mp4"
FIRST = utc_now() - timedelta(days=1)
IDLE = COUNTER_IDLE.total_seconds() + 60


def make(
    video: str = VIDEO,
    state: State = "queued",
    *,
    version: int = 1,
    attempt: int = 1,
) -> Conversion:
    """A conversion; a later version was queued later."""
    id_ = f"{video}-{version}"
    return Conversion(
        video=video,
        etag=f"{version}",
        id=id_,
        state=state,
        attempt=attempt,
        task_id=task_id(id_, attempt),
        queued_at=FIRST + timedelta(seconds=version),
    )


class Recorder(TableClient):
    """Also keeps the operations of each transaction."""

    def __init__(self, gate: Gate, clock: Clock) -> None:
        super().__init__(gate, clock)
        self.operations: list[Sequence[tuple[Any, ...]]] = []

    async def submit_transaction(self, operations: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
        self.operations.append(operations)
        return await super().submit_transaction(operations)

    @property
    def transactions(self) -> list[list[str]]:
        """The keys of each."""
        return [[entity["RowKey"] for _, entity, _ in operations] for operations in self.operations]


@pytest.fixture
async def table() -> AsyncIterator[Recorder]:
    """An empty table, whose calls succeed without waiting; at the end it must be consistent."""
    table = Recorder(Gate(), Clock())
    table.gate.open = True
    yield table
    indexed(table)


def process(table: TableClient) -> Index:
    """The index as another process sees it."""
    return Index(Table(cast("Any", table)))


async def idle() -> None:
    for _ in range(15):
        await asyncio.sleep(0)


def indexed(table: TableClient) -> dict[str, Conversion]:
    """The conversion of each video, after a check that every video has one row and every row is counted."""
    pointers = {key: values for key, (values, _, _) in table.rows.items() if key.startswith("video:")}
    rows = {key: values for key, (values, _, _) in table.rows.items() if key.partition(":")[0] in STATES}
    found = {key: conversion_from(values) for key, values in rows.items()}
    assert sorted(values["row"] for values in pointers.values()) == sorted(found), (
        "a row without a pointer, or vice versa"
    )
    for values in pointers.values():
        row = found[values["row"]]
        assert (row.video, row.id, row.attempt) == (values["video"], values["conversion"], values["attempt"])
    videos = [row.video for row in found.values()]
    assert len(videos) == len(set(videos)), "a video has two rows"
    assert all(key.startswith(f"{row.state}:") for key, row in found.items())
    counted: Counter[str] = Counter()
    for key, (values, _, _) in table.rows.items():
        if key.startswith("count:"):
            counted.update({state: values[state] for state in STATES})
    assert {state: counted[state] for state in STATES} == tally(found.values())
    return {row.video: row for row in found.values()}


def tally(conversions: Any) -> dict[State, int]:
    states = Counter(one.state for one in conversions)
    return {state: states[state] for state in STATES}


def counters(table: TableClient) -> list[str]:
    return [key for key in table.rows if key.startswith("count:")]


async def end(table: TableClient, *endings: Ending) -> None:
    """End one waiting call after another, then let all others succeed."""
    for ending in endings:
        await idle()
        table.gate.end(0, ending)
    await idle()
    while table.gate.waiting:
        table.gate.end(0, "done")
        await idle()


# Moves


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


# Corrections


async def row_of(index: Index, state: State) -> str:
    return (await anext(index.rows(state))).key


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


# Counters


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


# Faults


@pytest.mark.parametrize("ending", ["refused", "throttled", "response lost"])
@pytest.mark.parametrize("videos", [1, 2, 5])
async def test_failed_put_may_be_repeated(table: Recorder, ending: Ending, videos: int) -> None:
    index = process(table)
    table.gate.open = False
    conversions = [make(f"{number}.mp4") for number in range(videos)]
    puts = [asyncio.create_task(index.put(one, previous=None)) for one in conversions]
    await idle()
    await end(table, ending)
    outcomes = await asyncio.gather(*puts, return_exceptions=True)
    assert all(isinstance(outcome, ServiceError) for outcome in outcomes)
    assert len(indexed(table)) == (videos if ending == "response lost" else 0)
    table.gate.open = True
    for one in conversions:
        await index.put(one, previous=None)
    assert indexed(table) == {one.video: one for one in conversions}


async def test_throttled_transaction_is_not_repeated_move_by_move(table: Recorder) -> None:
    index = process(table)
    table.gate.open = False
    puts = [asyncio.create_task(index.put(make(f"{number}.mp4"), previous=None)) for number in range(5)]
    await end(table, "throttled")
    assert {type(error) for error in await asyncio.gather(*puts, return_exceptions=True)} == {ServiceError}
    assert table.gate.log == ["index transaction"]


async def test_request_that_arrives_after_its_process_went_on_counts_once(table: Recorder) -> None:
    """The connection breaks, but the request is carried out: after the process has sent the next one."""
    index = process(table)
    table.gate.open = False
    put = asyncio.create_task(index.put(make(), previous=None))
    await idle()
    first, operations = table.transactions[-1], table.operations[-1]
    await end(table, "refused")
    with pytest.raises(ServiceError):
        await put
    table.gate.open = True
    await index.put(make("other.mp4"), previous=None)
    assert first[0] not in table.rows, "the counter of the lost request was used again"
    await table.submit_transaction(operations)
    await index.put(make(state="running"), previous=make())
    assert await index.counts() == {"queued": 1, "running": 1, "succeeded": 0, "failed": 0}


async def test_request_that_arrives_after_a_later_one_is_refused(table: Recorder) -> None:
    """It would replace the counter by an older one."""
    index = process(table)
    await index.put(make("first.mp4"), previous=None)
    table.gate.open = False
    put = asyncio.create_task(index.put(make(), previous=None))
    await end(table, "refused")
    with pytest.raises(ServiceError):
        await put
    late = table.operations[-1]
    table.gate.open = True
    await index.put(make("other.mp4"), previous=None)
    with pytest.raises(HttpResponseError, match="UpdateConditionNotSatisfied"):
        await table.submit_transaction(late)
    assert set(indexed(table)) == {"first.mp4", "other.mp4"}


async def test_one_wrong_assumption_does_not_stop_the_moves_of_others(table: Recorder) -> None:
    index = process(table)
    await index.put(make("1.mp4", "running"), previous=None)
    await asyncio.gather(*(index.put(make(f"{number}.mp4"), previous=None) for number in range(4)))
    assert tally(indexed(table).values()) == {"queued": 3, "running": 1, "succeeded": 0, "failed": 0}


async def test_conflict_of_one_correction_does_not_stop_the_others(table: Recorder) -> None:
    index = process(table)
    await index.put(make("1.mp4"), previous=None)
    outcomes = await asyncio.gather(
        *(index.correct(f"{number}.mp4", make(f"{number}.mp4"), row=None) for number in range(4)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), ConflictError, type(None), type(None)]


async def test_concurrent_moves_of_one_video_follow_each_other(table: Recorder) -> None:
    index = process(table)
    life = [make(), make(state="running"), make(state="failed"), make(attempt=2)]
    await asyncio.gather(
        *(index.put(new, previous=old) for old, new in zip([None, *life[:-1]], life, strict=True)),
        index.put(make("other.mp4"), previous=None),
    )
    assert indexed(table)[VIDEO] == life[-1]


@pytest.mark.parametrize(
    ("status", "code"), [(400, "PropertyValueTooLarge"), (403, "AuthorizationFailure"), (413, "RequestBodyTooLarge")]
)
async def test_refusal_that_is_no_conflict_is_raised_as_it_is(table: Recorder, status: int, code: str) -> None:
    """A caller that met a conflict would decide again, without end."""
    index = process(table)
    table.gate.open = False
    put = asyncio.create_task(index.put(make(), previous=None))
    await idle()
    table.gate.end(0, cast("Any", failure(status, code)))
    await end(table)
    with pytest.raises(ServiceError) as raised:
        await put
    assert (type(raised.value), raised.value.status, raised.value.code) == (ServiceError, status, code)
    assert table.gate.log == ["index transaction"]


async def test_cancelled_caller_harms_nobody(table: Recorder) -> None:
    index = process(table)
    table.gate.open = False
    puts = [asyncio.create_task(index.put(make(f"{number}.mp4"), previous=None)) for number in range(3)]
    await idle()
    puts[1].cancel()
    await end(table)
    outcomes = await asyncio.gather(*puts, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), asyncio.CancelledError, type(None)]
    table.gate.open = True
    await index.put(make("1.mp4", "running"), previous=make("1.mp4"))
    assert tally(indexed(table).values()) == {"queued": 2, "running": 1, "succeeded": 0, "failed": 0}


async def test_transaction_has_at_most_100_operations_on_different_keys(table: Recorder) -> None:
    index = process(table)
    queued = [make(f"{number}.mp4") for number in range(100)]
    await asyncio.gather(*(index.put(one, previous=None) for one in queued))
    running = [make(f"{number}.mp4", "running") for number in range(100)]
    table.operations.clear()
    await asyncio.gather(*(index.put(new, previous=old) for old, new in zip(queued, running, strict=True)))
    assert max(len(keys) for keys in table.transactions) == 3 * MAX_MOVES + 1 == 100
    assert len(table.transactions) == -(-100 // MAX_MOVES)
    assert all(len(keys) == len(set(keys)) for keys in table.transactions)


# Reading


async def names(index: Index, state: State, *, limit: int) -> list[str]:
    """The videos of all pages."""
    found: list[str] = []
    marker: str | None = None
    while True:
        page, marker = await index.page(state, limit=limit, marker=marker)
        assert len(page) <= limit
        found += [conversion.video for conversion in page]
        if marker is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
async def test_pages_of_a_state_are_newest_first_without_gap_or_overlap(table: Recorder, limit: int) -> None:
    index = process(table)
    videos = [make(f"{number}.mp4", "failed", version=number) for number in (3, 1, 7, 5, 2, 6, 4)]
    for video in (*videos, make("other.mp4", "running")):
        await index.put(video, previous=None)
    assert await names(index, "failed", limit=limit) == [f"{number}.mp4" for number in range(7, 0, -1)]
    assert [row.conversion.video async for row in index.rows("failed")] == await names(index, "failed", limit=1)


async def test_pointers_are_those_behind_one_name_up_to_another(table: Recorder) -> None:
    index = process(table)
    videos = ["a.mp4", "a.mp4.mp4", "a.mp41.mp4", "aé.mp4", "b.mp4", "b/c.mp4", "😀.mp4"]
    assert videos == sorted(videos)
    for video in videos:
        await index.put(make(video), previous=None)
    for first in range(len(videos)):
        for last in range(first, len(videos)):
            after = videos[first - 1] if first else ""
            found = [pointer.video async for pointer in index.pointers(after=after, until=videos[last])]
            assert found == videos[first : last + 1], (after, videos[last])


async def test_unreadable_row_is_left_out(table: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    index = process(table)
    await index.put(make("1.mp4"), previous=None)
    await index.put(make("2.mp4", version=2), previous=None)
    row = await row_of(index, "queued")
    values, etag, written = table.rows[row]
    table.rows[row] = (values | {"record": "{}"}, etag, written)
    assert await names(index, "queued", limit=10) == ["1.mp4"]
    assert "cannot be read" in caplog.text
    table.rows[row] = (values, etag, written)


NAMES = [
    "a/b\\c#d?e.mp4",
    'it\'s "quoted" & <escaped> %2F+100%.mp4',
    " leading, trailing \t\x7f.mp4",
    ":;:video:queued:count:.mp4",
    "日本語/🎬.mp4",
    "e\u0301 and \u00e9.mp4",
    "\u00e9 and e\u0301.mp4",
    "A.MP4",
    "a.Mp4",
    "x" * 1020 + ".mp4",
    "🎬" * 1020 + ".mp4",
    "p" * 200 + "1.mp4",
    "p" * 200 + "2.mp4",
    "é" * 100 + "1.mp4",
    "é" * 100 + "2.mp4",
    "x" + "é" * 100 + ".mp4",  # a character across the 200th byte
    "x" + "é" * 99 + "e\u0301.mp4",
]


async def test_any_name_may_be_indexed(table: Recorder) -> None:
    index = process(table)
    for name in NAMES:
        await index.put(make(name), previous=None)
    for name in NAMES[::2]:
        await index.put(make(name, "succeeded"), previous=None)
    assert indexed(table) == {
        name: make(name, "succeeded" if number % 2 == 0 else "queued") for number, name in enumerate(NAMES)
    }
    for key in table.rows:
        assert len(key.encode("utf-16-le")) <= 1024
        assert not set(key) & set("/\\#?")
        assert key.isascii()
        assert key.isprintable()
    pointers = [pointer.video async for pointer in index.pointers(after="", until="🎬" * 1024)]
    assert sorted(pointers) == sorted(NAMES)


# Several processes


class Processes(RuleBasedStateMachine):
    """Processes follow the protocol's records with their puts, whose requests end in any order and way.

    `records` is what the records say. A put is of what a record said once.
    """

    VIDEOS = st.sampled_from(["a.mp4", "b.mp4", "c.mp4"])
    WHICH = st.integers(0, 1000)
    ENDINGS = st.sampled_from(["done", "done", "done", "done", "refused", "throttled", "response lost"])

    @initialize()
    def start(self) -> None:
        self.runner = asyncio.Runner()
        self.runner.run(self._start())
        self.records: dict[str, Conversion] = {}
        self.seen: dict[str, tuple[Any, ...]] = {}
        self.calls: list[asyncio.Task[None]] = []

    async def _start(self) -> None:
        self.table = Recorder(Gate(), Clock())
        self.indexes = [process(self.table) for _ in range(3)]

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        async def run() -> None:
            try:
                await work
            except ServiceError:
                return

        async def start() -> None:
            self.calls.append(asyncio.get_running_loop().create_task(run()))
            await idle()

        self.runner.run(start())

    def next(self, record: Conversion | None, video: str, choice: int) -> Conversion:
        if record is None:
            return make(video)
        match record.state:
            case "queued" if choice % 3:
                return replace(record, state="running")
            case "running" if choice % 3:
                return replace(record, state="failed" if choice % 2 else "succeeded")
            case "failed" if choice % 3:
                return make(video, version=int(record.etag), attempt=record.attempt + 1)
        return make(video, version=int(record.etag) + 1)

    @rule(video=VIDEOS, which=WHICH, choice=WHICH)
    def put(self, video: str, which: int, choice: int) -> None:
        previous = self.records.get(video)
        self.records[video] = conversion = self.next(previous, video, choice)
        self.spawn(self.indexes[which % 3].put(conversion, previous=previous))

    @precondition(lambda self: self.records)
    @rule(which=WHICH, known=st.booleans())
    def put_again(self, which: int, known: bool) -> None:
        """As an event that is delivered again."""
        conversion = list(self.records.values())[which % len(self.records)]
        self.spawn(self.indexes[which % 3].put(conversion, previous=conversion if known else None))

    @precondition(lambda self: self.records)
    @rule(which=WHICH)
    def refresh(self, which: int) -> None:
        conversion = list(self.records.values())[which % len(self.records)]
        self.spawn(self.indexes[which % 3].refresh(conversion))

    @rule(video=VIDEOS, which=WHICH)
    def correct(self, video: str, which: int) -> None:
        rows = {values["video"]: values["row"] for key, (values, _, _) in self.table.rows.items() if "row" in values}
        row = rows.get(video)
        record = self.records.get(video)
        if record:
            self.spawn(self.indexes[which % 3].correct(video, record, row=row))

    @rule(which=WHICH)
    def merge(self, which: int) -> None:
        self.table.clock.seconds += IDLE
        self.spawn(self.indexes[which % 3].merge_counters())

    @rule(which=WHICH)
    def kill(self, which: int) -> None:
        """Requests on their way still arrive."""

        async def replace_process() -> None:
            self.indexes[which % 3] = process(self.table)

        self.runner.run(replace_process())

    @precondition(lambda self: self.calls)
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        self.calls[which % len(self.calls)].cancel()
        self.runner.run(idle())

    @precondition(lambda self: self.table.gate.waiting)
    @rule(which=WHICH, ending=ENDINGS)
    def end_call(self, which: int, ending: Ending) -> None:
        self.table.gate.end(which % len(self.table.gate.waiting), ending)
        self.runner.run(idle())

    @precondition(lambda self: self.table.gate.waiting)
    @rule(count=st.integers(1, 10))
    def end_calls(self, count: int) -> None:
        for _ in range(count):
            if self.table.gate.waiting:
                self.table.gate.end(0, "done")
                self.runner.run(idle())

    @invariant()
    def consistent_and_never_older(self) -> None:
        stages = {"queued": 0, "running": 1, "succeeded": 2, "failed": 2}
        found = indexed(self.table)
        assert found.keys() >= self.seen.keys(), "a video has left the index"
        for video, conversion in found.items():
            order = (conversion.queued_at, conversion.attempt, stages[conversion.state])
            assert order >= self.seen.get(video, order), f"{video} went back to {conversion}"
            self.seen[video] = order

    def teardown(self) -> None:
        if not hasattr(self, "runner"):
            return
        try:
            self.runner.run(self._come_to_rest())
        finally:
            self.runner.close()

    async def _come_to_rest(self) -> None:
        await end(self.table)
        self.table.gate.open = True
        await asyncio.gather(*self.calls, return_exceptions=True)
        for number, conversion in enumerate(self.records.values()):
            await self.indexes[number % 3].refresh(conversion)
        self.consistent_and_never_older()
        assert indexed(self.table) == self.records
        for index in self.indexes:
            assert await index.counts() == tally(self.records.values())


TestProcesses = Processes.TestCase
TestProcesses.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
