"""Events per second through the webhook of the local Functions host: a burst, whose tasks share requests, one by one.

The pool has no nodes, so that conversions do not compete for the processors.
"""

import asyncio
import json
import shutil
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import Row, goal_row, plot
from bench.table import show
from bench.upload import upload
from local import resources
from local.events.schema import CREATED, subject
from local.ports import free_ports
from local.process import ROOT
from local.stack import Stack
from tests.support.stack_client import StackClient

BATCH = 100
"""Events of one request of a burst, as infra/events.bicep sets it (maxEventsPerBatch)."""
BATCHES = 3
"""Requests of a burst, all at once."""
SINGLE_EVENTS = 80
ROUNDS = 3
GOAL_RATIO, GOAL_ADDS = 4.0, 0.02
ROUND_TRIP_SECONDS = 0.05
"""Delay of each request that adds tasks in the second measurement: Batch is beyond a network."""
ADDS = ("create_task", "create_task_collection")
SETTINGS = {"GIFDROP_COMPLETE_SCHEDULE": "0 0 0 1 1 *", "GIFDROP_RECONCILE_SCHEDULE": "0 0 0 1 1 *"}
"""No timers."""
SEPARATE_REQUESTS = f"""
import importlib.util
import sys

sys.path.append({str(ROOT)!r})
from shared.services.batch.task_adder import TaskAdder


async def add(self, spec):
    error = await self._send_one(spec)
    if error:
        raise error


TaskAdder.add = add
found = importlib.util.spec_from_file_location("gifdrop", {str(ROOT / "function_app.py")!r})
module = importlib.util.module_from_spec(found)
found.loader.exec_module(module)
app = module.app
"""
"""A function_app.py: the app, but each event sends a request for its own task at once."""


@dataclass(frozen=True, kw_only=True)
class Mode:
    """How events are delivered, and to which app."""

    name: str
    coalesced: bool
    events: int
    """Of one request."""
    requests: int
    in_flight: int


