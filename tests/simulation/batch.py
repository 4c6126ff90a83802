"""A Batch account in memory, as far as the app uses it; tasks run when the test says so."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal

from tests.simulation.gate import Gate, failure
from tests.simulation.storage import Clock, Container

GIF = b"GIF89a" + bytes(7)
End = Literal["judged", "crashed", "node lost", "upload failed"]


@dataclass
class Task:
    id: str
    video: str
    state: str = "active"
    started: float | None = None
    ended: float | None = None
    requeues: int = 0
    read: bytes | None = None
    failure: str | None = None


@dataclass
class Job:
    id: str
    state: str = "active"
    tasks: dict[str, Task] = field(default_factory=dict)


class Batch:
    """Stands in for a BatchClient."""

    def __init__(self, gate: Gate, clock: Clock, videos: Container, staging: Container) -> None:
        self.gate = gate
        self.clock = clock
        self.videos = videos
        self.staging = staging
        self.jobs: dict[str, Job] = {}

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
            measured = {"bytes": len(gif), "width": 2, "height": 2, "frames": 1, "duration_seconds": 1}
            result = {"verdict": "converted", "gif": measured}
        self.staging.put(f"{task.id}/result.json", json.dumps(result).encode())

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
        return SimpleNamespace(
            id=task.id, display_name=task.video, state=task.state, execution_info=execution, node_info=None
        )

    async def get_pool(self, id_: str, **_: object) -> Any:
        return await self.gate.call("get pool", lambda: SimpleNamespace(id=id_, state="active"))

    async def get_job(self, id_: str, **_: object) -> Any:
        return await self.gate.call(f"get {id_}", lambda: SimpleNamespace(id=id_, state=self._job(id_).state))

    async def create_job(self, job: Any) -> None:
        def effect() -> None:
            if job.id in self.jobs:
                raise failure(409, "JobExists")
            self.jobs[job.id] = Job(job.id)

        await self.gate.call(f"create {job.id}", effect)

    async def create_task(self, job_id: str, task: Any) -> None:
        def effect() -> None:
            job = self._job(job_id)
            if job.state == "completed":
                raise failure(409, "JobCompleted")
            if task.id in job.tasks:
                raise failure(409, "TaskExists")
            job.tasks[task.id] = Task(task.id, task.display_name)

        await self.gate.call(f"create {job_id}/{task.id}", effect)

    async def delete_task(self, job_id: str, task_id: str) -> None:
        def effect() -> None:
            if task_id not in self._job(job_id).tasks:
                raise failure(404, "TaskNotFound")
            del self.jobs[job_id].tasks[task_id]

        await self.gate.call(f"delete {job_id}/{task_id}", effect)

    async def terminate_task(self, job_id: str, task_id: str) -> None:
        def effect() -> None:
            task = self._job(job_id).tasks.get(task_id)
            if task is None:
                raise failure(404, "TaskNotFound")
            if task.state == "completed":
                raise failure(409, "TaskCompleted")
            task.state, task.failure, task.ended = "completed", "TaskEnded", self.clock.seconds
            task.started = task.started or self.clock.seconds

        await self.gate.call(f"terminate {job_id}/{task_id}", effect)

    async def list_jobs(self, **_: object) -> AsyncIterator[Any]:
        def effect() -> list[Any]:
            return [SimpleNamespace(id=job.id, state=job.state) for job in self.jobs.values()]

        for job in await self.gate.call("list jobs", effect):
            yield job

    async def get_task(self, job_id: str, task_id: str, **_: object) -> Any:
        def effect() -> Any:
            task = self._job(job_id).tasks.get(task_id)
            if task is None:
                raise failure(404, "TaskNotFound")
            return self._show(task)

        return await self.gate.call(f"get {job_id}/{task_id}", effect)

    async def list_tasks(self, job_id: str, *, filter: str | None = None, **_: object) -> AsyncIterator[Any]:  # noqa: A002
        def effect() -> list[Any]:
            return [
                self._show(task) for task in self._job(job_id).tasks.values() if not filter or task.state != "active"
            ]

        for task in await self.gate.call(f"list tasks of {job_id}", effect):
            yield task

    async def get_task_file_properties(self, job_id: str, task_id: str, path: str) -> Any:
        def effect() -> Any:
            task = self._job(job_id).tasks.get(task_id)
            if task is None or task.started is None:
                raise failure(404, "TaskNotFound")
            return SimpleNamespace(last_modified=self.clock.as_real(task.started))

        return await self.gate.call(f"look at {path} of {task_id}", effect)

    async def begin_delete_job(self, job_id: str) -> None:
        def effect() -> None:
            self._job(job_id)
            del self.jobs[job_id]

        await self.gate.call(f"delete {job_id}", effect)

    async def close(self) -> None:
        return
