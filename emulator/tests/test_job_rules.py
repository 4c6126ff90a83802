"""The rules for a job's settings, its pool and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.emulators import Emulator, call
from support.resources import auto_pool_info, wait_for_task
from support.waiting import wait_until

if TYPE_CHECKING:
    from azure.batch import BatchClient

FAILS: dict[str, object] = {"id": "t", "commandLine": "/bin/false"}


def make(plain: Emulator, name: str, **settings: object) -> str:
    """Create a job from raw settings, on the pool `job_rules` unless they name another."""
    body = {"id": name, "poolInfo": {"poolId": "job_rules"}} | settings
    status, _, answer = call(plain, "POST", "/jobs", body=body)
    assert status == 201, answer
    return name


def refused(plain: Emulator, method: str, path: str, body: object) -> str:
    """Send a request that gets a 400; returns the code."""
    status, _, answer = call(plain, method, path, body=body)
    assert status == 400, answer
    return str(answer["code"])


def disable(client: BatchClient, plain: Emulator, job: str, how: str = "requeue") -> None:
    assert call(plain, "POST", f"/jobs/{job}/disable", body={"disableTasks": how})[0] == 202
    wait_until(lambda: client.get_job(job).state == "disabled")


def test_job_with_an_invalid_manager_task_is_not_created(plain: Emulator, pool: str, name: str) -> None:
    manager = {"id": "m", "commandLine": "true", "requiredSlots": 200}
    pools = len(call(plain, "GET", "/pools")[2]["value"])
    for info in ({"poolId": pool}, auto_pool_info()):
        body = {"id": name, "poolInfo": info, "jobManagerTask": manager}
        assert refused(plain, "POST", "/jobs", body) == "InvalidPropertyValue"
    assert call(plain, "GET", f"/jobs/{name}")[0] == 404
    assert len(call(plain, "GET", "/pools")[2]["value"]) == pools


def test_job_sent_back_unchanged_keeps_its_automatic_pool(plain: Emulator, client: BatchClient, name: str) -> None:
    make(plain, name, poolInfo=auto_pool_info())
    seen = call(plain, "GET", f"/jobs/{name}")[2]
    seen.pop("odata.metadata")
    assert call(plain, "PUT", f"/jobs/{name}", body=seen)[0] == 200
    again = call(plain, "GET", f"/jobs/{name}")[2]
    assert (again["poolInfo"], again["executionInfo"]["poolId"]) == (seen["poolInfo"], seen["executionInfo"]["poolId"])
    own: Any = auto_pool_info()
    own["autoPoolSpecification"]["pool"]["vmSize"] = "other"
    disable(client, plain, name)
    assert refused(plain, "PATCH", f"/jobs/{name}", {"poolInfo": own}) == "InvalidPropertyValue"
    client.begin_delete_job(name, polling_interval=0).wait()
    mine = seen["executionInfo"]["poolId"]
    wait_until(lambda: call(plain, "GET", f"/pools/{mine}")[0] == 404)


def test_job_moved_off_its_automatic_pool_does_not_delete_its_new_pool(
    plain: Emulator, client: BatchClient, pool: str, name: str
) -> None:
    make(plain, name, poolInfo=auto_pool_info())
    mine = call(plain, "GET", f"/jobs/{name}")[2]["executionInfo"]["poolId"]
    disable(client, plain, name)
    assert refused(plain, "PATCH", f"/jobs/{name}", {"poolInfo": {}}) == "InvalidPropertyValue"
    assert call(plain, "PATCH", f"/jobs/{name}", body={"poolInfo": {"poolId": pool}})[0] == 200
    wait_until(lambda: call(plain, "GET", f"/pools/{mine}")[0] == 404)
    client.begin_delete_job(name, polling_interval=0).wait()
    assert client.get_pool(pool).state == "active"


def test_task_failure_without_exit_options_terminates_a_job_with_performexitoptionsjobaction(
    plain: Emulator, client: BatchClient, pool: str, name: str
) -> None:
    make(plain, name, onTaskFailure="performexitoptionsjobaction")
    assert call(plain, "POST", f"/jobs/{name}/tasks", body=FAILS)[0] == 201
    wait_until(lambda: client.get_job(name).state == "completed")
    info = client.get_job(name).execution_info
    assert info is not None
    assert info.termination_reason == "TaskFailed"


def test_task_with_a_job_action_is_refused_by_a_job_with_noaction(plain: Emulator, pool: str, name: str) -> None:
    make(plain, name)
    for conditions in (
        {"default": {"jobAction": "disable"}},
        {"exitCodes": [{"code": 1, "exitOptions": {"jobAction": "terminate"}}]},
    ):
        task = FAILS | {"exitConditions": conditions}
        assert refused(plain, "POST", f"/jobs/{name}/tasks", task) == "InvalidPropertyValue"
    task = FAILS | {"exitConditions": {"default": {"dependencyAction": "satisfy"}}}
    assert call(plain, "POST", f"/jobs/{name}/tasks", body=task)[0] == 201


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_terminatejob_cannot_be_changed_to_noaction(plain: Emulator, pool: str, name: str, method: str) -> None:
    make(plain, name, onAllTasksComplete="terminatejob")
    change: dict[str, object] = {"poolInfo": {"poolId": pool}}
    change |= {"onAllTasksComplete": "noaction"} if method == "PATCH" else {}
    assert refused(plain, method, f"/jobs/{name}", change) == "InvalidPropertyValue"


def test_job_whose_last_task_ended_while_disabled_ends_when_enabled(
    plain: Emulator, client: BatchClient, pool: str, name: str
) -> None:
    make(plain, name, onAllTasksComplete="terminatejob")
    call(plain, "POST", f"/jobs/{name}/tasks", body={"id": "t", "commandLine": "sleep 0.5"})
    wait_until(lambda: client.get_task(name, "t").state == "running")
    disable(client, plain, name, "wait")
    wait_for_task(client, name, "t")
    client.begin_enable_job(name, polling_interval=0).wait()
    wait_until(lambda: client.get_job(name).state == "completed")


def test_job_with_zero_parallel_tasks_is_refused(plain: Emulator, pool: str, name: str) -> None:
    body = {"id": name, "poolInfo": {"poolId": pool}, "maxParallelTasks": 0}
    assert refused(plain, "POST", "/jobs", body) == "InvalidPropertyValue"
