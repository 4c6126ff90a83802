"""A whole gifdrop in memory: people, events, storage, Batch, nodes, and the unchanged app, killed at any call."""

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import azure.functions as func

from shared.clients import Clients
from shared.completion import complete_all
from shared.conversion import Conversion, from_json
from shared.names import gif_name
from shared.reconciliation import reconcile
from shared.settings import read_settings
from shared.submission import submit_event
from tests.simulation.batch import GIF, Batch
from tests.simulation.gate import Gate
from tests.simulation.storage import Clock, Container, Rest
from tests.unit.test_settings import GOOD


class World:
    """`events` are those on their way; `running` is what the app is doing."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.clock = Clock()
        self.containers: dict[str, Container] = {}
        names = ("videos", "gifs", "staging", "conversions")
        self.videos, self.gifs, self.staging, self.records = (
            Container(name, self.gate, self.clock, self.containers) for name in names
        )
        self.batch = Batch(self.gate, self.clock, self.videos, self.staging)
        self.events: list[str] = []
        self.running: set[asyncio.Task[None]] = set()
        self.clients = self._process()

    def _process(self) -> Clients:
        clients = Clients(read_settings(GOOD))
        parts = {"videos": self.videos, "gifs": self.gifs, "staging": self.staging, "records": self.records}
        clients.__dict__.update(parts, credential=_Credential(), rest=Rest(self.containers))
        clients._batch = {clients.settings.batch_url: cast("Any", self.batch)}
        return clients

    def spawn(self, work: Coroutine[Any, Any, object]) -> None:
        """Let the app begin something; its trouble is the host's business, which logs it."""

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
                await submit_event(_event(video), self.clients)
            except Exception:
                self.events.append(video)  # Event Grid delivers it again
                raise

        self.spawn(handle())

    def sweep(self) -> None:
        self.spawn(complete_all(self.clients))

    def reconcile(self) -> None:
        self.spawn(reconcile(self.clients))

    async def kill(self) -> None:
        """The process is gone in mid-call, with everything it was doing; another takes its place."""
        for task in list(self.running):
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)
        self.gate.drop()
        self.clients = self._process()

    async def idle(self) -> None:
        """Run the app until all it does waits for a service."""
        for _ in range(25):
            await asyncio.sleep(0)

    async def come_to_rest(self) -> None:
        """No more trouble: calls succeed, nodes work, timers run, time passes, until nothing changes."""
        self.gate.open = True
        while self.gate.waiting:
            self.gate.settle(0, "done")
        for _ in range(8):
            await asyncio.gather(*self.running)
            self.clock.seconds += 7200
            # Another process, as it were: what it knew of jobs is older than it may be believed.
            self.clients = self._process()
            while self.events:
                self.deliver(self.events.pop())
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
        return from_json(blob.body) if blob else None

    def check(self) -> None:
        """What must hold once all is quiet."""
        assert self.batch.tasks == [], "tasks are left"
        assert self.staging.blobs == {}, "staging is not empty"
        for video, blob in self.videos.blobs.items():
            record = self.record(video)
            assert record, f"{video} was lost"
            assert record.etag == blob.etag.strip('"'), f"{video} is not known in its newest version"
            assert record.final, f"{video} is {record.state} for ever"
            if record.state == "succeeded":
                assert self.gifs.blobs[gif_name(video)].body == GIF + blob.body + b";", f"{video} has another's GIF"
            else:
                assert record.error, f"{video} failed without a reason"
                assert gif_name(video) not in self.gifs.blobs, f"{video} failed but has an older version's GIF"
                # A video may also fail of trouble that came again and again, unless no task was needed to refuse it.
                trouble = {"ConverterFailed", "FileUploadMiscError", "TaskEnded", "TookTooLong", "Hung"}
                kind = blob.body.rstrip(b"0123456789")
                allowed = {b"": {"EmptyFile"}, b"bad": {"NotAVideo"} | trouble, b"good": trouble}[kind]
                assert record.error.code in allowed, f"{video} failed: {record.error}"


class _Credential:
    async def get_token(self, *_: str) -> Any:
        return type("Token", (), {"token": "token"})


def _event(video: str) -> func.EventGridEvent:
    return func.EventGridEvent(
        id="1",
        data={},
        topic="",
        subject=f"/blobServices/default/containers/videos/blobs/{video}",
        event_type="Microsoft.Storage.BlobCreated",
        event_time=None,
        data_version="",
    )
