"""Podman itself: how it is called, and which environment it gets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LABEL = "batch-emulator.nodes"
_MAX_PARALLEL_PULLS = 4
_MAX_MESSAGE_CHARS = 1000
# Podman's configuration and the proxy for its pulls. No secrets: `--env NAME` of a task's run options copies from it.
_HOST_VARIABLE = re.compile(
    r"PATH|HOME|USER|LANG|TMPDIR|DBUS_SESSION_BUS_ADDRESS|REGISTRY_AUTH_FILE|SSL_CERT_(FILE|DIR)"
    r"|(XDG|CONTAINERS?|STORAGE)_\w+|(?i:(https?|all|no)_proxy)"
)
_REMOVE = ("rm", "--force", "--ignore", "--volumes", "--time", "0")
_REMOVAL_SECONDS = 30


class PodmanError(OSError):
    """`--containers podman` where podman is missing or does not work."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a call ended."""

    code: int
    output: str
    error: str


@dataclass(slots=True)
class Podman:
    """Podman on this machine. `folder` is for files with credentials, which no task sees.

    `pulling` has a lock for each image, so that nodes that start together pull it once.
    """

    folder: Path
    pulling: dict[str, asyncio.Lock] = field(default_factory=dict)
    pull_limit: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_MAX_PARALLEL_PULLS))

    async def call(
        self, *arguments: str, standard_input: str | None = None, environment: Mapping[str, str] | None = None
    ) -> Result:
        """Run podman to its end; cancellation kills it. `environment` is added to that of podman."""
        try:
            process = await asyncio.create_subprocess_exec(
                *("podman", *arguments),
                stdin=subprocess.DEVNULL if standard_input is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=host_environment() | dict(environment or {}),
            )
        except OSError as failure:
            return Result(127, "", f"podman cannot be started: {failure.strerror}")
        try:
            output, error = await process.communicate(None if standard_input is None else standard_input.encode())
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        assert process.returncode is not None  # noqa: S101
        return Result(process.returncode, _text(output), _text(error))

    async def remove(self, container: str) -> None:
        """Kill and remove a container, if it still exists: it does not end with the process that started it."""
        removal = self.call(*_REMOVE, container)
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(removal, _REMOVAL_SECONDS)


def _text(output: bytes) -> str:
    return output.decode(errors="replace").strip()[-_MAX_MESSAGE_CHARS:]


def host_environment() -> dict[str, str]:
    """The environment of podman itself."""
    return {name: value for name, value in os.environ.items() if _HOST_VARIABLE.fullmatch(name)}


def open_in(root: Path) -> Podman:
    """Podman for the nodes in `root`. Removes what a killed emulator left there. Raises PodmanError."""
    if shutil.which("podman") is None:
        raise PodmanError("--containers podman: podman is not in the search path")
    folder = root / ".podman"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    _remove_leftovers(root)
    return Podman(folder)


def _remove_leftovers(root: Path) -> None:
    listed = subprocess.run(
        ["podman", "ps", "--all", "--quiet", "--filter", f"label={LABEL}={root}"],  # noqa: S607 - found in PATH
        capture_output=True,
        text=True,
        check=False,
        env=host_environment(),
    )
    if listed.returncode:
        raise PodmanError(f"--containers podman: podman does not work: {listed.stderr.strip()}")
    names = listed.stdout.split()
    if names:
        command = ["podman", *_REMOVE, *names]
        subprocess.run(command, capture_output=True, check=False, env=host_environment())
