"""How podman is called: a stand-in writes down its arguments, and what becomes of passwords."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from support.containers import make_container_pool, pool_body, run_container_task
from support.emulators import Emulator, call, emulator
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "pass-Word$1"  # noqa: S105 - of a stand-in
SERVER = "registry.example"
# It has the images that it pulled. It runs a container's command here, without the image.
PODMAN = """#!/bin/bash
cd {folder}
printf '%s\\n' "$*" >> calls
case $1 in
  image) [ -e "image-${3//\\//_}" ];;
  login)
    folder=$(dirname "${2#--authfile=}")
    { cat; stat -c ' %a' "$folder"; } >> passwords
    echo "$folder" >> folders
    echo "$*" | grep -q wrong && { echo "unauthorized" >&2; exit 125; }
    true;;
  pull)
    for image; do :; done
    case $image in *missing*) echo "manifest unknown" >&2; exit 125;; esac
    touch "image-${image//\\//_}";;
  create)
    [ "$2" = --pull=never ] && shift
    for word; do case $word in --name) named=1;; *) [ "$named" = 1 ] && { name=$word; named=2; };; esac; done
    while [ "$1" != --pull=never ]; do
      case $1 in --workdir=*) directory=${1#--workdir=};; esac
      shift
    done
    shift 2
    { printf 'cd %q\\n' "$directory"; printf '%q ' "$@"; } > "$name"
    echo 0123456789abcdef;;
  start) exec bash "$3";;
esac
"""


@dataclass(frozen=True)
class StandIn:
    """The folder of a stand-in for podman."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def calls(self, start: str) -> list[str]:
        """The arguments of the calls that begin with `start`."""
        lines = (self.folder / "calls").read_text().splitlines()
        return [line for line in lines if line.startswith(start)]


def make_stand_in(folder: Path) -> StandIn:
    program = folder / "bin/podman"
    program.parent.mkdir(parents=True)
    program.write_text(PODMAN.replace("{folder}", str(folder)))
    program.chmod(0o755)
    return StandIn(folder)


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> StandIn:
    return make_stand_in(tmp_path_factory.mktemp("podman"))


@pytest.fixture(scope="module")
def started(stand_in: StandIn) -> Iterator[Emulator]:
    with emulator("--containers", "podman", environment=stand_in.environment) as running:
        yield running


@pytest.fixture(scope="module")
def pool(started: Emulator) -> str:
    return make_container_pool(started)[0]


def test_create_gets_image_options_environment_mounts_and_directory(
    started: Emulator, pool: str, stand_in: StandIn
) -> None:
    own = [{"name": "SECRET", "value": SECRET}, {"name": "CONTAINERS_CONF", "value": "/x"}]
    info, output = run_container_task(
        started,
        pool,
        "/bin/sh -c 'echo $PWD'",
        containerRunOptions="--cpus 2 --label 'a b'",
        environmentSettings=own,
    )
    assert info["exitCode"] == 0
    assert info["containerInfo"] == {"containerId": "0123456789abcdef", "state": "exited", "error": ""}
    (created,) = [line for line in stand_in.calls("create") if "--cpus" in line]
    root = output.partition("/workitems/")[0]
    assert f"--workdir={output.strip()} --volume={root}:{root} " in created
    assert "--network=host " in created
    assert "--env=AZ_BATCH_TASK_ID " in created
    assert "--env=SECRET " in created
    assert SECRET not in created
    assert "--env=CONTAINERS_CONF=/x " in created
    assert "--env=PATH" not in created
    name = created.split("--name ")[1].split()[0]
    label = f"--label batch-emulator.nodes={root.rpartition('/')[0]}"
    end = f"--cpus=2 --label=a b --name {name} {label} --rm --pull=never docker.io/library/busybox:latest /bin/sh -c"
    assert end in created
    wait_until(lambda: f"rm --force --ignore --volumes --time 0 {name}" in stand_in.calls("rm"))


def test_mounts_are_those_that_the_settings_name(started: Emulator, pool: str, stand_in: StandIn) -> None:
    mounts = [{"source": "Task"}, {"source": "Shared", "isReadOnly": True}]
    run_container_task(started, pool, "/bin/true", image="mounts", containerHostBatchBindMounts=mounts)
    (created,) = [line for line in stand_in.calls("create") if "library/mounts" in line]
    volumes = [part.split()[0] for part in created.split("--volume=")[1:]]
    assert [volume.rpartition("/")[2] for volume in volumes] == ["t", "shared:ro"]
    assert "AZ_BATCH_NODE_STARTUP_DIR" not in created
    assert "AZ_BATCH_TASK_DIR" in created


def test_directory_and_network_are_those_of_the_settings(started: Emulator, pool: str, stand_in: StandIn) -> None:
    settings: dict[str, Any] = {"workingDirectory": "containerImageDefault", "containerHostBatchBindMounts": []}
    settings["containerRunOptions"] = "--network=none"
    run_container_task(started, pool, "/bin/true", image="directory", **settings)
    (created,) = [line for line in stand_in.calls("create") if "library/directory" in line]
    assert "--workdir" not in created
    assert "--volume" not in created
    assert "--network=host" not in created


