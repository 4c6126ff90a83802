"""Tasks as processes: directories, environment, exit codes, retries, termination, files."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from typing import TYPE_CHECKING

import psutil
import pytest
from azure.batch import models
from azure.batch.aio import BatchClient as AsyncBatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from support.emulators import ACCOUNT, Emulator
from support.resources import file_text, files_expired, make_job, run_task, wait_for_task
from support.waiting import wait_until, wait_until_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from azure.batch import BatchClient


def test_command_line_runs_in_the_tasks_working_directory(client: BatchClient, job: str) -> None:
    task = run_task(client, job, "t", "/bin/bash -c 'pwd; echo $AZ_BATCH_TASK_WORKING_DIR; echo oops >&2'")
    assert task.execution_info is not None
    assert (task.execution_info.exit_code, task.execution_info.result) == (0, "success")
    where, again = file_text(client, job, "t").splitlines()
    assert where == again
    assert where.endswith(f"/workitems/{job}/job-1/t/wd")
    assert file_text(client, job, "t", "stderr.txt") == "oops\n"


def test_command_line_does_not_run_under_a_shell(client: BatchClient, job: str) -> None:
    run_task(client, job, "t", "/bin/echo $HOME '*' \"a  b\" > file")
    assert file_text(client, job, "t") == "$HOME * a  b > file\n"


def test_environment_has_batchs_variables_and_not_the_emulators(client: BatchClient, pool: str) -> None:
    common = [
        models.EnvironmentSetting(name="FROM_JOB", value="1"),
        models.EnvironmentSetting(name="BOTH", value="job"),
    ]
    job = make_job(client, "environment", pool, common_environment_settings=common)
    own = [models.EnvironmentSetting(name="BOTH", value="task")]
    task = run_task(client, job, "t", "/usr/bin/env", environment_settings=own)
    env = dict(line.split("=", 1) for line in file_text(client, job, "t").splitlines())
    assert env["FROM_JOB"] == "1"
    assert env["BOTH"] == "task"
    assert task.node_info is not None
    assert env["AZ_BATCH_NODE_ID"] == task.node_info.node_id
    assert (env["AZ_BATCH_JOB_ID"], env["AZ_BATCH_TASK_ID"], env["AZ_BATCH_POOL_ID"]) == (job, "t", pool)
    assert env["AZ_BATCH_ACCOUNT_NAME"] == ACCOUNT
    assert env["AZ_BATCH_NODE_IS_DEDICATED"] == "true"
    directories = {"SHARED": "/shared", "STARTUP": "/startup", "ROOT": ""}
    for name, below in directories.items():
        assert env[f"AZ_BATCH_NODE_{name}_DIR"] == env["AZ_BATCH_NODE_ROOT_DIR"] + below
    foreign = [name for name in env if not name.startswith("AZ_BATCH_")]
    assert set(foreign) <= {"PATH", "HOME", "USER", "LANG", "FROM_JOB", "BOTH"}


@pytest.mark.parametrize(
    ("command", "code", "exit_code"),
    [
        ("/bin/bash -c 'exit 7'", "FailureExitCode", 7),
        ("/bin/bash -c 'kill -9 $$'", "FailureExitCode", 137),
        ("/no/such/program", "CommandProgramNotFound", None),
        ("/etc/passwd", "CommandLaunchFailed", None),
        ("'unbalanced", "CommandLaunchFailed", None),
        ("/bin/echo a\0b", "CommandLaunchFailed", None),
    ],
)
def test_failed_task_has_batchs_failure_code(
    client: BatchClient, job: str, command: str, code: str, exit_code: int | None
) -> None:
    info = run_task(client, job, "t", command).execution_info
    assert info is not None
    assert info.failure_info is not None
    assert (info.result, info.failure_info.code, info.exit_code) == ("failure", code, exit_code)
    assert info.failure_info.category == "usererror"


def test_nonzero_exit_is_retried_max_task_retry_count_times(client: BatchClient, job: str) -> None:
    constraints = models.BatchTaskConstraints(max_task_retry_count=2)
    count = "/bin/bash -c 'echo x >> ../count; wc -l < ../count; exit 1'"
    task = run_task(client, job, "t", count, constraints=constraints)
    assert task.execution_info is not None
    assert task.execution_info.retry_count == 2
    assert task.execution_info.last_retry_time is not None
    assert file_text(client, job, "t").strip() == "3"


def test_missing_program_is_not_retried(client: BatchClient, job: str) -> None:
    constraints = models.BatchTaskConstraints(max_task_retry_count=5)
    task = run_task(client, job, "t", "/no/such/program", constraints=constraints)
    assert task.execution_info is not None
    assert task.execution_info.retry_count == 0


def test_wall_clock_limit_ends_a_task_with_all_its_processes(client: BatchClient, job: str) -> None:
    marker = f"{uuid.uuid4().int % 10**6 + 10**6}"
    constraints = models.BatchTaskConstraints(max_wall_clock_time=dt.timedelta(seconds=0.3))
    task = run_task(client, job, "t", f"/bin/bash -c 'sleep {marker} & sleep {marker}'", constraints=constraints)
    assert task.execution_info is not None
    assert task.execution_info.failure_info is not None
    assert task.execution_info.failure_info.code == "TaskEnded"
    assert not _running("sleep", marker)


def _running(*arguments: str) -> bool:
    return any(process.info["cmdline"] == list(arguments) for process in psutil.process_iter(["cmdline"]))


def test_background_processes_of_a_task_are_killed_at_its_end(client: BatchClient, job: str) -> None:
    marker = f"{uuid.uuid4().int % 10**6 + 10**6}"
    run_task(client, job, "t", f"/bin/bash -c 'sleep {marker} & exit 0'")
    assert not _running("sleep", marker)


def test_terminating_a_running_task_completes_it(client: BatchClient, job: str) -> None:
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line="sleep 1000"))
    wait_until(lambda: client.get_task(job, "t").state == "running")
    client.terminate_task(job, "t")
    info = client.get_task(job, "t").execution_info
    assert info is not None
    assert info.failure_info is not None
    assert info.failure_info.code == "TaskEnded"
    with pytest.raises(ResourceExistsError) as refused:
        client.terminate_task(job, "t")
    assert refused.value.error is not None
    assert refused.value.error.code == "TaskCompleted"


def test_failed_task_can_be_reactivated_and_successful_one_cannot(client: BatchClient, job: str) -> None:
    flip = "/bin/bash -c 'test -e ../seen || { touch ../seen; exit 1; }'"
    assert run_task(client, job, "t", flip).execution_info.exit_code == 1  # type: ignore[union-attr]
    client.reactivate_task(job, "t")
    assert wait_for_task(client, job, "t").execution_info.exit_code == 0  # type: ignore[union-attr]
    with pytest.raises(ResourceExistsError):
        client.reactivate_task(job, "t")


def test_deleting_a_task_kills_its_process(client: BatchClient, job: str) -> None:
    marker = f"{uuid.uuid4().int % 10**6 + 10**6}"
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line=f"sleep {marker}"))
    wait_until(lambda: _running("sleep", marker))
    client.delete_task(job, "t")
    assert not _running("sleep", marker)
    with pytest.raises(ResourceNotFoundError) as gone:
        client.get_task(job, "t")
    assert gone.value.error is not None
    assert gone.value.error.code == "TaskNotFound"
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line="true"))
    wait_for_task(client, job, "t")


async def test_task_deleted_while_it_starts_frees_its_slots(plain: Emulator, job: str) -> None:
    async with AsyncBatchClient(plain.url, AzureNamedKeyCredential(ACCOUNT, plain.key)) as other:

        async def there_and_gone(index: int) -> None:
            await other.create_task(job, models.BatchTaskCreateOptions(id=f"t{index}", command_line="sleep 1000"))
            await other.delete_task(job, f"t{index}")

        await asyncio.gather(*(there_and_gone(index) for index in range(40)))
        await other.create_task(job, models.BatchTaskCreateOptions(id="w", command_line="true", required_slots=2))

        async def completed() -> bool:
            return (await other.get_task(job, "w")).state == "completed"

        condition: Callable[[], bool | Awaitable[bool]] = completed
        await wait_until_async(condition)


def test_ids_are_case_insensitive(client: BatchClient, job: str) -> None:
    run_task(client, job, "Task", "true")
    assert client.get_task(job.upper(), "tASK").id == "Task"
    with pytest.raises(ResourceExistsError):
        client.create_task(job, models.BatchTaskCreateOptions(id="TASK", command_line="true"))


def test_task_slots_limit_parallel_tasks(client: BatchClient, job: str) -> None:
    wide = [models.BatchTaskCreateOptions(id=f"w{i}", command_line="sleep 0.2", required_slots=2) for i in range(2)]
    client.create_task_collection(job, models.BatchTaskGroup(task_values=wide))
    wait_until(lambda: client.get_job_task_counts(job).task_counts.running == 1)
    counts = client.get_job_task_counts(job)
    assert (counts.task_counts.active, counts.task_slot_counts.running) == (1, 2)
    with pytest.raises(HttpResponseError):
        client.create_task(job, models.BatchTaskCreateOptions(id="too-wide", command_line="true", required_slots=3))
    wait_for_task(client, job, "w1")


def test_task_collection_reports_the_result_of_each_task(client: BatchClient, job: str) -> None:
    run_task(client, job, "there", "true")
    group = [models.BatchTaskCreateOptions(id=name, command_line="true") for name in ("new", "there", "bad id")]
    result = client.create_task_collection(job, models.BatchTaskGroup(task_values=group))
    assert result.result_values is not None
    by_id = {each.task_id: each for each in result.result_values}
    assert by_id["new"].status == "success"
    assert by_id["new"].etag == client.get_task(job, "new").etag or client.get_task(job, "new").state != "active"
    assert by_id["there"].error is not None
    assert by_id["there"].error.code == "TaskExists"
    assert by_id["bad id"].error is not None
    assert by_id["bad id"].error.code == "InvalidPropertyValue"


def test_body_over_a_megabyte_is_refused_and_the_sdk_splits_it(client: BatchClient, job: str) -> None:
    big = [models.EnvironmentSetting(name="X", value="x" * 30_000)]
    tasks = [
        models.BatchTaskCreateOptions(id=f"b{i}", command_line="true", environment_settings=big) for i in range(60)
    ]
    with pytest.raises(HttpResponseError) as refused:
        client.create_task_collection(job, models.BatchTaskGroup(task_values=tasks))
    assert refused.value.error is not None
    assert refused.value.error.code == "RequestBodyTooLarge"
    client.create_tasks(job, tasks)
    wait_until(lambda: client.get_job_task_counts(job).task_counts.completed == 60)


def test_task_files_are_listed_read_by_range_and_deleted(client: BatchClient, job: str) -> None:
    run_task(client, job, "t", "/bin/bash -c 'mkdir d; printf 0123456789 > \"d/a b\"'")
    names = {each.name: each for each in client.list_task_files(job, "t", recursive=True)}
    assert {"stdout.txt", "stderr.txt", "wd", "wd/d", "wd/d/a b"} == set(names)
    assert names["wd/d"].is_directory
    assert names["wd/d/a b"].properties is not None
    assert names["wd/d/a b"].properties.content_length == 10
    assert {each.name for each in client.list_task_files(job, "t")} == {"stdout.txt", "stderr.txt", "wd"}
    assert file_text(client, job, "t", "wd/d/a b") == "0123456789"
    part = client.download_task_file(job, "t", "wd/d/a b", ocp_range="bytes=2-4")
    assert b"".join(part) == b"234"
    assert client.get_task_file_properties(job, "t", "wd/d/a b").content_length == 10
    for outside in ("../../../../../../../etc/passwd", "wd/none"):
        with pytest.raises(ResourceNotFoundError):
            client.get_task_file_properties(job, "t", outside)
    client.delete_task_file(job, "t", "wd/d", recursive=True)
    with pytest.raises(ResourceNotFoundError):
        client.get_task_file_properties(job, "t", "wd/d/a b")


def test_task_files_are_removed_after_their_retention_time(client: BatchClient, job: str) -> None:
    constraints = models.BatchTaskConstraints(retention_time=dt.timedelta(milliseconds=1))
    run_task(client, job, "t", "echo hi", constraints=constraints)
    wait_until(lambda: files_expired(client, job, "t"))
