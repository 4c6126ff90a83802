"""Old api-versions: their names in requests, responses and queries; task counts without slots; node agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.emulators import Emulator, call

if TYPE_CHECKING:
    from collections.abc import Iterator

OLD = "2019-08-01.10.0"
BEFORE_IMAGES = "2018-12-01.8.0"
MACHINE = {
    "imageReference": {"publisher": "Canonical", "offer": "UbuntuServer", "sku": "18.04-LTS"},
    "nodeAgentSKUId": "batch.node.ubuntu 18.04",
}
POOL = {"vmSize": "STANDARD_A1_v2", "virtualMachineConfiguration": MACHINE, "maxTasksPerNode": 3}


def get(plain: Emulator, path: str, *, version: str = OLD) -> Any:
    status, _, body = call(plain, "GET", f"{path}{'&' if '?' in path else '?'}api-version={version}")
    assert status == 200, body
    return body


@pytest.fixture
def pool(plain: Emulator, name: str) -> Iterator[str]:
    status, _, error = call(plain, "POST", f"/pools?api-version={OLD}", body={"id": name} | POOL)
    assert status == 201, error
    yield name
    call(plain, "DELETE", f"/pools/{name}")


def test_pool_has_max_tasks_per_node_in_old_versions(plain: Emulator, pool: str) -> None:
    old, new = (
        get(plain, f"/pools/{pool}", version=BEFORE_IMAGES),
        get(plain, f"/pools/{pool}", version="2020-09-01.12.0"),
    )
    assert (old["maxTasksPerNode"], old.get("taskSlotsPerNode")) == (3, None)
    assert (new["taskSlotsPerNode"], new.get("maxTasksPerNode")) == (3, None)


def test_old_name_can_be_selected(plain: Emulator, pool: str) -> None:
    listed = get(plain, f"/pools?$filter=id%20eq%20'{pool}'&$select=id,maxTasksPerNode")
    assert listed["value"] == [{"id": pool, "maxTasksPerNode": 3}]


def test_automatic_pool_has_the_old_name_too(plain: Emulator, name: str) -> None:
    info = {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": POOL}}
    status, _, error = call(plain, "POST", f"/jobs?api-version={OLD}", body={"id": name, "poolInfo": info})
    assert status == 201, error
    assert get(plain, f"/jobs/{name}")["poolInfo"]["autoPoolSpecification"]["pool"]["maxTasksPerNode"] == 3
    call(plain, "DELETE", f"/jobs/{name}")


def test_new_versions_refuse_the_old_name(plain: Emulator, name: str) -> None:
    status, _, error = call(plain, "POST", "/pools", body={"id": name} | POOL)
    assert (status, error["code"]) == (400, "InvalidRequestBody")


def test_task_counts_have_no_slots_in_old_versions(plain: Emulator, pool: str, name: str) -> None:
    job = f"{name}-counts"
    call(plain, "POST", "/jobs", body={"id": job, "poolInfo": {"poolId": pool}})
    counts = get(plain, f"/jobs/{job}/taskcounts")
    counts.pop("odata.metadata")
    assert counts == {"active": 0, "running": 0, "completed": 0, "succeeded": 0, "failed": 0}
    call(plain, "DELETE", f"/jobs/{job}")


def test_node_agents_are_listed_only_before_supported_images(plain: Emulator) -> None:
    agents = {each["id"]: each for each in get(plain, "/nodeagentskus", version=BEFORE_IMAGES)["value"]}
    found = agents["batch.node.ubuntu 22.04"]
    assert found["osType"] == "linux"
    assert {each["offer"] for each in found["verifiedImageReferences"]} == {
        "0001-com-ubuntu-server-jammy",
        "ubuntu-hpc",
    }
    status, _, error = call(plain, "GET", f"/nodeagentskus?api-version={OLD}")
    assert (status, error["code"]) == (404, "ResourceNotFound")


def test_resource_file_had_a_blob_source_before_http_urls(plain: Emulator, pool: str, name: str) -> None:
    job = f"{name}-files"
    call(plain, "POST", "/jobs", body={"id": job, "poolInfo": {"poolId": pool}})
    file = {"blobSource": "http://127.0.0.1:1/a", "filePath": "a"}
    task = {"id": "t", "commandLine": "true", "resourceFiles": [file]}
    assert call(plain, "POST", f"/jobs/{job}/tasks?api-version={BEFORE_IMAGES}", body=task)[0] == 400
    assert call(plain, "POST", f"/jobs/{job}/tasks?api-version=2018-08-01.7.0", body=task)[0] == 201
    assert get(plain, f"/jobs/{job}/tasks/t", version="2018-08-01.7.0")["resourceFiles"] == [file]
    assert (
        get(plain, f"/jobs/{job}/tasks/t", version=BEFORE_IMAGES)["resourceFiles"][0]["httpUrl"] == file["blobSource"]
    )
    call(plain, "DELETE", f"/jobs/{job}")


def test_version_older_than_the_oldest_is_refused(plain: Emulator) -> None:
    status, _, error = call(plain, "GET", "/pools?api-version=2018-03-01.6.1")
    assert (status, error["code"]) == (400, "UnsupportedRequestVersion")
    assert "2018-08-01" in error["message"]["value"]
