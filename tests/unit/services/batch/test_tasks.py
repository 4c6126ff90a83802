"""Tasks as Batch shows them, and the progress.json of a node, which is not trusted."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from azure.batch.models import BatchTask, BatchTaskExecutionInfo, BatchTaskFailureInfo, NameValuePair
from hypothesis import given
from hypothesis import strategies as st

from shared.conversion import NO_PROGRESS, JobRef, Progress
from shared.services.batch.accounts import Accounts
from shared.services.batch.tasks import Task, TaskFailure, Tasks, parse_progress

START = datetime(2026, 11, 21, 10, 20, 30, 123456, tzinfo=UTC)
JOB = JobRef(batch_url="https://batch", id="job")


def test_progress_has_a_fraction_and_the_time_left() -> None:
    body = b'{"phase": "encoding", "fraction": 0.25, "seconds_left": 12.34}'
    assert parse_progress(body) == Progress(fraction=0.25, seconds_left=12.3)


@pytest.mark.parametrize(
    ("body", "progress"),
    [
        (b'{"fraction": 7}', Progress(fraction=1.0)),
        (b'{"fraction": -1, "seconds_left": -5}', Progress(fraction=0.0)),
        (b'{"fraction": 0.5, "seconds_left": 1e99}', Progress(fraction=0.5)),
        (b'{"fraction": NaN, "seconds_left": NaN}', NO_PROGRESS),
        (b'{"fraction": 0.5, "seconds_left": Infinity}', Progress(fraction=0.5)),
        (b'{"fraction": "much"}', NO_PROGRESS),
        (b'{"fraction": null}', NO_PROGRESS),
        (b'{"fraction": 1' + b"0" * 4000 + b"}", NO_PROGRESS),
        (b"[" * 4096, NO_PROGRESS),
        (b'{"fraction": 0.', NO_PROGRESS),
        (b"", NO_PROGRESS),
    ],
)
def test_impossible_progress_is_left_out(body: bytes, progress: Progress) -> None:
    assert parse_progress(body) == progress


@given(st.binary(max_size=200))
def test_progress_is_a_fraction_or_unknown_whatever_the_bytes(body: bytes) -> None:
    assert parse_progress(body) == NO_PROGRESS or 0 <= (parse_progress(body).fraction or 0) <= 1


class BatchStub:
    """A Batch client that returns one task."""

    def __init__(self, task: BatchTask) -> None:
        self._task = task

    async def get_task(self, job: str, task: str, *, select: list[str]) -> BatchTask:
        assert (job, task) == ("job", self._task.id)
        assert "executionInfo" in select
        return self._task


async def get(task: BatchTask) -> Task:
    tasks = Tasks(Accounts(lambda _: cast("Any", BatchStub(task))))
    return await tasks.get(JOB, task.id or "")


def batch_task(execution: BatchTaskExecutionInfo | None = None) -> BatchTask:
    """A task as the SDK returns it; its read-only fields can be set only on the mapping."""
    task = BatchTask({"id": "a-1", "displayName": "tom.mp4", "state": "completed"})
    task.execution_info = execution
    return task


async def test_task_has_its_failure_its_times_in_milliseconds_and_its_requeues() -> None:
    execution = BatchTaskExecutionInfo(
        start_time=START,
        end_time=START + timedelta(seconds=7),
        exit_code=1,
        retry_count=0,
        requeue_count=2,
        failure_info=BatchTaskFailureInfo(
            category="servererror",
            code="BlobAccessDenied",
            message="What Batch says",
            details=[NameValuePair(name="FilePath", value="input.mp4")],
        ),
    )
    got = await get(batch_task(execution))
    details = (("FilePath", "input.mp4"),)
    assert got == Task(
        job=JOB,
        id="a-1",
        video="tom.mp4",
        state="completed",
        started_at=START.replace(microsecond=123_000),
        ended_at=START.replace(microsecond=123_000) + timedelta(seconds=7),
        exit_code=1,
        failure=TaskFailure(code="BlobAccessDenied", message="What Batch says", details=details),
        requeue_count=2,
    )
    assert got.seconds == 7


async def test_task_that_never_ran_has_spent_no_time() -> None:
    got = await get(batch_task())
    assert (got.started_at, got.ended_at, got.failure, got.seconds) == (None, None, None, 0.0)


async def test_failure_without_code_and_message_is_unknown() -> None:
    failure = BatchTaskFailureInfo(category="servererror")
    got = await get(batch_task(BatchTaskExecutionInfo(retry_count=0, requeue_count=0, failure_info=failure)))
    assert got.failure == TaskFailure(code="UnknownFailure", message="UnknownFailure")
