"""A Batch account in memory, as far as the app uses it; tasks run when the test says so."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from shared.names import EXTRA_FILES
from tests.simulation.gate import Gate, failure
from tests.simulation.pool import PoolStandIn
from tests.simulation.storage import Clock, Container

T = TypeVar("T")

GIF = b"GIF89a" + bytes(7)
EXTRAS = {"poster": b"\xff\xd8\xff" + bytes(9), "webp": b"RIFF\0\0\0\0WEBP" + bytes(9)}
"""How the files beside a GIF begin, by kind."""
End = Literal["judged", "crashed", "node lost", "upload failed"]


@dataclass
class Task:
    id: str
    video: str
    state: str = "active"
    started: float | None = None
    ended: float | None = None
    reported: float | None = None
    """When it last reported progress, if that was not when it started."""
    requeues: int = 0
    also: tuple[str, ...] = ()
    """Kinds of files that it uploads beside the GIF, by its output files."""
    read: bytes | None = None
    failure: str | None = None


@dataclass
class Job:
    id: str
    state: str = "active"
    pool: str = "gifdrop"
    tasks: dict[str, Task] = field(default_factory=dict)


class Batch:
    """Stands in for a BatchClient."""

    def __init__(
        self, gate: Gate, clock: Clock, videos: Container, staging: Container, *, url: str, label: str = ""
    ) -> None:
        self.gate = gate
        self.url = url
        self.label = label
        """Precedes the names of this account's calls."""
        self.clock = clock
        self.videos = videos
        self.staging = staging
        self.jobs: dict[str, Job] = {}
        self.resize_errors: list[Any] = []
        self.nodes: dict[str, int] = {"idle": 1}
        self.pool = PoolStandIn(gate, clock, label=label)

    @property
    def tasks(self) -> list[Task]:
        return [task for job in self.jobs.values() for task in job.tasks.values()]

    def begin(self, task: Task) -> None:
        """A node takes the task and downloads the present version of the video."""
        blob = self.videos.blobs.get(task.video)
        task.state, task.started = "running", self.clock.seconds
        if blob is None:
            task.state, task.ended, task.failure = "completed", self.clock.seconds, "BlobNotFound"
        else:
            task.read = blob.body

    def end(self, task: Task, how: End) -> None:
        """The task ends; its GIF holds the bytes of the video that it was made from."""
        if how == "node lost":
            task.state, task.started, task.read = "active", None, None
            task.requeues += 1
            return
        task.state, task.ended = "completed", self.clock.seconds
        assert task.read is not None
        if how == "crashed":
            task.failure = "FailureExitCode"
            return
        if how == "upload failed":
            task.failure = "FileUploadMiscError"
            self.staging.put(f"{task.id}/out.gif", GIF)
            return
        result: dict[str, object] = {"verdict": "rejected", "code": "NotAVideo", "message": "It is not a video."}
        if task.read.startswith(b"good"):
            gif = GIF + task.read + b";"
            self.staging.put(f"{task.id}/out.gif", gif)
            measured = {
                "bytes": len(gif),
                "width": 2,
                "height": 2,
                "frames": 1,
                "duration_seconds": 1,
                "sha256": sha256(gif).hexdigest(),
            }
            result = {
                "verdict": "converted",
                "gif": measured,
                "also": [self._upload_extra(task, kind) for kind in task.also],
            }
        job = next(job.id for job in self.jobs.values() if job.tasks.get(task.id) is task)
        result["task"] = {
            "video": quote(task.video),
            "batch_url": self.url,
            "job_id": job,
            "node_id": "node",
            "started_at": None,
        }
        self.staging.put(f"{task.id}/result.json", json.dumps(result).encode())

    def _upload_extra(self, task: Task, kind: str) -> dict[str, object]:
        """Upload a file beside the GIF; what the converter reports of it."""
        assert task.read is not None
        body = EXTRAS[kind] + task.read
        self.staging.put(f"{task.id}/{EXTRA_FILES[kind]}", body)
        measured = {"bytes": len(body), "width": 2, "height": 2, "sha256": sha256(body).hexdigest()}
        return {"kind": kind, "name": EXTRA_FILES[kind], **measured}

    def fail_to_resize(self, code: str) -> None:
        """The pool loses its nodes and gets no others."""
        self.nodes = {}
        self.resize_errors = [SimpleNamespace(code=code, message="The quota is reached.", values_property=None)]

    async def _call(self, what: str, effect: Callable[[], T]) -> T:
        return await self.gate.call(f"{self.label}{what}", effect)

    def _job(self, id_: str) -> Job:
        if id_ not in self.jobs:
            raise failure(404, "JobNotFound")
        return self.jobs[id_]

    def _show(self, task: Task) -> Any:
        bad = task.failure and SimpleNamespace(code=task.failure, message=task.failure, details=None)
        execution = SimpleNamespace(
            start_time=None if task.started is None else self.clock.as_real(task.started),
            end_time=None if task.ended is None else self.clock.as_real(task.ended),
            exit_code=1 if task.failure == "FailureExitCode" else 0,
            failure_info=bad,
            requeue_count=task.requeues,
        )
        node = None if task.started is None else SimpleNamespace(node_id="node")
        return SimpleNamespace(
            id=task.id, display_name=task.video, state=task.state, execution_info=execution, node_info=node
        )

    async def get_application(self, id_: str) -> Any:
        return await self._call("get application", lambda: SimpleNamespace(id=id_, versions=["0123456789ab"]))

    async def get_pool(self, id_: str, **_: object) -> Any:
        return await self._call("get pool", lambda: self._pool(id_))

    def _pool(self, id_: str) -> Any:
        return SimpleNamespace(
            id=id_,
            state="active",
            allocation_state=self.pool.allocation_state,
            current_dedicated_nodes=sum(self.nodes.values()),
            current_low_priority_nodes=0,
            target_dedicated_nodes=self.pool.target,
            target_low_priority_nodes=0,
            task_slots_per_node=1,
            allocation_state_transition_time=self.clock.as_real(self.pool.resized),
            enable_auto_scale=bool(self.pool.formula),
            auto_scale_formula=self.pool.formula,
            auto_scale_evaluation_interval=self.pool.interval,
            auto_scale_run=None,
            resize_errors=self.resize_errors,
        )

    async def list_pool_node_counts(self, **_: object) -> AsyncIterator[Any]:
        def effect() -> list[Any]:
            return [SimpleNamespace(dedicated=SimpleNamespace(as_dict=lambda: dict(self.nodes)), low_priority=None)]

        for counts in await self._call("count nodes", effect):
            yield counts

    async def get_job(self, id_: str, **_: object) -> Any:
        def effect() -> Any:
            job = self._job(id_)
            return SimpleNamespace(id=id_, state=job.state, pool_info=SimpleNamespace(pool_id=job.pool))

        return await self._call(f"get {id_}", effect)

    async def create_job(self, job: Any) -> None:
        def effect() -> None:
            if job.id in self.jobs:
                raise failure(409, "JobExists")
            self.jobs[job.id] = Job(job.id, pool=job.pool_info.pool_id)

        await self._call(f"create {job.id}", effect)

    async def create_task(self, job_id: str, task: Any) -> None:
        def effect() -> None:
            job = self._job(job_id)
            if job.state == "completed":
                raise failure(409, "JobCompleted")
            if job.state == "deleting":
                raise failure(409, "JobBeingDeleted")
            if task.id in job.tasks:
                raise failure(409, "TaskExists")
            job.tasks[task.id] = _new_task(task)

        await self._call(f"create {job_id}/{task.id}", effect)

    async def create_task_collection(self, job_id: str, group: Any) -> Any:
        def effect() -> Any:
            job = self._job(job_id)
            if job.state in ("completed", "deleting"):
                raise failure(409, "JobCompleted" if job.state == "completed" else "JobBeingDeleted")
            results = []
            for task in group.task_values:
                known = task.id in job.tasks
                error = SimpleNamespace(code="TaskExists", message=None) if known else None
                results.append(
                    SimpleNamespace(task_id=task.id, status="clienterror" if known else "success", error=error)
                )
                if not known:
                    job.tasks[task.id] = _new_task(task)
            return SimpleNamespace(result_values=results)

        return await self._call(f"create {job_id}/ {len(group.task_values)} tasks", effect)

    async def delete_task(self, job_id: str, task_id: str) -> None:
        def effect() -> None:
            if task_id not in self._job(job_id).tasks:
                raise failure(404, "TaskNotFound")
            del self.jobs[job_id].tasks[task_id]

        await self._call(f"delete {job_id}/{task_id}", effect)

    async def terminate_task(self, job_id: str, task_id: str) -> None:
        def effect() -> None:
            task = self._job(job_id).tasks.get(task_id)
            if task is None:
                raise failure(404, "TaskNotFound")
            if task.state == "completed":
                raise failure(409, "TaskCompleted")
            task.state, task.failure, task.ended = "completed", "TaskEnded", self.clock.seconds
            task.started = task.started or self.clock.seconds

        await self._call(f"terminate {job_id}/{task_id}", effect)

    async def list_jobs(self, **_: object) -> AsyncIterator[Any]:
        def effect() -> list[Any]:
            return [SimpleNamespace(id=job.id, state=job.state) for job in self.jobs.values()]

        for job in await self._call("list jobs", effect):
            yield job

    async def get_task(self, job_id: str, task_id: str, **_: object) -> Any:
        def effect() -> Any:
            task = self._job(job_id).tasks.get(task_id)
            if task is None:
                raise failure(404, "TaskNotFound")
            return self._show(task)

        return await self._call(f"get {job_id}/{task_id}", effect)

    async def list_tasks(self, job_id: str, *, filter: str | None = None, **_: object) -> AsyncIterator[Any]:  # noqa: A002
        def effect() -> list[Any]:
            if self._job(job_id).state == "deleting":
                raise failure(409, "JobBeingDeleted")
            return [
                self._show(task) for task in self._job(job_id).tasks.values() if not filter or task.state != "active"
            ]

        for task in await self._call(f"list tasks of {job_id}", effect):
            yield task

    async def get_task_file_properties(self, job_id: str, task_id: str, path: str) -> Any:
        def effect() -> Any:
            task = self._job(job_id).tasks.get(task_id)
            if task is None or task.started is None:
                raise failure(404, "TaskNotFound")
            return SimpleNamespace(last_modified=self.clock.as_real(task.reported or task.started))

        return await self._call(f"look at {path} of {task_id}", effect)

    async def begin_delete_job(self, job_id: str) -> None:
        def effect() -> None:
            self._job(job_id)
            del self.jobs[job_id]

        await self._call(f"delete {job_id}", effect)

    async def get_job_task_counts(self, job_id: str) -> Any:
        def effect() -> Any:
            states = [task.state for task in self._job(job_id).tasks.values()]
            counts = SimpleNamespace(active=states.count("active"), running=states.count("running"))
            return SimpleNamespace(task_counts=counts, task_slot_counts=counts)

        return await self._call(f"count tasks of {job_id}", effect)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pool, name)

    async def close(self) -> None:
        return


def _new_task(task: Any) -> Task:
    patterns = {file.file_pattern for file in task.output_files}
    also = tuple(kind for kind, file in EXTRA_FILES.items() if file in patterns)
    return Task(task.id, task.display_name, also=also)
