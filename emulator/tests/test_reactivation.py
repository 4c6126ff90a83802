"""Reactivated tasks, dependencies and retention: what an earlier run of a task leaves behind."""

from __future__ import annotations

import datetime as dt
import gc
import uuid
from typing import TYPE_CHECKING

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from batch_emulator import execution
from batch_emulator.job import creation as job_creation
from batch_emulator.machine import command
from batch_emulator.options import Options
from batch_emulator.pool import creation as pool_creation
from batch_emulator.server import running
from batch_emulator.task import creation as task_creation
from batch_emulator.task.model import Task
from support.resources import add_task, file_text, files_expired, make_job, run_task, wait_for_task
from support.waiting import wait_until

if TYPE_CHECKING:
    from azure.batch import BatchClient


@pytest.fixture
def job(client: BatchClient, pool: str) -> str:
    return make_job(client, f"j-{uuid.uuid4()}", pool, uses_task_dependencies=True)


def retained(**length: float) -> models.BatchTaskConstraints:
    return models.BatchTaskConstraints(retention_time=dt.timedelta(**length))


def keep_longer(client: BatchClient, job: str, name: str) -> None:
    task = client.get_task(job, name)
    task.constraints = retained(days=1)
    client.replace_task(job, name, task)


# Fails, and succeeds the next time.
ONCE = "/bin/bash -c 'cd $AZ_BATCH_NODE_SHARED_DIR; test -e {0} && echo again && exit; touch {0}; exit 1'"


def test_files_of_a_second_run_outlive_the_retention_time_of_the_first(client: BatchClient, job: str) -> None:
    run_task(client, job, "t", ONCE.format(job), constraints=retained(seconds=1))
    run_task(client, job, "later", "true", constraints=retained(seconds=1))
    keep_longer(client, job, "t")
    client.reactivate_task(job, "t")
    wait_for_task(client, job, "t")
    wait_until(lambda: files_expired(client, job, "later"))
    assert file_text(client, job, "t") == "again\n"


def test_task_has_files_again_after_reactivation(client: BatchClient, job: str) -> None:
    run_task(client, job, "t", ONCE.format(job), constraints=retained(milliseconds=1))
    wait_until(lambda: files_expired(client, job, "t"))
    keep_longer(client, job, "t")
    client.reactivate_task(job, "t")
    wait_for_task(client, job, "t")
    assert file_text(client, job, "t") == "again\n"


def test_reactivated_task_still_waits_for_its_dependency(client: BatchClient, job: str) -> None:
    add_task(client, job, "first", "/bin/bash -c 'until test -e ../go; do sleep 0.02; done'")
    add_task(client, job, "second", dependsOn={"taskIds": ["first"]})
    client.terminate_task(job, "second")
    client.reactivate_task(job, "second")
    run_task(client, job, "another", "true")
    assert client.get_task(job, "second").state == "active"
    add_task(client, job, "go", "/bin/bash -c 'touch ../../first/go'")
    assert wait_for_task(client, job, "second").execution_info.exit_code == 0  # type: ignore[union-attr]


def test_task_terminated_in_the_queue_runs_when_reactivated(client: BatchClient, job: str) -> None:
    add_task(client, job, "wide", "/bin/bash -c 'until test -e ../go; do sleep 0.02; done'", requiredSlots=2)
    add_task(client, job, "t")
    client.terminate_task(job, "t")
    wait_until(lambda: client.get_task(job, "wide").state == "running")
    client.terminate_task(job, "wide")
    run_task(client, job, "next", "true")
    client.reactivate_task(job, "t")
    assert wait_for_task(client, job, "t").execution_info.exit_code == 0  # type: ignore[union-attr]


def test_dependency_range_can_be_of_any_width(client: BatchClient, job: str) -> None:
    add_task(client, job, "t", dependsOn={"taskIdRanges": [{"start": 1, "end": 2**31 - 1}]})
    assert client.get_task(job, "t").state == "active"
    with pytest.raises(HttpResponseError) as refused:
        add_task(client, job, "backwards", dependsOn={"taskIdRanges": [{"start": 2, "end": 1}]})
    assert refused.value.error is not None
    assert refused.value.error.code == "InvalidPropertyValue"


async def test_deleted_task_is_not_kept_in_memory_for_its_retention_time() -> None:
    async with running(Options(port=0)) as emulator:
        pool_creation.create(emulator.account, {"id": "p", "vmSize": "x"})
        job = job_creation.add(emulator.account, {"id": "j", "poolInfo": {"poolId": "p"}})
        task = task_creation.add(job, {"id": "t", "commandLine": "true"})
        execution.finish(task, command.failed("TaskEnded", "It was ended."))
        execution.remove(task)
        job.queue.clear()
        seq = task.seq
        del task
        gc.collect()
        assert not [each for each in gc.get_objects() if isinstance(each, Task) and each.seq == seq]
