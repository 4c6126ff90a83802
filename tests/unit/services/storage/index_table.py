"""An index in a table in memory, which records its transactions."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from shared.conversion import STATES, Conversion, State
from shared.names import task_id
from shared.services.storage.index import COUNTER_IDLE, Index
from shared.services.storage.index_rows import conversion_from
from shared.services.storage.table import Table
from shared.timestamps import utc_now
from tests.simulation.gate import Ending, Gate
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


async def row_of(index: Index, state: State) -> str:
    return (await anext(index.rows(state))).key
