"""Several processes whose calls to one index interleave and fail."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.conversion import Conversion
from shared.services.errors import ServiceError
from tests.simulation.gate import Ending, Gate
from tests.simulation.storage import Clock
from tests.unit.services.storage.index_table import (
    IDLE,
    Recorder,
    end,
    idle,
    indexed,
    make,
    process,
    tally,
)


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
