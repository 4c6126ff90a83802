"""The index of conversions: which are open, which failed, which are the newest, and how many there are of each state.

A table, because the records are blobs, which can only be listed by name. It follows the records and never decides
anything: `lifecycle/protocol.py` says when it is written, `lifecycle/reconciliation/` compares and corrects it.
"""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from shared.conversion import STATES
from shared.services.coalescer import Coalescer
from shared.services.errors import ConflictError, ServiceError
from shared.services.storage.index_rows import (
    COUNTERS,
    POINTERS,
    conversion_from,
    pointer_from,
    pointer_key,
    pointer_values,
    row_key,
    row_values,
)
from shared.services.storage.record_format import UnreadableRecordError
from shared.services.storage.table import MAX_TRANSACTION_OPERATIONS, Operation, Range, prefix_range
from shared.timestamps import utc_now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from shared.conversion import Conversion, State
    from shared.services.storage.index_rows import Pointer
    from shared.services.storage.table import Entity, Table

log = logging.getLogger(__name__)

OPERATIONS_PER_MOVE = 3
MAX_MOVES = (MAX_TRANSACTION_OPERATIONS - 1) // OPERATIONS_PER_MOVE
MAX_TRIES = 4
"""Times that a video's row is read and moved, when other processes move it at the same time."""
COUNTER_IDLE = timedelta(hours=6)
"""Counters that did not change for this long are merged into one: each process leaves one behind."""
MERGED_COUNTER = f"{COUNTERS}merged"
RACE_STATUSES = (404, 409, 412)
"""Statuses of a transaction that found a row or a counter missing, existing, or changed."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """A video's row leaves the key `old` and becomes that of the conversion `new`; `None` is no row."""

    video: str
    old: str | None
    new: Conversion | None
    follow: bool = True
    """Whether the row is looked for, and moved unless it is newer, if it is not at `old`."""

    @property
    def delta(self) -> Counter[str]:
        """How the move changes the number of videos in each state."""
        delta: Counter[str] = Counter()
        if self.new:
            delta[self.new.state] += 1
        if self.old:
            delta[self.old.partition(":")[0]] -= 1
        return delta

    def operations(self) -> list[Operation]:
        """The operations on both rows, which fail if the row is not at `old`."""
        pointer = pointer_key(self.video)
        if self.new is None:
            return [Operation("delete", pointer), Operation("delete", self.old or "")]
        new = row_key(self.new)
        if self.old is None:
            return [
                Operation("create", pointer, pointer_values(self.new)),
                Operation("create", new, row_values(self.new)),
            ]
        pointed = Operation("upsert", pointer, pointer_values(self.new))
        if self.old == new:
            return [pointed, Operation("update", new, row_values(self.new))]
        return [pointed, Operation("delete", self.old), Operation("create", new, row_values(self.new))]


@dataclass(frozen=True, kw_only=True)
class IndexedRow:
    """A row as it was read."""

    key: str
    conversion: Conversion
    modified: datetime


