"""Container tasks that are refused, or run on the host without their images."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from support.containers import make_container_pool, pool_body, run_container_task
from support.emulators import Emulator, call, emulator
from support.resources import make_job, wait_for_task

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def host() -> Iterator[Emulator]:
    with emulator("--containers", "host") as started:
        yield started


def test_host_runs_the_command_without_its_image_and_says_so(host: Emulator) -> None:
    pool, headers, node = make_container_pool(host, images=["example.invalid/image"])
    assert node["state"] == "idle"
    assert "without their images. No image is pulled" in headers["Warning"]
    assert "without their images. No image is pulled" in call(host, "GET", f"/pools/{pool}")[1]["Warning"]
    info, output = run_container_task(host, pool, "/bin/sh -c 'echo $AZ_BATCH_TASK_ID in $PWD'")
    assert (info["exitCode"], output.split()[0]) == (0, "t")
    assert output.rstrip().endswith("/t/wd")


def test_pool_without_containers_has_no_warning(host: Emulator) -> None:
    _, headers, _ = make_container_pool(host, containers=False)
    assert "Warning" not in headers


def test_start_and_preparation_tasks_run_as_containers(host: Emulator) -> None:
    settings = {"imageName": "busybox"}
    pool, _, _ = make_container_pool(
        host, startTask={"commandLine": "/bin/true", "waitForSuccess": True, "containerSettings": settings}
    )
    body = {
        "id": f"j-{uuid.uuid4()}",
        "poolInfo": {"poolId": pool},
        "jobPreparationTask": {"commandLine": "/bin/true", "containerSettings": settings},
    }
    assert call(host, "POST", "/jobs", body=body)[0] == 201
    task = {"id": "t", "commandLine": "/bin/true", "containerSettings": settings}
    assert call(host, "POST", f"/jobs/{body['id']}/tasks", body=task)[0] == 201
    with host.client() as client:
        info = wait_for_task(client, str(body["id"]), "t").execution_info
        assert info is not None
        assert info.exit_code == 0


def test_start_task_in_a_container_needs_a_pool_for_containers(host: Emulator) -> None:
    start = {"commandLine": "/bin/true", "containerSettings": {"imageName": "busybox"}}
    status, _, body = call(host, "POST", "/pools", body=pool_body("p", containers=False, startTask=start))
    assert (status, body["code"]) == (400, "InvalidPropertyValue")


def test_multi_instance_tasks_stay_refused(host: Emulator) -> None:
    pool, _, _ = make_container_pool(host)
    with host.client() as client:
        job = make_job(client, f"j-{uuid.uuid4()}", pool)
    task = {
        "id": "t",
        "commandLine": "/bin/true",
        "multiInstanceSettings": {"numberOfInstances": 2, "coordinationCommandLine": "true"},
    }
    status, _, body = call(host, "POST", f"/jobs/{job}/tasks", body=task)
    assert (status, body["code"]) == (400, "OperationNotSupported")
    assert "Multi-instance" in body["message"]["value"]


@pytest.mark.parametrize("where", ["task", "startTask", "jobPreparationTask"])
def test_containers_are_refused_by_default(plain: Emulator, where: str, name: str) -> None:
    in_container = {"commandLine": "/bin/true", "containerSettings": {"imageName": "busybox"}}
    if where == "startTask":
        status, _, body = call(plain, "POST", "/pools", body=pool_body(name, startTask=in_container))
    else:
        assert call(plain, "POST", "/pools", body=pool_body(name, targetDedicatedNodes=0))[0] == 201
        job: dict[str, Any] = {"id": name, "poolInfo": {"poolId": name}}
        if where == "jobPreparationTask":
            status, _, body = call(plain, "POST", "/jobs", body=job | {where: in_container})
        else:
            assert call(plain, "POST", "/jobs", body=job)[0] == 201
            status, _, body = call(plain, "POST", f"/jobs/{name}/tasks", body={"id": "t"} | in_container)
    assert (status, body["code"]) == (400, "OperationNotSupported")
    assert "--containers" in body["message"]["value"]


@pytest.mark.parametrize(
    ("registry", "code"),
    [
        ({"username": "u", "password": "p", "identityReference": {"resourceId": "i"}}, "MutuallyExclusiveProperties"),
        ({"password": "secret-word"}, "MissingRequiredProperty"),
        ({"username": "u", "password": ["secret-word"]}, "InvalidPropertyValue"),
        ({"username": "u\n"}, "InvalidPropertyValue"),
        ({"identityReference": {}}, "MissingRequiredProperty"),
        ({"server": "s"}, "InvalidRequestBody"),
    ],
)
def test_invalid_registry_is_refused(host: Emulator, registry: dict[str, Any], code: str) -> None:
    status, _, body = call(host, "POST", "/pools", body=pool_body("p", registries=[registry]))
    assert (status, body["code"]) == (400, code)
    assert "secret-word" not in str(body)


def test_container_configuration_needs_a_known_type(host: Emulator) -> None:
    body = pool_body("p")
    body["virtualMachineConfiguration"]["containerConfiguration"]["type"] = "lxc"
    status, _, answer = call(host, "POST", "/pools", body=body)
    assert (status, answer["code"]) == (400, "InvalidPropertyValue")
