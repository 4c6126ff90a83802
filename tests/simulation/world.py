"""A whole gifdrop in memory: people, events, storage, Batch, nodes and the unchanged app, killed at any call."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from functools import cached_property
from typing import Any, cast

import azure.functions as func

from shared.application import Application
from shared.conversion import STATES, Conversion
from shared.lifecycle.deletion import delete_video
from shared.lifecycle.pool_repair.repair import repair_pools
from shared.lifecycle.publication import publish_event
from shared.lifecycle.reconciliation.reconcile import reconcile
from shared.lifecycle.retry import retry
from shared.lifecycle.scaling.scale import scale_pools, wake
from shared.lifecycle.submission import submit_event
from shared.names import extra_name, gif_name, is_video
from shared.options import Options
from shared.services.batch.accounts import Accounts
from shared.services.batch.jobs import Jobs
from shared.services.coalescer import Coalescer
from shared.services.services import Services
from shared.services.storage.blobs import Blobs
from shared.services.storage.index_rows import conversion_from, row_key
from shared.services.storage.record_format import from_json
from shared.services.storage.rest import StorageRest
from shared.services.storage.table import Table
from shared.services.topic import ResultsTopic
from shared.settings import Settings, read_settings
from tests.simulation.batch import EXTRAS, GIF, Batch
from tests.simulation.gate import Gate
from tests.simulation.storage import BlobService, Clock, Container, Pipeline
from tests.simulation.table import TableClient
from tests.simulation.topic import Topic
from tests.support.settings import MINIMAL_SETTINGS

HOME = MINIMAL_SETTINGS["GIFDROP_BATCH_URL"]
AGAIN = Options(width=99, also=("webp",))
"""Options of a conversion that somebody asked for again."""
OTHER = "https://account.northeurope.batch.azure.com"


class SimulatedServices(Services):
    """The app's services over stand-ins for the SDKs' clients."""

    def __init__(
        self,
        settings: Settings,
        containers: dict[str, Container],
        table: TableClient,
        batches: dict[str, Batch],
        topic: Topic | None,
    ) -> None:
        super().__init__(settings)
        self._table_client = table
        self._containers = containers
        self._batches = batches
        self._topic = topic

    @cached_property
    def credential(self) -> Any:
        return _Credential()

    @cached_property
    def blobs(self) -> Blobs:
        return Blobs(cast("Any", BlobService(self._containers)), self.credential)

    @cached_property
    def rest(self) -> StorageRest:
        return StorageRest(self.settings.storage_url, cast("Any", Pipeline(self._containers)))

    @cached_property
    def table(self) -> Table:
        return Table(cast("Any", self._table_client))

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(lambda url: cast("Any", self._batches[url]))

    @cached_property
    def jobs(self) -> Jobs:
        return Jobs(self.accounts, self.pool, self.settings, gather_seconds=0)

    @cached_property
    def topic(self) -> ResultsTopic | None:
        return ResultsTopic(cast("Any", self._topic), source="") if self._topic else None


class World:
    """`events` and `results` (ids of tasks with a result) are on their way; `running` is what the app is doing;
    `topic`, if set, receives the results.

    With two accounts, the calls of each begin with its URL; `batch` is the home account. `settings` are those of
    `Settings` that differ from the defaults.
    """

    def __init__(self, *, accounts: int = 1, **settings: Any) -> None:
        self.gate = Gate()
        self.clock = Clock()
        self.containers: dict[str, Container] = {}
        names = ("videos", "gifs", "staging", "conversions", "logs", "deadletters")
        self.videos, self.gifs, self.staging, self.records, *_ = (
            Container(name, self.gate, self.clock, self.containers) for name in names
        )
        self.table = TableClient(self.gate, self.clock)
        urls = (HOME, OTHER)[:accounts]
        self.batches = {
            url: Batch(
                self.gate, self.clock, self.videos, self.staging, url=url, label=f"{url}: " if accounts > 1 else ""
            )
            for url in urls
        }
        self.batch = self.batches[HOME]
        self.settings = replace(read_settings(MINIMAL_SETTINGS), fallback_batch_urls=urls[1:], **settings)
        self.topic: Topic | None = None
        self.events: list[str] = []
        self.results: list[str] = []
        self.running: set[asyncio.Task[None]] = set()
        self.restart()

    def restart(self) -> None:
        """A new process takes over, which knows nothing of what the one before kept in memory."""
        self.app = Application(SimulatedServices(self.settings, self.containers, self.table, self.batches, self.topic))

    def spawn(self, work: Coroutine[Any, Any, object]) -> None:
        """Start something in the app; the host logs its exceptions."""

        async def run() -> None:
            try:
                await work
            except Exception:
                return

        task = asyncio.get_running_loop().create_task(run())
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    def deliver(self, video: str) -> None:
        async def handle() -> None:
            try:
                await submit_event(_event(video), self.app.services)
                await wake(self.app.services)
            except Exception:
                self.events.append(video)  # Event Grid delivers it again
                raise

        self.spawn(handle())

    def deliver_result(self, task_id: str) -> None:
        async def handle() -> None:
            try:
                await publish_event(_event(f"{task_id}/result.json", container="staging"), self.app.services)
            except Exception:
                self.results.append(task_id)
                raise

        self.spawn(handle())

    def convert_again(self, video: str) -> None:
        """Somebody asks for another GIF with other options."""
        self.spawn(retry(video, self.app.services, options=AGAIN))

    def delete_by_api(self, video: str) -> None:
        self.spawn(delete_video(video, self.app.services))

    def sweep(self) -> None:
        self.spawn(self.app.completion.run())

    def reconcile(self) -> None:
        self.spawn(reconcile(self.app.services))

    def scale(self) -> None:
        self.spawn(scale_pools(self.app.services))

    def repair(self) -> None:
        self.spawn(repair_pools(self.app.services))

    async def kill(self) -> None:
        """Kill the process in the middle of its calls; another takes its place."""
        senders = [task for task in asyncio.all_tasks() if _sends_for_others(task)]
        killed = [*self.running, *senders]
        for task in killed:
            task.cancel()
        await asyncio.gather(*killed, return_exceptions=True)
        self.gate.drop()
        self.restart()

    async def idle(self) -> None:
        """Run the app until it only waits for services."""
        for _ in range(25):
            await asyncio.sleep(0)

    async def come_to_rest(self) -> None:
        """From now on calls succeed, nodes work, timers run and time passes, until nothing changes."""
        self.gate.open = True
        while self.gate.waiting:
            self.gate.end(0, "done")
        for _ in range(8):
            await asyncio.gather(*self.running)
            self.clock.seconds += 7200
            self.restart()  # what a process caches of jobs is too old by now
            while self.events:
                self.deliver(self.events.pop())
            self.results.clear()  # lost: the sweep is enough
            self.reconcile()
            await asyncio.gather(*self.running)
            for job in self.batch.jobs.values():
                for task in list(job.tasks.values()):
                    if task.state == "active" and job.state == "active":
                        self.batch.begin(task)
                    if task.state == "running":
                        self.batch.end(task, "judged")
            self.sweep()
            await asyncio.gather(*self.running)

    def record(self, video: str) -> Conversion | None:
        blob = self.records.blobs.get(video)
        return from_json(blob.body).conversion if blob else None

    def extras(self, video: str) -> dict[str, bytes]:
        """The files beside a video's GIF in the output container, by kind."""
        names = {kind: extra_name(gif_name(video), kind) for kind in sorted(EXTRAS)}
        return {kind: self.gifs.blobs[name].body for kind, name in names.items() if name in self.gifs.blobs}

    def check(self) -> None:
        """What must hold once nothing changes any more."""
        assert self.batch.tasks == [], "tasks are left"
        self._check_index()
        records = (self.record(name) for name in self.records.blobs if is_video(name))
        gifs = [record.gif for record in records if record and record.gif]
        published = {name for gif in gifs for name in (gif.name, *(extra.name for extra in gif.also))}
        assert set(self.gifs.blobs) <= published, "a file is left that no record names"
        for video, blob in self.videos.blobs.items():
            record = self.record(video)
            assert record, f"{video} was lost"
            assert record.etag == blob.etag.strip('"'), f"{video} is not recorded in its newest version"
            assert record.final, f"{video} stays {record.state}"
            if record.state == "succeeded":
                assert self.gifs.blobs[gif_name(video)].body == GIF + blob.body + b";", (
                    f"{video} has the GIF of another version"
                )
                uploaded = tuple(filter(None, blob.metadata.get("gif_also", "").split(",")))
                asked = sorted(AGAIN.also if record.options == AGAIN else uploaded)
                assert self.extras(video) == {kind: EXTRAS[kind] + blob.body for kind in asked}, (
                    f"{video} has other files beside its GIF"
                )
                assert record.gif
                assert sorted(extra.kind for extra in record.gif.also) == asked
            else:
                assert record.error, f"{video} failed without a reason"
                assert gif_name(video) not in self.gifs.blobs, f"{video} failed but has the GIF of an older version"
                assert not self.extras(video), f"{video} failed but has files of an older version"
                # A video may also fail because of faults in every attempt, unless it was refused without a task.
                faults = {"ConverterFailed", "FileUploadMiscError", "TaskEnded", "TookTooLong", "Hung"}
                kind = blob.body.rstrip(b"0123456789")
                allowed = {b"": {"EmptyFile"}, b"bad": {"NotAVideo"} | faults, b"good": faults}[kind]
                assert record.error.code in allowed, f"{video} failed: {record.error}"

    def _check_index(self) -> None:
        """The index has one row for every record, and its counters agree with its rows."""
        rows = {key: values for key, (values, _, _) in self.table.rows.items()}
        indexed = {key: conversion_from(values) for key, values in rows.items() if "record" in values}
        recorded = {
            record.video: record for video in self.records.blobs if is_video(video) and (record := self.record(video))
        }
        assert {one.video: one.state for one in indexed.values()} == {name: one.state for name, one in recorded.items()}
        assert len(indexed) == len(recorded), "a video has two rows"
        assert all(key == row_key(recorded[one.video]) for key, one in indexed.items()), "a row has another time"
        assert {values["row"] for key, values in rows.items() if key.startswith("video:")} == set(indexed)
        for state in STATES:
            counted = sum(values[state] for key, values in rows.items() if key.startswith("count:"))
            assert counted == sum(one.state == state for one in indexed.values()), f"{state} is miscounted"


def _sends_for_others(task: asyncio.Task[Any]) -> bool:
    return getattr(task.get_coro(), "__qualname__", "") == f"{Coalescer.__name__}.{Coalescer._send_all.__name__}"


class _Credential:
    async def get_token(self, *_: str) -> Any:
        return type("Token", (), {"token": "token"})


def _event(name: str, *, container: str = "videos") -> func.EventGridEvent:
    return func.EventGridEvent(
        id="1",
        data={},
        topic="",
        subject=f"/blobServices/default/containers/{container}/blobs/{name}",
        event_type="Microsoft.Storage.BlobCreated",
        event_time=None,
        data_version="",
    )
