"""Tasks that come again, and those that wait for others: what an earlier life leaves behind."""

from __future__ import annotations

import datetime as dt
import gc
import uuid
from typing import TYPE_CHECKING

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceExistsError

from local.batch.domain import execution, job_add, pool_life, task_add
from local.batch.domain.task import Task
from local.batch.node import program
from local.batch.options import Options
from local.batch.server import running
from tests.batch.kit import Emulator, ended, make_job, make_pool, run_task, text_of, until

if TYPE_CHECKING:
    from azure.batch import BatchClient


@pytest.fixture(scope="module")
def pool(plain: Emulator) -> str:
    with plain.client() as client:
        return make_pool(client, "again")


@pytest.fixture
def job(client: BatchClient, pool: str) -> str:
    return make_job(client, f"j-{uuid.uuid4()}", pool, uses_task_dependencies=True)


def add(client: BatchClient, job: str, task: str, command: str = "true", **settings: object) -> None:
    client.create_task(job, models.BatchTaskCreateOptions({"id": task, "commandLine": command, **settings}))


def retained(**length: float) -> models.BatchTaskConstraints:
    return models.BatchTaskConstraints(retention_time=dt.timedelta(**length))


def cleaned(client: BatchClient, job: str, task: str) -> bool:
    try:
        client.get_task_file_properties(job, task, "stdout.txt")
    except ResourceExistsError:
        return True
    return False


def keep_longer(client: BatchClient, job: str, name: str) -> None:
    task = client.get_task(job, name)
    task.constraints = retained(days=1)
    client.replace_task(job, name, task)


# Fails, and succeeds the next time.
ONCE = "/bin/bash -c 'cd $AZ_BATCH_NODE_SHARED_DIR; test -e {0} && echo again && exit; touch {0}; exit 1'"


def test_the_files_of_a_second_run_outlive_the_time_of_the_first(client: BatchClient, job: str) -> None:
    run_task(client, job, "t", ONCE.format(job), constraints=retained(seconds=1))
    run_task(client, job, "later", "true", constraints=retained(seconds=1))
    keep_longer(client, job, "t")
    client.reactivate_task(job, "t")
    ended(client, job, "t")
    until(lambda: cleaned(client, job, "later"))
    assert text_of(client, job, "t") == "again\n"


def test_a_task_whose_files_went_has_files_when_it_ran_again(client: BatchClient, job: str) -> None:
    run_task(client, job, "t", ONCE.format(job), constraints=retained(milliseconds=1))
    until(lambda: cleaned(client, job, "t"))
    keep_longer(client, job, "t")
    client.reactivate_task(job, "t")
    ended(client, job, "t")
    assert text_of(client, job, "t") == "again\n"


def test_a_task_that_is_reactivated_still_waits_for_the_one_it_depends_on(client: BatchClient, job: str) -> None:
    add(client, job, "first", "/bin/bash -c 'until test -e ../go; do sleep 0.02; done'")
    add(client, job, "second", dependsOn={"taskIds": ["first"]})
    client.terminate_task(job, "second")
    client.reactivate_task(job, "second")
    run_task(client, job, "another", "true")
    assert client.get_task(job, "second").state == "active"
    add(client, job, "go", "/bin/bash -c 'touch ../../first/go'")
    assert ended(client, job, "second").execution_info.exit_code == 0  # type: ignore[union-attr]


def test_a_task_terminated_in_the_queue_runs_once_it_is_reactivated(client: BatchClient, job: str) -> None:
    add(client, job, "wide", "/bin/bash -c 'until test -e ../go; do sleep 0.02; done'", requiredSlots=2)
    add(client, job, "t")
    client.terminate_task(job, "t")
    until(lambda: client.get_task(job, "wide").state == "running")
    client.terminate_task(job, "wide")
    run_task(client, job, "next", "true")
    client.reactivate_task(job, "t")
    assert ended(client, job, "t").execution_info.exit_code == 0  # type: ignore[union-attr]


def test_a_range_of_dependencies_may_be_as_wide_as_it_likes(client: BatchClient, job: str) -> None:
    add(client, job, "t", dependsOn={"taskIdRanges": [{"start": 1, "end": 2**31 - 1}]})
    assert client.get_task(job, "t").state == "active"
    with pytest.raises(HttpResponseError) as refused:
        add(client, job, "backwards", dependsOn={"taskIdRanges": [{"start": 2, "end": 1}]})
    assert refused.value.error is not None
    assert refused.value.error.code == "InvalidPropertyValue"


async def test_a_deleted_task_is_not_held_until_its_files_would_go() -> None:
    async with running(Options(port=0)) as emulator:
        pool_life.create(emulator.account, {"id": "p", "vmSize": "x"})
        job = job_add.add(emulator.account, {"id": "j", "poolInfo": {"poolId": "p"}})
        task = task_add.add(job, {"id": "t", "commandLine": "true"})
        execution.finish(task, program.failed("TaskEnded", "It was ended."))
        emulator.account.task_removed(task)
        job.ready.clear()
        seq = task.seq
        del task
        gc.collect()
        assert not [each for each in gc.get_objects() if isinstance(each, Task) and each.seq == seq]
