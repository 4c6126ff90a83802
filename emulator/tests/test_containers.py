"""Container tasks: refused, on the host, or by podman, of which a stand-in shows how it is called."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from support.emulators import Emulator, call, emulator
from support.resources import file_text, make_job, wait_for_task
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MACHINE = {
    "imageReference": {"publisher": "microsoft-azure-batch", "offer": "ubuntu-server-container", "sku": "20-04-lts"},
    "nodeAgentSKUId": "batch.node.ubuntu 20.04",
}
CONTAINERS = {"containerConfiguration": {"type": "dockerCompatible", "containerImageNames": ["busybox"]}}
# Stands in for podman: writes down its arguments, then runs what follows the image here, as `run` would there.
PODMAN = """#!/bin/bash
echo "$@" >> "{log}"
[ "$1" = run ] || exit 0
while [ "$1" != busybox ]; do
  [ "$1" = --workdir ] && cd "$2"
  shift
done
shift
exec "$@"
"""


def pool_body(name: str, *, containers: bool = True, **settings: Any) -> dict[str, Any]:
    machine = MACHINE | (CONTAINERS if containers else {})
    return {"id": name, "vmSize": "s", "virtualMachineConfiguration": machine, "targetDedicatedNodes": 1} | settings


def make_container_pool(started: Emulator, **settings: Any) -> tuple[str, dict[str, str]]:
    """The id of a new pool, once its node is idle, and the headers of the response to its creation."""
    name = f"p-{uuid.uuid4()}"
    status, headers, _ = call(started, "POST", "/pools", body=pool_body(name, **settings))
    assert status == 201
    wait_until(lambda: [each["state"] for each in call(started, "GET", f"/pools/{name}/nodes")[2]["value"]] == ["idle"])
    return name, headers


def run_container_task(started: Emulator, pool: str, command: str, **settings: object) -> tuple[int | None, str]:
    """Exit code and standard output of a task in a container."""
    with started.client() as client:
        job = make_job(client, f"j-{uuid.uuid4()}", pool)
        body = {"id": "t", "commandLine": command, "containerSettings": {"imageName": "busybox"} | settings}
        assert call(started, "POST", f"/jobs/{job}/tasks", body=body)[0] == 201
        info = wait_for_task(client, job, "t").execution_info
        assert info is not None
        return info.exit_code, file_text(client, job, "t", "stdout.txt")


@pytest.fixture(scope="module")
def host() -> Iterator[Emulator]:
    with emulator("--containers", "host") as started:
        yield started


def test_host_runs_the_command_without_its_image_and_says_so(host: Emulator) -> None:
    pool, headers = make_container_pool(host)
    assert "without their images" in headers["Warning"]
    assert "without their images" in call(host, "GET", f"/pools/{pool}")[1]["Warning"]
    code, output = run_container_task(host, pool, "/bin/sh -c 'echo $AZ_BATCH_TASK_ID in $PWD'")
    assert (code, output.split()[0]) == (0, "t")
    assert output.rstrip().endswith("/t/wd")


def test_pool_without_containers_has_no_warning(host: Emulator) -> None:
    _, headers = make_container_pool(host, containers=False)
    assert "Warning" not in headers


def test_start_and_preparation_tasks_run_as_containers(host: Emulator) -> None:
    settings = {"imageName": "busybox"}
    pool, _ = make_container_pool(
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
    pool, _ = make_container_pool(host)
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


@pytest.fixture
def podman(tmp_path: Path) -> Iterator[tuple[Emulator, Path]]:
    """An emulator whose podman is a stand-in, and the file of its calls."""
    log, program = tmp_path / "calls.txt", tmp_path / "bin/podman"
    program.parent.mkdir()
    program.write_text(PODMAN.replace("{log}", str(log)))
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    with emulator("--containers", "podman", environment={"PATH": path}) as started:
        yield started, log


def test_podman_gets_image_options_environment_mounts_and_directory(podman: tuple[Emulator, Path]) -> None:
    started, log = podman
    pool, headers = make_container_pool(started)
    assert "Warning" not in headers
    code, output = run_container_task(
        started,
        pool,
        "/bin/sh -c 'echo $AZ_BATCH_TASK_ID in $PWD'",
        containerRunOptions="--cpus 2 --label 'a b'",
    )
    assert (code, output.split()[0]) == (0, "t")
    run = next(line for line in log.read_text().splitlines() if line.startswith("run "))
    root = output.split()[-1].partition("/workitems/")[0]
    assert f"--volume {root}:{root} --workdir {output.split()[-1]}" in run
    assert "--env AZ_BATCH_TASK_ID" in run
    assert "--env PATH" not in run
    assert "--cpus 2 --label a b busybox /bin/sh" in run
    name = run.split("--name ")[1].split()[0]
    wait_until(lambda: f"rm --force --ignore --time 0 {name}" in log.read_text())


def test_podman_mounts_only_what_the_settings_name(podman: tuple[Emulator, Path]) -> None:
    started, log = podman
    pool, _ = make_container_pool(started)
    mounts = [{"source": "Task"}, {"source": "Shared", "isReadOnly": True}]
    code, _ = run_container_task(started, pool, "/bin/true", containerHostBatchBindMounts=mounts)
    assert code == 0
    run = next(line for line in log.read_text().splitlines() if line.startswith("run "))
    volumes = [part.split()[0] for part in run.split("--volume ")[1:]]
    assert [volume.rpartition("/")[2] for volume in volumes] == ["t", "shared:ro"]
    code, _ = run_container_task(started, pool, "/bin/true", workingDirectory="containerImageDefault")
    last = [line for line in log.read_text().splitlines() if line.startswith("run ")][-1]
    assert (code, "--workdir" in last) == (0, False)


def test_podman_that_is_missing_ends_the_start(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "batch_emulator", "--port", "0", "--containers", "podman"]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "podman is not in the search path" in done.stderr
