"""A scenario for every SDK. Bodies are JSON as on the wire; the observations are printed to standard output."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Protocol

from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

Doc = dict[str, Any]


class RefusedError(Exception):
    """The service refused a request: status and code."""


class Sdk(Protocol):
    """The operations that the scenario needs, with JSON as on the wire."""

    def pool_add(self, body: Doc) -> None: ...
    def pool_get(self, pool: str) -> Doc: ...
    def pool_exists(self, pool: str) -> bool: ...
    def pool_list(self) -> list[Doc]: ...
    def pool_resize(self, pool: str, body: Doc) -> None: ...
    def pool_patch(self, pool: str, body: Doc) -> None: ...
    def pool_enable_autoscale(self, pool: str, formula: str) -> None: ...
    def pool_evaluate_autoscale(self, pool: str, formula: str) -> Doc: ...
    def pool_disable_autoscale(self, pool: str) -> None: ...
    def pool_delete(self, pool: str) -> None: ...
    def node_list(self, pool: str) -> list[Doc]: ...
    def node_counts(self) -> list[Doc]: ...
    def node_reboot(self, pool: str, node: str) -> None: ...
    def job_add(self, body: Doc) -> None: ...
    def job_get(self, job: str) -> Doc: ...
    def job_patch(self, job: str, body: Doc, etag: str) -> None: ...
    def job_disable(self, job: str, how: str) -> None: ...
    def job_enable(self, job: str) -> None: ...
    def job_terminate(self, job: str, reason: str) -> None: ...
    def job_delete(self, job: str) -> None: ...
    def task_counts(self, job: str) -> Doc: ...
    def task_add(self, job: str, body: Doc) -> None: ...
    def task_add_collection(self, job: str, bodies: list[Doc]) -> list[Doc]: ...
    def task_list(self, job: str, query: str, select: str, page: int) -> list[Doc]: ...
    def task_get(self, job: str, task: str) -> Doc: ...
    def task_terminate(self, job: str, task: str) -> None: ...
    def task_reactivate(self, job: str, task: str) -> None: ...
    def task_delete(self, job: str, task: str) -> None: ...
    def file_list(self, job: str, task: str) -> list[str]: ...
    def file_read(self, job: str, task: str, path: str, span: str | None) -> bytes: ...
    def file_size(self, job: str, task: str, path: str) -> int: ...
    def schedule_add(self, body: Doc) -> None: ...
    def schedule_get(self, schedule: str) -> Doc: ...
    def schedule_delete(self, schedule: str) -> None: ...
    def applications(self) -> list[str]: ...
    def images(self) -> list[Doc]: ...


def _refusal(call: Callable[[], object]) -> str:
    try:
        call()
    except RefusedError as error:
        return str(error)
    return "accepted"


def run(sdk: Sdk, name: str) -> Doc:
    """Run the scenario with `name` in every id; returns the observations, the same for every SDK."""
    return _pools(sdk, name) | _jobs(sdk, name) | _tasks(sdk, name) | _rest(sdk, name)


def _steady(sdk: Sdk, pool: str, nodes: int) -> None:
    def reached() -> bool:
        states = [node["state"] for node in sdk.node_list(pool)]
        return sdk.pool_get(pool)["allocationState"] == "steady" and states == ["idle"] * nodes

    wait_until(reached)


def _pools(sdk: Sdk, pool: str) -> Doc:
    image = {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"}
    machine = {"imageReference": image, "nodeAgentSKUId": "batch.node.ubuntu 24.04"}
    body = {"id": pool, "vmSize": "standard_d2s_v3", "virtualMachineConfiguration": machine, "taskSlotsPerNode": 2}
    seen: Doc = {"exists before": sdk.pool_exists(pool)}
    sdk.pool_add(body | {"targetDedicatedNodes": 1})
    _steady(sdk, pool, 1)
    found = sdk.pool_get(pool)
    seen["pool"] = [found["state"], found["vmSize"], found["currentDedicatedNodes"], found["taskSlotsPerNode"]]
    seen["exists after"] = sdk.pool_exists(pool)
    seen["pool again"] = _refusal(lambda: sdk.pool_add(body))
    sdk.pool_resize(pool, {"targetDedicatedNodes": 2, "nodeDeallocationOption": "requeue"})
    _steady(sdk, pool, 2)
    sdk.pool_patch(pool, {"metadata": [{"name": "a", "value": "b"}]})
    seen["metadata"] = sdk.pool_get(pool)["metadata"]
    seen["listed"] = pool in [each["id"] for each in sdk.pool_list()]
    counts = next(each for each in sdk.node_counts() if each["poolId"] == pool)
    seen["idle"] = counts["dedicated"]["idle"]
    sdk.node_reboot(pool, sdk.node_list(pool)[0]["id"])
    _steady(sdk, pool, 2)
    sdk.pool_enable_autoscale(pool, "$TargetDedicatedNodes = 1;")
    _steady(sdk, pool, 1)
    seen["autoscale"] = sdk.pool_evaluate_autoscale(pool, "x = 1 + 1;")["results"].split(";")[-1]
    seen["bad formula"] = sdk.pool_evaluate_autoscale(pool, "x = y;")["error"]["code"]
    sdk.pool_disable_autoscale(pool)
    seen["autoscale off"] = sdk.pool_get(pool)["enableAutoScale"]
    return seen


def _jobs(sdk: Sdk, name: str) -> Doc:
    sdk.job_add({"id": name, "poolInfo": {"poolId": name}})
    job = sdk.job_get(name)
    seen: Doc = {"job": [job["state"], job["priority"], job["onAllTasksComplete"]]}
    sdk.job_patch(name, {"priority": 9}, job["eTag"])
    seen["stale"] = _refusal(lambda: sdk.job_patch(name, {"priority": 10}, job["eTag"]))
    seen["priority"] = sdk.job_get(name)["priority"]
    seen["no job"] = _refusal(lambda: sdk.job_get("none"))
    sdk.job_disable(name, "requeue")
    wait_until(lambda: sdk.job_get(name)["state"] == "disabled")
    sdk.job_enable(name)
    wait_until(lambda: sdk.job_get(name)["state"] == "active")
    return seen


def _tasks(sdk: Sdk, job: str) -> Doc:
    bodies: list[Doc] = [{"id": f"t{i}", "commandLine": f"/bin/bash -c 'echo {i}; exit {i % 2}'"} for i in range(6)]
    results = sdk.task_add_collection(job, bodies)
    seen: Doc = {"added": sorted(each["status"].lower() for each in results)}
    (again,) = sdk.task_add_collection(job, bodies[:1])
    seen["again"] = [again["status"].lower(), again["error"]["code"]]
    wait_until(lambda: sdk.task_counts(job)["taskCounts"]["completed"] == 6)
    seen["counts"] = sdk.task_counts(job)["taskCounts"]
    listed = sdk.task_list(job, "executionInfo/exitCode eq 1", "id,executionInfo", 2)
    seen["failed"] = sorted((each["id"], each["executionInfo"]["failureInfo"]["code"]) for each in listed)
    task = sdk.task_get(job, "t0")
    seen["task"] = [task["state"], task["executionInfo"]["exitCode"], task["executionInfo"]["result"]]
    seen["files"] = sdk.file_list(job, "t0")
    seen["stdout"] = sdk.file_read(job, "t3", "stdout.txt", None).decode()
    seen["range"] = sdk.file_read(job, "t3", "stdout.txt", "bytes=0-0").decode()
    seen["size"] = sdk.file_size(job, "t3", "stdout.txt")
    seen["no task"] = _refusal(lambda: sdk.task_get(job, "none"))
    seen["completed"] = _refusal(lambda: sdk.task_terminate(job, "t0"))
    sdk.task_add(job, {"id": "long", "commandLine": "sleep 1000", "constraints": {"maxTaskRetryCount": 1}})
    wait_until(lambda: sdk.task_get(job, "long")["state"] == "running")
    sdk.task_terminate(job, "long")
    seen["ended"] = sdk.task_get(job, "long")["executionInfo"]["failureInfo"]["code"]
    sdk.task_reactivate(job, "long")
    wait_until(lambda: sdk.task_get(job, "long")["state"] == "running")
    sdk.task_delete(job, "long")
    seen["deleted"] = _refusal(lambda: sdk.task_get(job, "long"))
    seen["bad"] = _refusal(lambda: sdk.task_add(job, {"id": "no good", "commandLine": "true"}))
    return seen


def _rest(sdk: Sdk, name: str) -> Doc:
    schedule = f"s-{name}"
    specification = {"poolInfo": {"poolId": name}}
    times = {"doNotRunUntil": "2099-01-01T00:00:00Z"}
    sdk.schedule_add({"id": schedule, "schedule": times, "jobSpecification": specification})
    seen: Doc = {"schedule": sdk.schedule_get(schedule)["state"], "applications": sdk.applications()}
    sdk.schedule_delete(schedule)
    wait_until(lambda: _refusal(lambda: sdk.schedule_get(schedule)) == "404 JobScheduleNotFound")
    seen["images"] = len(sdk.images()) > 0
    sdk.job_terminate(name, "over")
    wait_until(lambda: sdk.job_get(name)["state"] == "completed")
    seen["reason"] = sdk.job_get(name)["executionInfo"]["terminateReason"]
    sdk.job_delete(name)
    wait_until(lambda: _refusal(lambda: sdk.job_get(name)) == "404 JobNotFound")
    sdk.pool_delete(name)
    wait_until(lambda: _refusal(lambda: sdk.pool_get(name)) == "404 PoolNotFound")
    return seen


def main(make: Callable[[str, str, str], Sdk]) -> None:
    """Run with URL, account, key and name from the command line."""
    url, account, key, name = sys.argv[1:]
    print(json.dumps(run(make(url, account, key), name)))
