"""Container tasks: what a node does with them, as `--containers` says.

`host` runs the command on the host without its image; `podman` runs it in a container; `refuse` fails it.
"""

from __future__ import annotations

import logging
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_emulator.machine import images, run_options
from batch_emulator.machine.errors import PreparationError
from batch_emulator.machine.podman import LABEL, Podman, host_environment

if TYPE_CHECKING:
    from pathlib import Path

    from batch_emulator.entity import Doc
    from batch_emulator.machine.command import Command
    from batch_emulator.machine.host import Host
    from batch_emulator.machine.machine import Machine
    from batch_emulator.options import ContainerMode

log = logging.getLogger(__name__)

HOST_WARNING = (
    "--containers host: the commands of container tasks run on this machine, without their images. No image is pulled."
)
# A container has its own, unless the task sets them.
_NODE_VARIABLES = frozenset(["PATH", "HOME", "USER", "LANG"])
# Those that change podman itself, and those that `--env NAME` would not copy.
_PODMAN_VARIABLE = re.compile(
    r"PATH|HOME|USER|LANG|TMPDIR|NOTIFY_SOCKET|(GO|LD_|XDG_|DBUS_|LISTEN_|CONTAINER|STORAGE_|REGISTRY_|SSL_CERT_|PODMAN"
    r"|BUILDAH|_).*|.*[^A-Za-z0-9_].*",
    re.DOTALL,
)
# The variables that are paths of what is mounted.
_MOUNT_VARIABLES = {
    "shared": "AZ_BATCH_NODE_SHARED_DIR",
    "startup": "AZ_BATCH_NODE_STARTUP_(DIR|WORKING_DIR)",
    "vfsmounts": "AZ_BATCH_NODE_MOUNTS_DIR",
    "task": "AZ_BATCH_TASK_(DIR|WORKING_DIR)",
    "jobprep": "AZ_BATCH_JOB_PREP_(DIR|WORKING_DIR)",
    "applications": "AZ_BATCH_APP_PACKAGE_.*",
}


@dataclass(frozen=True, slots=True)
class Container:
    """How the container of one task is created: podman's arguments before the task's command, and its environment."""

    podman: Podman
    name: str
    arguments: list[str]
    environment: dict[str, str]

    async def create(self, command: list[str]) -> str:
        """Create it with the task's command; returns its id. Raises PreparationError."""
        try:
            created = await self.podman.call("create", *self.arguments, *command, environment=self.environment)
        except ValueError as error:  # a NUL character
            raise _invalid_settings(str(error)) from None
        if created.code:
            raise _invalid_settings(created.error)
        return created.output.splitlines()[-1]

    @property
    def start_command(self) -> list[str]:
        """The command that starts it and ends with its exit code."""
        return ["podman", "start", "--attach", self.name]

    @property
    def start_environment(self) -> dict[str, str]:
        return host_environment()

    async def remove(self) -> None:
        await self.podman.remove(self.name)


def log_mode(mode: ContainerMode) -> None:
    """Warn of `host`."""
    if mode == "host":
        log.warning(HOST_WARNING)


def refusal(mode: ContainerMode, *, pool_has_containers: bool) -> tuple[str, str] | None:
    """Code and message of the failure of a container task that cannot run; None if it can."""
    if not pool_has_containers:
        return "ContainerPoolNotSupported", "The pool is not configured for containers."
    if mode == "refuse":
        return "ContainerInvalidSettings", "The emulator does not run containers: see --containers."
    return None


async def prepare(machine: Machine, node: Host, command: Command, env: dict[str, str]) -> Container | None:
    """The container for a command, its image pulled; None if it runs on the host. Raises PreparationError.

    As in Batch, the node's root directory has the same path in the container, which gets all variables of the task,
    and starts in the task's working directory unless the settings leave that to the image.
    """
    settings, podman = command.container, machine.podman
    if settings is None or podman is None:
        return None
    try:
        own_options = run_options.parse(settings.get("containerRunOptions", ""))
    except run_options.RunOptionsError as error:
        raise _invalid_settings(str(error)) from None
    directory = node.root / command.directory
    mounts = settings.get("containerHostBatchBindMounts")
    in_task_directory = settings.get("workingDirectory", "taskWorkingDirectory") == "taskWorkingDirectory"
    if in_task_directory and mounts is not None and "task" not in _sources(mounts):
        raise _invalid_settings("Without a mount of Task, workingDirectory must be containerImageDefault")
    image = await images.pull_for_task(machine, podman, settings, node)
    variables = _variables(env, mounts, {setting["name"] for setting in command.settings})
    arguments = ["--user=0:0", "--security-opt=label=disable", "--http-proxy=false", "--log-driver=none"]
    if not {"network", "net"} & dict(own_options).keys():
        arguments.append("--network=host")  # the emulator's URL, and often that of storage, is of this host
    if in_task_directory:
        arguments.append(f"--workdir={directory / 'wd'}")
    preparation = node.root / command.preparation if command.preparation is not None else None
    arguments += [f"--volume={volume}" for volume in _volumes(mounts, node.root, directory, preparation)]
    by_value = {name for name in variables if _PODMAN_VARIABLE.fullmatch(name)}
    for name, value in variables.items():
        # By name where that is possible: every user of the machine can list arguments.
        arguments.append(f"--env={name}={value}" if name in by_value else f"--env={name}")
    name = f"batch-{secrets.token_hex(8)}"
    controlled = ["--name", name, "--label", f"{LABEL}={node.root.parent}", "--rm", "--pull=never"]
    return Container(
        podman,
        name,
        [*arguments, *run_options.arguments(own_options), *controlled, image],
        {name: value for name, value in variables.items() if name not in by_value},
    )


def _invalid_settings(message: str) -> PreparationError:
    text = "At least one value of specified task container settings is invalid"
    return PreparationError("ContainerInvalidSettings", text, Message=message)


def _sources(mounts: list[Doc]) -> set[str]:
    return {str(mount["source"]).lower() for mount in mounts}


def _variables(env: dict[str, str], mounts: list[Doc] | None, own: set[str]) -> dict[str, str]:
    """The variables of a container; `own` are the names of those that the task sets."""
    found = {name: value for name, value in env.items() if name in own or name not in _NODE_VARIABLES}
    if mounts is not None:
        hidden = [pattern for source, pattern in _MOUNT_VARIABLES.items() if source not in _sources(mounts)]
        found = {name: value for name, value in found.items() if not re.fullmatch("|".join(hidden), name)}
    return found


def _volumes(mounts: list[Doc] | None, root: Path, directory: Path, preparation: Path | None) -> list[str]:
    """Podman's volumes: the node's root directory unless the settings name some paths, or none."""
    if mounts is None:
        return [f"{root}:{root}"]
    paths = {
        "shared": root / "shared",
        "startup": root / "startup",
        "vfsmounts": root / "fsmounts",
        "task": directory,
        "jobprep": preparation,
        "applications": root / "applications",
    }
    found = []
    for mount in mounts:
        path = paths[str(mount["source"]).lower()]
        if path is not None:
            path.mkdir(parents=True, exist_ok=True)
            found.append(f"{path}:{path}" + (":ro" if mount.get("isReadOnly") else ""))
    return found
