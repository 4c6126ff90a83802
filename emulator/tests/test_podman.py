"""Containers with podman itself, from a registry of the test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from support.container_registry import MARKER, PASSWORD, USER, ContainerRegistry
from support.containers import MACHINE, make_container_pool, run_container_task, start_container_task
from support.emulators import Emulator, call, emulator
from support.secure import NODE_IDENTITY
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Certificates

PODMAN = shutil.which("podman") or ""
pytestmark = pytest.mark.skipif(not PODMAN, reason="podman is not installed")


@pytest.fixture(scope="module")
def registry(certificates: Certificates) -> Iterator[ContainerRegistry]:
    with ContainerRegistry(certificates.cert, certificates.key) as started:
        yield started


@pytest.fixture(scope="module")
def settings(registry: ContainerRegistry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of podman, with a storage for this module."""
    found = registry.podman_settings(tmp_path_factory.mktemp("podman"))
    yield found
    podman(found, "rmi", "--all", "--force")


def podman(settings: dict[str, str], *arguments: str) -> str:
    done = subprocess.run([PODMAN, *arguments], env=os.environ | settings, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def started(
    registry: ContainerRegistry,
    settings: dict[str, str],
    identity_endpoint: str,
    certificates: Certificates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Emulator]:
    """An emulator with a pool whose image needs the pool's identity."""
    folder = tmp_path_factory.mktemp("emulator")
    identity = {"registryServer": registry.name, "identityReference": {"resourceId": NODE_IDENTITY}}
    containers = {
        "type": "dockerCompatible",
        "containerImageNames": [f"{registry.name}/private/image-by-identity"],
        "containerRegistries": [identity],
    }
    pool = {
        "id": "identified",
        "vmSize": "s",
        "targetDedicatedNodes": 1,
        "virtualMachineConfiguration": MACHINE | {"containerConfiguration": containers},
        "identity": {"userAssignedIdentities": [{"resourceId": NODE_IDENTITY, "clientId": "nodes-client"}]},
    }
    (folder / "pools.json").write_text(json.dumps([pool]))
    options: list[object] = ["--containers", "podman", "--ca-bundle", certificates.ca, "--node-root", folder / "nodes"]
    options += ["--identity-endpoint", identity_endpoint, "--identity-header", "secret"]
    with emulator(*options, "--pools", folder / "pools.json", environment=settings) as running:
        yield running


@pytest.fixture(scope="module")
def pool(started: Emulator, registry: ContainerRegistry) -> str:
    """A pool whose image is pulled without a password."""
    name, headers, node = make_container_pool(started, images=[f"{registry.name}/public/image"])
    assert "Warning" not in headers
    assert node["state"] == "idle", node
    return name


def failure(info: dict[str, Any]) -> tuple[str, str]:
    """Code and last detail of a task's or a node's error."""
    error = info["failureInfo"] if "failureInfo" in info else info["errors"][0]
    return error["code"], (error.get("details") or error["errorDetails"])[-1]["value"]


def test_image_is_pulled_when_the_node_starts(pool: str, registry: ContainerRegistry) -> None:
    assert registry.pulls.count("/v2/public/image/manifests/latest") == 1


def test_task_runs_in_its_image_with_environment_directory_and_files(
    started: Emulator, pool: str, registry: ContainerRegistry
) -> None:
    script = f"cat {MARKER}; echo $AZ_BATCH_TASK_ID $OWN $PATH $HOME; pwd; id -u; echo kept > file; exit 3"
    own = [{"name": "OWN", "value": "a\nb"}, {"name": "HOME", "value": "/own-home"}]
    info, output = run_container_task(
        started, pool, f"/bin/sh -c '{script}'", image=f"{registry.name}/public/image", environmentSettings=own
    )
    lines = output.splitlines()
    assert info["exitCode"] == 3
    assert lines[0] == "test image"
    assert lines[1].startswith("t a b /")
    assert lines[1].endswith(" /own-home")
    assert lines[2].endswith("/t/wd")
    assert lines[3] == "0"
    assert len(info["containerInfo"]["containerId"]) == 64


def test_working_directory_and_command_of_the_image(started: Emulator, pool: str, registry: ContainerRegistry) -> None:
    image = f"{registry.name}/public/image"
    settings = {"workingDirectory": "containerImageDefault"}
    assert run_container_task(started, pool, "/bin/sh -c pwd", image=image, **settings)[1] == "/usr\n"
    assert run_container_task(started, pool, "", image=image, **settings)[1] == "test image\n"
    assert run_container_task(started, pool, "/bin/sh -c pwd", image=image, containerRunOptions="--rm -w /")[1] == "/\n"
    offline = run_container_task(
        started, pool, "/bin/cat /proc/net/dev", image=image, containerRunOptions="--net none"
    )[1]
    assert [line.split(":")[0].strip() for line in offline.splitlines()[2:]] == ["lo"]


def test_mounts_are_those_that_the_settings_name(started: Emulator, pool: str, registry: ContainerRegistry) -> None:
    mounts = [{"source": "Task"}, {"source": "Shared", "isReadOnly": True}]
    script = "echo $AZ_BATCH_NODE_STARTUP_DIR; cd $AZ_BATCH_NODE_SHARED_DIR; ls .. /empty; echo > file || echo refused"
    _, output = run_container_task(
        started,
        pool,
        f"/bin/sh -c '{script}'",
        image=f"{registry.name}/public/image",
        containerHostBatchBindMounts=mounts,
        containerRunOptions="-v /no/such/folder:/empty:ro",
    )
    assert output.split() == ["..:", "shared", "workitems", "/empty:", "refused"]


@pytest.mark.parametrize(
    ("options", "reason"), [("--cpus two", "invalid argument"), ("--memory 1 busybox /bin/sh", "not an option")]
)
def test_task_with_refused_run_options_fails_before_it_starts(
    started: Emulator, pool: str, registry: ContainerRegistry, options: str, reason: str
) -> None:
    image = f"{registry.name}/public/image"
    info, _ = run_container_task(started, pool, "/bin/true", image=image, containerRunOptions=options)
    code, message = failure(info)
    assert code == "ContainerInvalidSettings"
    assert reason in message
    assert "exitCode" not in info


def test_image_that_cannot_be_pulled_makes_the_node_unusable(started: Emulator, registry: ContainerRegistry) -> None:
    _, _, node = make_container_pool(started, images=[f"{registry.name}/public/missing"])
    assert node["state"] == "unusable"
    code, message = failure(node)
    assert code == "ContainerInvalidImage"
    assert "manifest unknown" in message


def test_wrong_password_makes_the_node_unusable(started: Emulator, registry: ContainerRegistry) -> None:
    wrong = {"registryServer": registry.name, "username": USER, "password": "wrong"}
    _, _, node = make_container_pool(started, registries=[wrong])
    assert node["state"] == "unusable"
    assert failure(node)[0] == "ContainerInvalidRegistry"


def test_private_image_is_pulled_with_the_password_of_the_pool(started: Emulator, registry: ContainerRegistry) -> None:
    image = f"{registry.name}/private/image-of-pool"
    right = {"registryServer": f"https://{registry.name}", "username": USER, "password": PASSWORD}
    name, _, node = make_container_pool(started, images=[image], registries=[right])
    assert node["state"] == "idle", node
    assert run_container_task(started, name, f"/bin/cat {MARKER}", image=image)[1] == "test image\n"


def test_private_image_is_pulled_with_the_password_of_the_task(
    started: Emulator, pool: str, registry: ContainerRegistry
) -> None:
    image = f"{registry.name}/private/image-of-task"
    info, _ = run_container_task(started, pool, f"/bin/cat {MARKER}", image=image)
    assert failure(info)[0] == "ContainerInvalidImage"
    right = {"registryServer": registry.name, "username": USER, "password": PASSWORD}
    info, output = run_container_task(started, pool, f"/bin/cat {MARKER}", image=image, registry=right)
    assert output == "test image\n", info


def test_private_image_is_pulled_with_the_identity_of_the_pool(started: Emulator, registry: ContainerRegistry) -> None:
    image = f"{registry.name}/private/image-by-identity"
    _, output = run_container_task(started, "identified", f"/bin/cat {MARKER}", image=image)
    assert output == "test image\n"


def test_container_ends_with_its_task(
    started: Emulator, pool: str, registry: ContainerRegistry, settings: dict[str, str]
) -> None:
    image = f"{registry.name}/public/image"
    job = start_container_task(started, pool, "/bin/sleep 1000", image=image)
    wait_until(lambda: "sleep 1000" in podman(settings, "ps", "--no-trunc"))
    assert call(started, "POST", f"/jobs/{job}/tasks/t/terminate")[0] == 204
    wait_until(lambda: podman(settings, "ps", "--all", "--quiet") == "")


def test_containers_of_a_killed_emulator_are_removed_at_the_next_start(
    registry: ContainerRegistry, settings: dict[str, str], tmp_path: Path
) -> None:
    options = ("--containers", "podman", "--data", tmp_path / "data")
    killed = Emulator(*options, environment=settings)
    name, _, _ = make_container_pool(killed)
    start_container_task(killed, name, "/bin/sleep 1001", image=f"{registry.name}/public/image")
    running = wait_until(lambda: podman(settings, "ps", "--quiet"))
    killed.kill()
    with emulator(*options, environment=settings):
        assert running.split()[0] not in podman(settings, "ps", "--all", "--quiet")
