"""Jobs: states, preparation, release and manager tasks, dependencies, exit conditions, schedules."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from support.emulators import Emulator, call
from support.resources import add_task, file_text, make_job, pool_options, run_task, terminate_reason, wait_for_task
from support.waiting import wait_until

if TYPE_CHECKING:
    from azure.batch import BatchClient


@pytest.mark.parametrize(("how", "state"), [("requeue", "active"), ("terminate", "completed"), ("wait", "completed")])
def test_disabling_a_job_requeues_terminates_or_awaits_its_tasks(
    client: BatchClient, pool: str, name: str, how: str, state: str
) -> None:
    job = make_job(client, name, pool)
    add_task(client, job, "t", "sleep 0.5" if how == "wait" else "sleep 1000")
    wait_until(lambda: client.get_task(job, "t").state == "running")
    client.begin_disable_job(job, models.BatchJobDisableOptions(disable_tasks=how), polling_interval=0).wait()
    assert client.get_job(job).state == "disabled"
    assert client.get_task(job, "t").state == state
    add_task(client, job, "later")
    assert client.get_task(job, "later").state == "active"
    if how == "requeue":
        client.delete_task(job, "t")
    client.begin_enable_job(job, polling_interval=0).wait()
    wait_for_task(client, job, "later")


def test_terminating_a_job_completes_its_tasks(client: BatchClient, pool: str, name: str) -> None:
    job = make_job(client, name, pool)
    add_task(client, job, "t", "sleep 1000")
    wait_until(lambda: client.get_task(job, "t").state == "running")
    client.begin_terminate_job(job, options=terminate_reason("enough"), polling_interval=0).wait()
    found = client.get_job(job)
    assert found.execution_info is not None
    assert (found.state, found.execution_info.termination_reason) == ("completed", "enough")
    assert found.execution_info.end_time is not None
    assert client.get_task(job, "t").state == "completed"
    with pytest.raises(ResourceExistsError) as refused:
        add_task(client, job, "late")
    assert refused.value.error is not None
    assert refused.value.error.code == "JobCompleted"
    client.begin_delete_job(job, polling_interval=0).wait()
    with pytest.raises(ResourceNotFoundError):
        client.get_job(job)


def test_job_with_terminatejob_ends_with_its_last_task(client: BatchClient, pool: str, name: str) -> None:
    job = make_job(client, name, pool)
    run_task(client, job, "t", "true")
    client.update_job(job, models.BatchJobUpdateOptions({"onAllTasksComplete": "terminatejob"}))
    wait_until(lambda: client.get_job(job).state == "completed")
    info = client.get_job(job).execution_info
    assert info is not None
    assert info.termination_reason == "AllTasksComplete"


def test_job_is_terminated_at_its_maximum_wall_clock_time(client: BatchClient, pool: str, name: str) -> None:
    constraints = models.BatchJobConstraints(max_wall_clock_time=dt.timedelta(seconds=0.5))
    job = make_job(client, name, pool, constraints=constraints)
    add_task(client, job, "t", "sleep 1000")
    wait_until(lambda: client.get_job(job).state == "completed")
    info = client.get_job(job).execution_info
    assert info is not None
    assert info.termination_reason == "MaxWallClockTimeExpiry"


def test_tasks_of_the_job_with_higher_priority_run_first(client: BatchClient, pool: str, name: str) -> None:
    low, high = make_job(client, f"{name}-l", pool), make_job(client, f"{name}-h", pool, priority=100)
    add_task(client, low, "all", "sleep 0.5", requiredSlots=2)
    wait_until(lambda: client.get_task(low, "all").state == "running")
    add_task(client, low, "t", requiredSlots=2)
    add_task(client, high, "t", "sleep 0.05", requiredSlots=2)
    first, second = (wait_for_task(client, job, "t").execution_info for job in (high, low))
    assert first is not None
    assert second is not None
    assert first.end_time is not None
    assert second.start_time is not None
    assert first.end_time <= second.start_time


def test_job_runs_at_most_max_parallel_tasks(client: BatchClient, pool: str, name: str) -> None:
    job = make_job(client, name, pool, max_parallel_tasks=1)
    for index in range(3):
        add_task(client, job, f"t{index}", "sleep 0.1")
    spans = sorted(
        (info.start_time, info.end_time)
        for info in (wait_for_task(client, job, f"t{index}").execution_info for index in range(3))
        if info and info.start_time and info.end_time
    )
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def test_preparation_task_runs_once_per_node_and_release_task_at_the_end(
    client: BatchClient, pool: str, name: str
) -> None:
    job = make_job(
        client,
        name,
        pool,
        job_preparation_task=models.BatchJobPreparationTask(command_line="/bin/bash -c 'echo x >> count'"),
        job_release_task=models.BatchJobReleaseTask(command_line="echo bye"),
    )
    for index in range(2):
        run_task(client, job, f"t{index}", "/bin/bash -c 'cat $AZ_BATCH_JOB_PREP_WORKING_DIR/count'")
    assert file_text(client, job, "t1") == "x\n"
    client.begin_terminate_job(job, options=terminate_reason("done"), polling_interval=0).wait()
    (status,) = client.list_job_preparation_and_release_task_status(job)
    assert status.job_preparation_task_execution_info is not None
    assert status.job_release_task_execution_info is not None
    assert status.job_preparation_task_execution_info.result == "success"
    assert (status.job_release_task_execution_info.state, status.job_release_task_execution_info.exit_code) == (
        "completed",
        0,
    )
    with pytest.raises(ResourceExistsError):
        list(client.list_job_preparation_and_release_task_status(make_job(client, f"{name}-2", pool)))


def test_failed_preparation_task_keeps_the_job_off_the_node(client: BatchClient, pool: str, name: str) -> None:
    bad = models.BatchJobPreparationTask(command_line="/bin/false", wait_for_success=True)
    job = make_job(client, name, pool, job_preparation_task=bad)
    add_task(client, job, "t")

    def failed() -> bool:
        info = [
            each.job_preparation_task_execution_info
            for each in client.list_job_preparation_and_release_task_status(job)
        ]
        return bool(info) and info[0] is not None and info[0].result == "failure"

    wait_until(failed)
    assert client.get_task(job, "t").state == "active"
    run_task(client, make_job(client, f"{name}-2", pool), "t", "true")
    client.begin_delete_job(job, polling_interval=0).wait()


def test_task_waits_for_its_dependencies(client: BatchClient, pool: str, name: str) -> None:
    job = make_job(client, name, pool, uses_task_dependencies=True)
    add_task(client, job, "last", dependsOn={"taskIds": ["a"], "taskIdRanges": [{"start": 1, "end": 2}]})
    for task in ("1", "2"):
        run_task(client, job, task, "true")
    assert client.get_task(job, "last").state == "active"
    run_task(client, job, "a", "true")
    assert wait_for_task(client, job, "last").state == "completed"
    with pytest.raises(HttpResponseError) as refused:
        add_task(client, make_job(client, f"{name}-2", pool), "t", dependsOn={"taskIds": ["x"]})
    assert refused.value.error is not None
    assert refused.value.error.code == "TaskDependenciesNotSpecifiedOnJob"


def test_exit_conditions_choose_job_and_dependency_actions(client: BatchClient, pool: str, name: str) -> None:
    job = make_job(client, name, pool, uses_task_dependencies=True, task_failure_mode="performexitoptionsjobaction")
    conditions = {
        "exitCodes": [{"code": 4, "exitOptions": {"dependencyAction": "satisfy", "jobAction": "none"}}],
        "exitCodeRanges": [{"start": 10, "end": 20, "exitOptions": {"jobAction": "disable"}}],
        "preProcessingError": {"jobAction": "none", "dependencyAction": "satisfy"},
        "default": {"jobAction": "terminate"},
    }
    add_task(client, job, "four", "/bin/bash -c 'exit 4'", exitConditions=conditions)
    add_task(client, job, "after", dependsOn={"taskIds": ["four"]})
    assert wait_for_task(client, job, "after").execution_info.exit_code == 0  # type: ignore[union-attr]
    add_task(client, job, "range", "/bin/bash -c 'exit 15'", exitConditions=conditions)
    wait_until(lambda: client.get_job(job).state == "disabled")
    client.begin_enable_job(job, polling_interval=0).wait()
    add_task(client, job, "other", "/bin/bash -c 'exit 1'", exitConditions=conditions)
    wait_until(lambda: client.get_job(job).state == "completed")


def test_failure_without_exit_condition_terminates_the_job(client: BatchClient, pool: str, name: str) -> None:
    job = make_job(client, name, pool, task_failure_mode="performexitoptionsjobaction")
    add_task(client, job, "fails", "/bin/bash -c 'exit 7'")
    wait_until(lambda: client.get_job(job).state == "completed")


def test_manager_task_terminates_its_job_on_completion(client: BatchClient, pool: str, name: str) -> None:
    manager = models.BatchJobManagerTask(id="manager", command_line="echo managed", kill_job_on_completion=True)
    job = make_job(client, name, pool, job_manager_task=manager)
    assert wait_for_task(client, job, "manager").execution_info is not None
    wait_until(lambda: client.get_job(job).state == "completed")
    info = client.get_job(job).execution_info
    assert info is not None
    assert info.termination_reason == "JMComplete"


def test_job_with_an_automatic_pool_creates_and_deletes_it(client: BatchClient, name: str) -> None:
    spec = pool_options("ignored").as_dict()
    spec.pop("id")
    info = {"autoPoolSpecification": {"autoPoolIdPrefix": "own", "poolLifetimeOption": "job", "pool": spec}}
    client.create_job(models.BatchJobCreateOptions({"id": name, "poolInfo": info}))
    run_task(client, name, "t", "true")
    execution = client.get_job(name).execution_info
    assert execution is not None
    own = execution.pool_id or ""
    assert own.startswith("OWN")
    client.begin_delete_job(name, polling_interval=0).wait()
    wait_until(lambda: own not in {each.id for each in client.list_pools()})


def test_job_beyond_the_quota_of_active_jobs_is_refused(
    client: BatchClient, plain: Emulator, pool: str, name: str
) -> None:
    jobs = sum(job.state != "completed" for job in client.list_jobs())
    assert call(plain, "POST", "/_control/quota", body={"activeJobs": jobs})[0] == 204
    with pytest.raises(ResourceExistsError) as refused:
        make_job(client, name, pool)
    assert refused.value.error is not None
    assert refused.value.error.code == "ActiveJobAndScheduleQuotaReached"
    call(plain, "DELETE", "/_control/faults")
    make_job(client, name, pool)


def test_schedule_creates_a_job_and_completes_with_it(client: BatchClient, pool: str, name: str) -> None:
    manager = models.BatchJobManagerTask(id="m", command_line="echo scheduled")
    specification = models.BatchJobSpecification(pool_info=models.BatchPoolInfo(pool_id=pool), job_manager_task=manager)
    client.create_job_schedule(
        models.BatchJobScheduleCreateOptions(
            id=name, schedule=models.BatchJobScheduleConfiguration(), job_specification=specification
        )
    )
    assert client.job_schedule_exists(name)
    wait_until(lambda: client.get_job_schedule(name).state == "completed")
    (job,) = client.list_jobs_from_schedule(name)
    assert job.id == f"{name}:job-1"
    assert file_text(client, job.id, "m") == "scheduled\n"
    client.begin_delete_job_schedule(name, polling_interval=0).wait()
    with pytest.raises(ResourceNotFoundError):
        client.get_job(job.id)


def test_schedule_can_be_delayed_updated_and_terminated(client: BatchClient, pool: str, name: str) -> None:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    client.create_job_schedule(
        models.BatchJobScheduleCreateOptions(
            id=name,
            schedule=models.BatchJobScheduleConfiguration(do_not_run_until=later),
            job_specification=models.BatchJobSpecification(pool_info=models.BatchPoolInfo(pool_id=pool)),
        )
    )
    wait_until(lambda: client.get_job_schedule(name).execution_info.next_run_time == later)
    client.disable_job_schedule(name)
    client.update_job_schedule(
        name, models.BatchJobScheduleUpdateOptions(schedule=models.BatchJobScheduleConfiguration())
    )
    assert client.get_job_schedule(name).state == "disabled"
    client.enable_job_schedule(name)
    wait_until(lambda: len(list(client.list_jobs_from_schedule(name))) == 1)
    client.begin_terminate_job_schedule(name, polling_interval=0).wait()
    wait_until(lambda: client.get_job_schedule(name).state == "completed")
    assert client.get_job(f"{name}:job-1").state == "completed"
