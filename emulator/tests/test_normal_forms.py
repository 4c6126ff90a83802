"""What GETs return: defaults, normal forms and links, without secrets, as in the recordings of azure-batch's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from support.emulators import Emulator, call
from support.resources import pool_options, run_task
from support.tokens import make_token

if TYPE_CHECKING:
    from azure.batch import BatchClient

UNLIMITED = "P10675199DT2H48M5.4775807S"
USER = {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}
CONSTRAINTS = {"maxWallClockTime": UNLIMITED, "retentionTime": "P7D", "maxTaskRetryCount": 0}


def get(plain: Emulator, path: str) -> Any:
    status, _, body = call(plain, "GET", path)
    assert status == 200, body
    return body


def create(plain: Emulator, path: str, body: dict[str, Any]) -> Any:
    """Create a resource; returns what a GET of it shows."""
    status, _, answer = call(plain, "POST", path, body=body)
    assert status == 201, answer
    return get(plain, f"{path}/{body['id']}")


def pool_body(name: str, **changes: object) -> dict[str, Any]:
    return pool_options(name, target_dedicated_nodes=0).as_dict() | changes


def test_preparation_and_release_tasks_have_their_defaults(plain: Emulator, name: str) -> None:
    tasks = {"jobPreparationTask": {"commandLine": "true"}, "jobReleaseTask": {"commandLine": "true"}}
    job = create(plain, "/jobs", {"id": name, "poolInfo": {"poolId": "none"}} | tasks)
    assert job["jobPreparationTask"] == {
        "id": "jobpreparation",
        "commandLine": "true",
        "constraints": CONSTRAINTS,
        "userIdentity": USER,
        "waitForSuccess": True,
        "rerunOnNodeRebootAfterSuccess": True,
    }
    assert job["jobReleaseTask"] == {
        "id": "jobrelease",
        "commandLine": "true",
        "maxWallClockTime": "PT15M",
        "retentionTime": "P7D",
        "userIdentity": USER,
    }


def test_automatic_pool_has_its_defaults(plain: Emulator, name: str) -> None:
    pool = pool_body(name)
    machine = pool["virtualMachineConfiguration"]
    own = {"poolLifetimeOption": "job", "pool": {"vmSize": "a1", "virtualMachineConfiguration": machine}}
    job = create(plain, "/jobs", {"id": name, "poolInfo": {"autoPoolSpecification": own}})
    found = job["poolInfo"]["autoPoolSpecification"]
    assert found["keepAlive"] is False
    assert found["pool"].pop("virtualMachineConfiguration")["imageReference"]["version"] == "latest"
    assert found["pool"] == {
        "vmSize": "a1",
        "taskSlotsPerNode": 1,
        "taskSchedulingPolicy": {"nodeFillType": "Spread"},
        "resizeTimeout": "PT15M",
        "targetDedicatedNodes": 0,
        "targetLowPriorityNodes": 0,
        "enableAutoScale": False,
        "enableInterNodeCommunication": False,
    }


def test_schedule_shows_its_whole_specification_and_normal_durations(plain: Emulator, name: str) -> None:
    schedule = create(
        plain,
        "/jobschedules",
        {
            "id": name,
            "schedule": {"startWindow": "PT01H00M00S", "recurrenceInterval": "PT24H"},
            "jobSpecification": {"poolInfo": {"poolId": "pool_id"}, "onAllTasksComplete": "TerminateJob"},
        },
    )
    assert schedule["schedule"] == {"startWindow": "PT1H", "recurrenceInterval": "P1D"}
    assert schedule["jobSpecification"] == {
        "priority": 0,
        "maxParallelTasks": -1,
        "allowTaskPreemption": False,
        "usesTaskDependencies": False,
        "onAllTasksComplete": "terminatejob",
        "onTaskFailure": "noaction",
        "constraints": {"maxWallClockTime": UNLIMITED, "maxTaskRetryCount": 0},
        "poolInfo": {"poolId": "pool_id"},
    }


def test_pool_shows_normal_forms_and_network_defaults(plain: Emulator, name: str) -> None:
    nat = {"name": "n", "protocol": "tcp", "backendPort": 1, "frontendPortRangeStart": 2, "frontendPortRangeEnd": 99}
    nat["networkSecurityGroupRules"] = [{"priority": 150, "access": "allow", "sourceAddressPrefix": "*"}]
    found = create(
        plain,
        "/pools",
        pool_body(
            name,
            taskSchedulingPolicy={"nodeFillType": "pack"},
            resizeTimeout="PT00H10M00S",
            startTask={"commandLine": "true", "userIdentity": {"autoUser": {"elevationLevel": "Admin"}}},
            networkConfiguration={"endpointConfiguration": {"inboundNATPools": [nat]}},
        ),
    )
    assert found["taskSchedulingPolicy"] == {"nodeFillType": "Pack"}
    assert found["resizeTimeout"] == "PT10M"
    assert found["startTask"]["userIdentity"] == {"autoUser": {"scope": "pool", "elevationLevel": "admin"}}
    assert (found["startTask"]["maxTaskRetryCount"], found["startTask"]["waitForSuccess"]) == (0, True)
    assert found["networkConfiguration"]["dynamicVNetAssignmentScope"] == "none"
    assert found["networkConfiguration"]["enableAcceleratedNetworking"] is False
    (pool,) = found["networkConfiguration"]["endpointConfiguration"]["inboundNATPools"]
    assert pool["networkSecurityGroupRules"][0]["sourcePortRanges"] == ["*"]


@pytest.mark.parametrize("automatic", [False, True])
def test_secrets_are_not_returned(plain: Emulator, name: str, *, automatic: bool) -> None:
    secret = "c2VjcmV0"  # noqa: S105
    pool = pool_body(
        name,
        userAccounts=[{"name": "u", "password": secret, "linuxUserConfiguration": {"sshPrivateKey": secret}}],
        mountConfiguration=[
            {"azureBlobFileSystemConfiguration": {"accountName": "a", "accountKey": secret, "sasKey": secret}},
            {"cifsMountConfiguration": {"username": "u", "password": secret}},
        ],
    )
    pool["virtualMachineConfiguration"]["containerConfiguration"] = {
        "type": "dockerCompatible",
        "containerRegistries": [{"username": "u", "password": secret}],
    }
    pool["virtualMachineConfiguration"]["extensions"] = [{"name": "e", "protectedSettings": {"key": secret}}]
    if automatic:
        del pool["id"]
        own = {"poolLifetimeOption": "job", "pool": pool}
        found = create(plain, "/jobs", {"id": name, "poolInfo": {"autoPoolSpecification": own}})
        assert secret not in str(get(plain, f"/pools/{found['executionInfo']['poolId']}"))
    else:
        found = create(plain, "/pools", pool)
        assert found["userAccounts"] == [{"name": "u", "linuxUserConfiguration": {}}]
        assert found["mountConfiguration"][0] == {"azureBlobFileSystemConfiguration": {"accountName": "a"}}
    assert secret not in str(found)


def test_links_begin_with_the_url_that_the_client_used(plain: Emulator, client: BatchClient, job: str) -> None:
    run_task(client, job, "t", f"echo {plain.url}")
    other = plain.url.replace("127.0.0.1", "localhost")
    headers = {"Authorization": f"Bearer {make_token('https://batch.core.windows.net/')}"}

    def responses() -> str:
        text = ""
        task = f"/jobs/{job}/tasks/t"
        for path in (f"/jobs/{job}", f"/jobs/{job}/tasks", task, f"{task}/files", f"{task}/files/stderr.txt"):
            with urlopen(Request(f"{other}{path}?api-version=2025-06-01", headers=headers)) as response:  # noqa: S310
                text += str(response.headers) + response.read().decode()
        return text

    found = responses()
    assert f"echo {plain.url}" in found
    assert quote(plain.url, safe="") not in found
    assert plain.url not in found.replace(f"echo {plain.url}", "")
    assert f'"{other}/jobs/{job}/tasks/t"' in found


def test_file_headers_are_those_of_batch(plain: Emulator, client: BatchClient, job: str) -> None:
    run_task(client, job, "t", "true")
    path = f"/jobs/{job}/tasks/t/files/stdout.txt"
    headers = call(plain, "HEAD", path)[1]
    assert headers["ocp-batch-file-isdirectory"] == "False"
    assert headers["ocp-batch-file-url"] == quote(plain.url + path, safe="")
    assert headers["Content-Type"] == "text/plain"


def test_subtasks_of_an_ordinary_task_are_an_empty_list(plain: Emulator, client: BatchClient, job: str) -> None:
    run_task(client, job, "t", "true")
    assert get(plain, f"/jobs/{job}/tasks/t/subtasksinfo")["value"] == []
    assert list(client.list_subtasks(job, "t")) == []


def test_supported_images_include_some_for_containers(client: BatchClient) -> None:
    found = {
        (image.image_reference.offer, image.node_agent_sku_id)
        for image in client.list_supported_images(filter="verificationType eq 'verified' and osType eq 'linux'")
        if "DockerCompatible" in (image.capabilities or [])
    }
    # Workflow tools look for the first one unless they are configured otherwise.
    assert {("ubuntu-hpc", "batch.node.ubuntu 24.04"), ("ubuntu-hpc", "batch.node.ubuntu 22.04")} <= found
