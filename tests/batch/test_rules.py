"""What Batch lets a job be, and what ends it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.batch.kit import Emulator, ended, make_pool, until
from tests.batch.test_schedules import own_pool
from tests.batch.test_wire import call

if TYPE_CHECKING:
    from azure.batch import BatchClient

FAILS: dict[str, object] = {"id": "t", "commandLine": "/bin/false"}


@pytest.fixture(scope="module")
def pool(plain: Emulator) -> str:
    with plain.client() as client:
        return make_pool(client, "rules")


@pytest.fixture
def name() -> str:
    return f"j-{uuid.uuid4()}"


def make(plain: Emulator, name: str, **settings: object) -> str:
    """A job from raw settings, on the pool `rules` unless they say otherwise."""
    body = {"id": name, "poolInfo": {"poolId": "rules"}} | settings
    status, _, answer = call(plain, "POST", "/jobs", body=body)
    assert status == 201, answer
    return name


def refused(plain: Emulator, method: str, path: str, body: object) -> str:
    """The code of a 400."""
    status, _, answer = call(plain, method, path, body=body)
    assert status == 400, answer
    return str(answer["code"])


def disable(client: BatchClient, plain: Emulator, job: str, how: str = "requeue") -> None:
    assert call(plain, "POST", f"/jobs/{job}/disable", body={"disableTasks": how})[0] == 202
    until(lambda: client.get_job(job).state == "disabled")


def test_a_job_whose_manager_task_is_refused_does_not_exist(plain: Emulator, pool: str, name: str) -> None:
    manager = {"id": "m", "commandLine": "true", "requiredSlots": 200}
    pools = len(call(plain, "GET", "/pools")[2]["value"])
    for info in ({"poolId": pool}, own_pool()):
        body = {"id": name, "poolInfo": info, "jobManagerTask": manager}
        assert refused(plain, "POST", "/jobs", body) == "InvalidPropertyValue"
    assert call(plain, "GET", f"/jobs/{name}")[0] == 404
    assert len(call(plain, "GET", "/pools")[2]["value"]) == pools


def test_a_job_sent_back_as_it_was_keeps_its_automatic_pool(plain: Emulator, client: BatchClient, name: str) -> None:
    make(plain, name, poolInfo=own_pool())
    seen = call(plain, "GET", f"/jobs/{name}")[2]
    seen.pop("odata.metadata")
    assert call(plain, "PUT", f"/jobs/{name}", body=seen)[0] == 200
    again = call(plain, "GET", f"/jobs/{name}")[2]
    assert (again["poolInfo"], again["executionInfo"]["poolId"]) == (seen["poolInfo"], seen["executionInfo"]["poolId"])
    own: Any = own_pool()
    own["autoPoolSpecification"]["pool"]["vmSize"] = "other"
    disable(client, plain, name)
    assert refused(plain, "PATCH", f"/jobs/{name}", {"poolInfo": own}) == "InvalidPropertyValue"
    client.begin_delete_job(name, polling_interval=0).wait()
    mine = seen["executionInfo"]["poolId"]
    until(lambda: call(plain, "GET", f"/pools/{mine}")[0] == 404)


def test_a_job_that_moves_off_its_automatic_pool_leaves_the_new_one_alone(
    plain: Emulator, client: BatchClient, pool: str, name: str
) -> None:
    make(plain, name, poolInfo=own_pool())
    mine = call(plain, "GET", f"/jobs/{name}")[2]["executionInfo"]["poolId"]
    disable(client, plain, name)
    assert refused(plain, "PATCH", f"/jobs/{name}", {"poolInfo": {}}) == "InvalidPropertyValue"
    assert call(plain, "PATCH", f"/jobs/{name}", body={"poolInfo": {"poolId": pool}})[0] == 200
    until(lambda: call(plain, "GET", f"/pools/{mine}")[0] == 404)
    client.begin_delete_job(name, polling_interval=0).wait()
    assert client.get_pool(pool).state == "active"


def test_a_failure_without_exit_options_ends_a_job_that_acts_on_failures(
    plain: Emulator, client: BatchClient, pool: str, name: str
) -> None:
    make(plain, name, onTaskFailure="performexitoptionsjobaction")
    assert call(plain, "POST", f"/jobs/{name}/tasks", body=FAILS)[0] == 201
    until(lambda: client.get_job(name).state == "completed")
    info = client.get_job(name).execution_info
    assert info is not None
    assert info.termination_reason == "TaskFailed"


def test_what_a_failure_does_to_the_job_cannot_be_said_to_a_job_that_takes_no_action(
    plain: Emulator, pool: str, name: str
) -> None:
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
def test_a_job_cannot_unlearn_to_end_with_its_tasks(plain: Emulator, pool: str, name: str, method: str) -> None:
    make(plain, name, onAllTasksComplete="terminatejob")
    change: dict[str, object] = {"poolInfo": {"poolId": pool}}
    change |= {"onAllTasksComplete": "noaction"} if method == "PATCH" else {}
    assert refused(plain, method, f"/jobs/{name}", change) == "InvalidPropertyValue"


def test_a_job_whose_last_task_ended_while_it_was_disabled_ends_when_enabled(
    plain: Emulator, client: BatchClient, pool: str, name: str
) -> None:
    make(plain, name, onAllTasksComplete="terminatejob")
    call(plain, "POST", f"/jobs/{name}/tasks", body={"id": "t", "commandLine": "sleep 0.5"})
    until(lambda: client.get_task(name, "t").state == "running")
    disable(client, plain, name, "wait")
    ended(client, name, "t")
    client.begin_enable_job(name, polling_interval=0).wait()
    until(lambda: client.get_job(name).state == "completed")


def test_a_job_must_let_some_task_run(plain: Emulator, pool: str, name: str) -> None:
    body = {"id": name, "poolInfo": {"poolId": pool}, "maxParallelTasks": 0}
    assert refused(plain, "POST", "/jobs", body) == "InvalidPropertyValue"