@pytest.mark.parametrize(
    ("image", "settings", "code"),
    [
        ("--privileged", {}, "ContainerInvalidImage"),
        ("missing", {}, "ContainerInvalidImage"),
        ("busybox", {"environmentSettings": [{"name": "A", "value": "\0"}]}, "ContainerInvalidSettings"),
        ("busybox", {"containerRunOptions": "--name mine"}, "ContainerInvalidSettings"),
        ("busybox", {"containerRunOptions": "'"}, "ContainerInvalidSettings"),
        ("busybox", {"containerHostBatchBindMounts": []}, "ContainerInvalidSettings"),
        ("busybox", {"registry": {"registryServer": "--help", "username": "u"}}, ""),
        ("other", {"registry": {"registryServer": "-x", "username": "u", "password": "p"}}, "ContainerInvalidRegistry"),
        ("other", {"registry": {"identityReference": {"resourceId": "/unknown"}}}, "ContainerInvalidRegistry"),
    ],
)
def test_task_with_invalid_settings_fails(
    started: Emulator, pool: str, image: str, settings: dict[str, Any], code: str
) -> None:
    info, _ = run_container_task(started, pool, "/bin/true", image=image, **settings)
    assert info.get("failureInfo", {}).get("code", "") == code


def test_images_are_pulled_when_the_node_starts(started: Emulator, stand_in: StandIn) -> None:
    _, _, node = make_container_pool(started, images=["first", f"{SERVER}/second:1"])
    assert node["state"] == "idle"
    assert "pull --quiet docker.io/library/first:latest" in stand_in.calls("pull")
    assert f"pull --quiet {SERVER}/second:1" in stand_in.calls("pull")


def test_image_that_nodes_share_is_pulled_once(started: Emulator, stand_in: StandIn) -> None:
    make_container_pool(started, images=["together"], targetDedicatedNodes=3)
    assert len([line for line in stand_in.calls("pull") if "together" in line]) == 1


@pytest.mark.parametrize(
    ("settings", "code", "detail"),
    [
        ({"images": ["missing"]}, "ContainerInvalidImage", {"name": "Message", "value": "manifest unknown"}),
        (
            {"registries": [{"registryServer": SERVER, "username": "wrong", "password": "x"}]},
            "ContainerInvalidRegistry",
            {"name": "Message", "value": "unauthorized"},
        ),
    ],
)
def test_node_is_unusable_if_an_image_cannot_be_pulled(
    started: Emulator, settings: dict[str, Any], code: str, detail: dict[str, str]
) -> None:
    _, _, node = make_container_pool(started, **settings)
    assert node["state"] == "unusable"
    (error,) = node["errors"]
    assert (error["code"], error["errorDetails"][-1]) == (code, detail)


def test_passwords_are_kept_but_never_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    stand_in = make_stand_in(tmp_path / "podman")
    registry = {"registryServer": SERVER, "username": "reader", "password": SECRET}
    in_container = {"commandLine": "/bin/true", "containerSettings": {"imageName": "x", "registry": registry}}
    options = ("--containers", "podman", "--data", tmp_path / "data")
    with emulator(*options, environment=stand_in.environment) as first:
        pool, _, node = make_container_pool(
            first, images=[f"{SERVER}/private"], registries=[registry], startTask=in_container
        )
        assert node["state"] == "idle"
        automatic = pool_body("x", registries=[registry], targetDedicatedNodes=0)
        automatic.pop("id")
        info = {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": automatic}}
        tasks = {"jobPreparationTask": in_container, "jobManagerTask": in_container | {"id": "m"}}
        job = {"id": f"j-{uuid.uuid4()}", "poolInfo": info} | tasks
        assert call(first, "POST", "/jobs", body=job)[0] == 201
        schedule = {"id": "s", "schedule": {"doNotRunUntil": "2100-01-01T00:00:00Z"}}
        body = schedule | {"jobSpecification": {"poolInfo": info} | tasks}
        assert call(first, "POST", "/jobschedules", body=body)[0] == 201
        assert call(first, "POST", f"/jobs/{job['id']}/tasks", body=in_container | {"id": "t"})[0] == 201
        paths = [f"/pools/{pool}", f"/pools/{pool}/nodes", f"/jobs/{job['id']}", f"/jobs/{job['id']}/tasks/m"]
        paths += ["/pools", "/jobs", "/jobschedules", "/jobschedules/s", f"/jobs/{job['id']}/tasks"]
        for path in paths:
            status, _, answer = call(first, "GET", path)
            assert status == 200
            assert "'username': 'reader'" in str(answer), path
            assert SECRET not in str(answer), path
        first.kill()
    before = (stand_in.folder / "passwords").read_text().splitlines()
    assert before == [f"{SECRET} 700"] * len(before) != []
    with emulator(*options, environment=stand_in.environment) as second:
        # The node starts again, and logs in again.
        wait_until(lambda: (stand_in.folder / "passwords").read_text().splitlines()[len(before) :])
        wait_until(lambda: call(second, "GET", f"/pools/{pool}/nodes")[2]["value"][0]["state"] == "idle")
        assert SECRET not in str(call(second, "GET", f"/pools/{pool}"))
    assert (tmp_path / "data/batch.sqlite").stat().st_mode & 0o077 == 0
    folders = (stand_in.folder / "folders").read_text().split()
    assert not any(os.path.exists(folder) for folder in folders)  # noqa: PTH110
    assert SECRET not in (stand_in.folder / "calls").read_text()
    printed = capfd.readouterr()
    assert SECRET not in printed.out + printed.err


@pytest.mark.parametrize(
    ("program", "reason"),
    [(None, "podman is not in the search path"), ("echo broken >&2; exit 125", "podman does not work: broken")],
)
def test_podman_that_is_missing_or_broken_ends_the_start(tmp_path: Path, program: str | None, reason: str) -> None:
    if program is not None:
        (tmp_path / "podman").write_text(f"#!/bin/sh\n{program}\n")
        (tmp_path / "podman").chmod(0o755)
    command = [sys.executable, "-m", "batch_emulator", "--port", "0", "--containers", "podman"]
    done = subprocess.run(
        command, env=os.environ | {"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert reason in done.stderr