ONE_BY_ONE = Mode(name="one by one", coalesced=False, events=1, requests=SINGLE_EVENTS, in_flight=1)
SEPARATE = Mode(
    name="burst, a request for each task", coalesced=False, events=BATCH, requests=BATCHES, in_flight=BATCHES
)
COALESCED = Mode(name="burst, coalesced", coalesced=True, events=BATCH, requests=BATCHES, in_flight=BATCHES)
MODES = (ONE_BY_ONE, SEPARATE, COALESCED)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Medians of all rounds."""

    events_per_second: dict[Mode, float]
    adds: float
    """Requests that add tasks, per event of a coalesced burst."""

    @property
    def ratio(self) -> float:
        return self.events_per_second[COALESCED] / self.events_per_second[ONE_BY_ONE]


def run() -> list[Row]:
    """Rates of each mode and their ratio, with the emulator as it is and with a round trip to Batch."""
    with tempfile.TemporaryDirectory() as scratch:
        loopback, delayed = asyncio.run(_measure(Path(scratch)))
    round_trip = f"{ROUND_TRIP_SECONDS * 1000:.0f} ms to Batch"
    measured = {"loopback": loopback, round_trip: delayed}
    rows = {
        f"{mode.name}, {where}": {"events/s": rates.events_per_second[mode]}
        for where, rates in measured.items()
        for mode in MODES
    }
    goal = GOAL_RATIO * loopback.events_per_second[ONE_BY_ONE]
    plot.save("throughput", plot.bars("Events through the webhook", "events/s", rows, goal=goal))
    return [
        goal_row("events/s, coalesced to one by one", loopback.ratio, "ratio", GOAL_RATIO, at_least=True),
        goal_row(f"the same, {round_trip}", delayed.ratio, "ratio", GOAL_RATIO, at_least=True),
        *(
            {"figure": f"{mode.name}, {where}", "value": rates.events_per_second[mode], "unit": "events/s"}
            for where, rates in measured.items()
            for mode in MODES
        ),
        *(
            goal_row(f"requests that add tasks, {COALESCED.name}, {where}", rates.adds, "requests per event", GOAL_ADDS)
            for where, rates in measured.items()
        ),
    ]


async def _measure(directory: Path) -> tuple[Rates, Rates]:
    async with _stack(directory) as bench:
        for mode in MODES:  # the first events wait for connections and tokens
            await bench.deliver(mode)
        loopback = await _rounds(bench)
        await bench.delay_adds(ROUND_TRIP_SECONDS)
        return loopback, await _rounds(bench)


async def _rounds(bench: "_Bench") -> Rates:
    rates: dict[Mode, list[float]] = {mode: [] for mode in MODES}
    adds: list[float] = []
    for _ in range(ROUNDS):
        for mode in MODES:  # in turn, so that a busy machine affects all alike
            before = await bench.adds()
            rates[mode].append(await bench.deliver(mode))
            if mode.coalesced:
                adds.append((await bench.adds() - before) / (mode.events * mode.requests))
    return Rates(
        events_per_second={mode: statistics.median(values) for mode, values in rates.items()},
        adds=statistics.median(adds),
    )


@asynccontextmanager
async def _stack(directory: Path) -> AsyncIterator["_Bench"]:
    """A stack without nodes and without events of its own, and a second Functions host that does not coalesce."""
    pools, app = directory / "pools.json", directory / "separate"
    pool = resources.pool_definition() | {"enableAutoScale": False, "targetDedicatedNodes": 0}
    for name in ("autoScaleFormula", "autoScaleEvaluationInterval"):
        del pool[name]
    pools.write_text(json.dumps([pool]))
    app.mkdir()
    shutil.copy(ROOT / "host.json", app)
    (app / "function_app.py").write_text(SEPARATE_REQUESTS)
    arguments = {"batch": ["--control", "--pools", str(pools)], "events": ["--drop", "on-video-uploaded=1"]}
    async with (
        Stack(directory=directory / "stack", settings=SETTINGS, arguments=arguments) as stack,
        StackClient(stack.endpoints, stack.env) as client,
    ):
        [port] = free_ports(1)
        await stack.start_second("functions", arguments=["--app", str(app), "--port", str(port)])
        yield _Bench(
            client=client,
            env=stack.env,
            control=f"{stack.endpoints['batch']}/_control",
            hosts={True: stack.endpoints["functions"], False: f"http://127.0.0.1:{port}"},
            key=json.loads(stack.layout.keys.read_text())["eventgrid"],
        )


@dataclass(frozen=True, kw_only=True)
class _Bench:
    client: StackClient
    env: dict[str, str]
    control: str
    hosts: dict[bool, str]
    """Functions hosts, by whether the app coalesces."""
    key: str

    async def deliver(self, mode: Mode) -> float:
        """Upload new videos, then deliver their events; returns events per second."""
        batches = [[f"{uuid.uuid4()}.mp4" for _ in range(mode.events)] for _ in range(mode.requests)]
        names = [name for batch in batches for name in batch]
        await asyncio.to_thread(upload, self.env, dict.fromkeys(names, b"never converted"))
        limit = asyncio.Semaphore(mode.in_flight)

        async def post(batch: list[str]) -> None:
            url = f"{self.hosts[mode.coalesced]}/runtime/webhooks/eventgrid"
            parameters = {"functionName": "on_video_uploaded", "code": self.key}
            headers = {"aeg-event-type": "Notification"}
            events = [_event(name) for name in batch]
            async with (
                limit,
                self.client.http.post(url, params=parameters, json=events, headers=headers) as response,
            ):
                assert response.status == 202, await response.text()

        before, began = await self._tasks(), time.perf_counter()
        await asyncio.gather(*map(post, batches))
        seconds = time.perf_counter() - began
        # A failed add is left to the sweep, and the event succeeds all the same.
        assert await self._tasks() - before == len(names), "a task was not added"
        return len(names) / seconds

    async def adds(self) -> int:
        """How many requests that add tasks Batch has had."""
        headers = await self.client.control_headers()
        async with self.client.http.get(self.control, ssl=self.client.tls, headers=headers) as response:
            requests = (await response.json())["requests"]
        return sum(requests.get(name, 0) for name in ADDS)

    async def delay_adds(self, seconds: float) -> None:
        """Make Batch wait before it serves a request that adds tasks."""
        faults = [{"operation": name, "delay": seconds, "times": -1} for name in ADDS]
        headers, url = await self.client.control_headers(), f"{self.control}/faults"
        async with self.client.http.post(
            url, ssl=self.client.tls, headers=headers, json={"faults": faults}
        ) as response:
            assert response.ok, await response.text()

    async def _tasks(self) -> int:
        jobs = [job.id async for job in self.client.batch.list_jobs(filter="startswith(id,'gifdrop-')")]
        return sum([(await self.client.batch.get_job_task_counts(job)).task_counts.active for job in jobs])


def _event(name: str) -> dict[str, object]:
    return {
        "id": str(uuid.uuid4()),
        "topic": "",
        "subject": subject("videos", name),
        "eventType": CREATED,
        "eventTime": "2026-01-01T00:00:00Z",
        "data": {},
        "dataVersion": "",
    }


if __name__ == "__main__":
    show("throughput", run())