class Index:
    """The index in its table. Every method raises `ServiceError`.

    The moves of concurrent callers share a transaction. Counts are exact: a transaction that moves rows also changes
    the counter of its process, and fails if a row is not where it was expected.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._moves: Coalescer[Move] = Coalescer(self._send, max_items=MAX_MOVES, gather_seconds=0)
        self._counter_key = ""
        self._counter_etag: str | None = None
        self._counts: Counter[str] = Counter()
        self._counter_current = False

    async def put(self, conversion: Conversion, *, previous: Conversion | None) -> None:
        """Bring the index from `previous`, what it is assumed to have of the video, to `conversion`.

        If the assumption is wrong, the video's pointer is read; a later state of the video stays as it is.
        """
        old = row_key(previous) if previous else None
        await self._moves.submit(Move(video=conversion.video, old=old, new=conversion))

    async def refresh(self, conversion: Conversion) -> None:
        """Make sure that the index has `conversion`, or a later state of the video."""
        pointer = await self._pointer(conversion.video)
        if pointer is None or not pointer.is_newer_than(conversion):
            old = pointer.row if pointer else None
            await self._moves.submit(Move(video=conversion.video, old=old, new=conversion))

    async def correct(self, video: str, conversion: Conversion | None, *, row: str | None) -> None:
        """Make the index say what the video's record says, `None` if there is none; `row` is where it was found.

        Raises `ConflictError` if the row was moved since.
        """
        await self._moves.submit(Move(video=video, old=row, new=conversion, follow=False))

    async def counts(self) -> dict[State, int]:
        """The number of videos in each state."""
        total: Counter[str] = Counter()
        async for counter in self._table.all(prefix_range(COUNTERS)):
            total.update(_counts(counter))
        return {state: total[state] for state in STATES}

    async def page(self, state: State, *, limit: int, marker: str | None = None) -> tuple[list[Conversion], str | None]:
        """Conversions in a state, the newest first, and the marker of the next page."""
        entities, following = await self._table.page(prefix_range(f"{state}:"), limit=limit, marker=marker)
        return [row.conversion for entity in entities if (row := _row(entity))], following

    async def rows(self, state: State) -> AsyncIterator[IndexedRow]:
        """All rows of a state, the newest first."""
        async for entity in self._table.all(prefix_range(f"{state}:")):
            row = _row(entity)
            if row:
                yield row

    async def pointers(self, *, after: str, until: str | None) -> AsyncIterator[Pointer]:
        """The pointers of the videos behind the name `after`, up to and with `until`; `None` is the last one."""
        whole = prefix_range(POINTERS)
        first = pointer_key(after) + ":" if after else whole.first
        end = whole.end if until is None else pointer_key(until) + ":"
        async for entity in self._table.all(Range(first, end)):
            yield pointer_from(entity.key, entity.values, entity.modified)

    async def merge_counters(self) -> None:
        """Merge the counters of processes that have ended."""
        before = utc_now() - COUNTER_IDLE
        merged = await self._table.get(MERGED_COUNTER)
        total = _counts(merged) if merged else Counter[str]()
        operations: list[Operation] = []
        async for counter in self._table.all(prefix_range(COUNTERS)):
            full = len(operations) == MAX_TRANSACTION_OPERATIONS - 1
            if counter.key != MERGED_COUNTER and counter.modified < before and not full:
                total.update(_counts(counter))
                operations.append(Operation("delete", counter.key, etag=counter.etag))
        if operations:
            kind, etag = ("update", merged.etag) if merged else ("create", None)
            operations.append(Operation(kind, MERGED_COUNTER, _counter_values(total), etag))  # type: ignore[arg-type]
            try:
                await self._table.transact(operations)
            except ServiceError as error:
                if error.status not in RACE_STATUSES:
                    raise
                log.info("the counters are merged by the next run: %s", error)

    async def _send(self, moves: Sequence[Move]) -> list[Exception | None]:
        """The error of each move, `None` for those that were made."""
        if len(moves) > 1 and len({move.video for move in moves}) == len(moves):
            try:
                await self._transact(moves)
            except ServiceError as error:
                if not error.refused:
                    return [error] * len(moves)  # throttled, or out of reach: one error for all
            else:
                return [None] * len(moves)
        return [await self._send_one(move) for move in moves]

    async def _send_one(self, move: Move) -> Exception | None:
        try:
            for _ in range(MAX_TRIES):
                try:
                    await self._transact([move])
                except ServiceError as error:
                    if error.status not in RACE_STATUSES:
                        raise
                else:
                    return None
                pointer = await self._pointer(move.video)
                found = pointer.row if pointer else None
                if found == move.old:
                    continue  # the counter was merged, or a request whose response was lost has changed it
                if move.new is None or not move.follow:
                    break
                if pointer and pointer.is_newer_than(move.new):
                    return None
                move = replace(move, old=found)
            return ConflictError(f"the index row of {move.video!r} was moved meanwhile")
        except ServiceError as error:
            return error

    async def _transact(self, moves: Sequence[Move]) -> None:
        if not self._counter_current:
            await self._load_counter()
        # Until the response is there, it is not known what the counter says.
        self._counter_current = False
        counts = self._counts.copy()
        for move in moves:
            counts.update(move.delta)
        kind: Literal["create", "update"] = "update" if self._counter_etag else "create"
        counter = Operation(kind, self._counter_key, _counter_values(counts), self._counter_etag)
        etags = await self._table.transact([counter, *(one for move in moves for one in move.operations())])
        self._counts, self._counter_etag, self._counter_current = counts, etags[0], True

    async def _load_counter(self) -> None:
        counter = await self._table.get(self._counter_key) if self._counter_key else None
        # One that is gone has been merged; its key must not be used again.
        self._counter_key = counter.key if counter else f"{COUNTERS}{uuid.uuid4().hex}"
        self._counter_etag = counter.etag if counter else None
        self._counts = _counts(counter) if counter else Counter()
        self._counter_current = True

    async def _pointer(self, video: str) -> Pointer | None:
        entity = await self._table.get(pointer_key(video))
        return pointer_from(entity.key, entity.values, entity.modified) if entity else None


def _row(entity: Entity) -> IndexedRow | None:
    try:
        conversion = conversion_from(entity.values)
    except (UnreadableRecordError, KeyError, ValueError):
        log.warning("the index row %r cannot be read", entity.key)
        return None
    return IndexedRow(key=entity.key, conversion=conversion, modified=entity.modified)


def _counts(counter: Entity) -> Counter[str]:
    return Counter({state: int(counter.values.get(state, 0)) for state in STATES})


def _counter_values(counts: Counter[str]) -> dict[str, int]:
    return {state: counts[state] for state in STATES}
