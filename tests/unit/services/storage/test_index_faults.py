"""Calls to the table that fail, are repeated, arrive late or are cancelled."""

import asyncio
from typing import Any, cast

import pytest
from azure.core.exceptions import HttpResponseError

from shared.services.errors import ConflictError, ServiceError
from shared.services.storage.index import MAX_MOVES
from tests.simulation.gate import Ending, failure
from tests.unit.services.storage.index_table import (
    VIDEO,
    Recorder,
    end,
    idle,
    indexed,
    make,
    process,
    tally,
)


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
