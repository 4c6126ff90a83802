"""Container tasks: what a node does with them, as `--containers` says.

`host` runs the command on the host without its image; `podman` runs it in a container; `refuse` fails it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from batch_emulator.entity import Doc
    from batch_emulator.options import ContainerMode

log = logging.getLogger(__name__)

HOST_WARNING = "--containers host: the commands of container tasks run on this machine, without their images."
_LABEL = "batch-emulator.nodes"
# Podman itself needs the host's; a task that sets them gives them to its container alone.
_HOST_VARIABLES = ("PATH", "HOME", "USER", "LANG", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "TMPDIR")
_REMOVAL_SECONDS = 30


class PodmanMissingError(OSError):
    """`--containers podman` without podman."""


@dataclass(frozen=True, slots=True)
class Container:
    """A podman command that runs a task, and the environment of podman itself."""

    name: str
    arguments: list[str]
    environment: dict[str, str]


def check_mode(mode: ContainerMode) -> None:
    """Log what `mode` means. Raises PodmanMissingError."""
    if mode == "host":
        log.warning(HOST_WARNING)
    if mode == "podman" and shutil.which("podman") is None:
        raise PodmanMissingError("--containers podman: podman is not in the search path")


def refusal(mode: ContainerMode, *, pool_has_containers: bool) -> tuple[str, str] | None:
    """Code and message of the failure of a container task that cannot run; None if it can."""
    if not pool_has_containers:
        return "ContainerPoolNotSupported", "The pool is not configured for containers."
    if mode == "refuse":
        return "ContainerInvalidSettings", "The emulator does not run containers: see --containers."
    return None


def podman(
    settings: Doc, command: list[str], *, root: Path, directory: Path, preparation: Path | None, env: Mapping[str, str]
) -> Container:
    """The podman command for `command` with a task's container settings.

    As in Batch, the node's root directory has the same path in the container, which gets all variables of the task,
    and starts in the task's working directory unless the settings leave that to the image.
    """
    name = f"batch-{secrets.token_hex(8)}"
    arguments = ["podman", "run", "--rm", "--name", name, "--label", f"{_LABEL}={root.parent}"]
    for volume in _volumes(settings.get("containerHostBatchBindMounts"), root, directory, preparation):
        arguments += ["--volume", volume]
    if settings.get("workingDirectory", "taskWorkingDirectory") == "taskWorkingDirectory":
        arguments += ["--workdir", str(directory / "wd")]
    own = {name: value for name, value in env.items() if name not in _HOST_VARIABLES and not name.startswith("LD_")}
    for name_ in own:
        # By name alone: every user of the machine can list arguments.
        arguments += ["--env", name_]
    host = {name: os.environ[name] for name in _HOST_VARIABLES if name in os.environ}
    arguments += shlex.split(settings.get("containerRunOptions", ""))
    return Container(name, [*arguments, settings["imageName"], *command], own | host)


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
        path = paths.get(str(mount.get("source", "")).lower())
        if path is not None:
            path.mkdir(parents=True, exist_ok=True)
            found.append(f"{path}:{path}" + (":ro" if mount.get("isReadOnly") else ""))
    return found


async def remove(name: str) -> None:
    """Kill and remove a container, if it still exists: it does not end with the process that started it."""
    with contextlib.suppress(OSError, TimeoutError):
        process = await asyncio.create_subprocess_exec(
            *("podman", "rm", "--force", "--ignore", "--time", "0", name),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        await asyncio.wait_for(process.wait(), _REMOVAL_SECONDS)


def remove_leftovers(nodes: Path) -> None:
    """Remove the containers of an emulator on the same directory that was killed."""
    listed = subprocess.run(
        ["podman", "ps", "--all", "--quiet", "--filter", f"label={_LABEL}={nodes}"],  # noqa: S607 - found in PATH
        capture_output=True,
        text=True,
        check=False,
    )
    names = listed.stdout.split()
    if names:
        subprocess.run(["podman", "rm", "--force", "--time", "0", *names], capture_output=True, check=False)  # noqa: S607
