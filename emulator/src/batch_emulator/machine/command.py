"""Runs a command line on a node: fetches its files, runs the process, uploads its outputs."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from batch_emulator.machine import containers, environment, isolation, output_files, packages, resource_files
from batch_emulator.machine.errors import PreparationError

if TYPE_CHECKING:
    from batch_emulator.entity import Doc
    from batch_emulator.machine.host import Host
    from batch_emulator.machine.machine import Machine

log = logging.getLogger(__name__)

# The event loop refuses longer timeouts.
_MAX_TIMEOUT_SECONDS = 10 * 365 * 86400
_QUOTES = re.compile(r"""['"\\]""")
_WORD = re.compile(r"[^ \t\r\n]+")
Stage = Literal["prepare", "exit", "upload", "ended", "terminated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line and its settings. `directory` is relative to the node's root; times are in seconds.

    `container` are its container settings, if it has any. `startup` is true for a start task.
    """

    command_line: str
    directory: str
    resource_files: list[Doc] = field(default_factory=list)
    output_files: list[Doc] = field(default_factory=list)
    packages: list[Doc] = field(default_factory=list)
    settings: list[Doc] = field(default_factory=list)
    container: Doc | None = None
    wall_clock: float = float("inf")
    job_id: str | None = None
    task_id: str | None = None
    preparation: str | None = None
    with_token: bool = False
    startup: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result: `failure` is Batch's failureInfo or None, `stage` the one that ended it.

    `container_id` is that of the container it ran in, if it did.
    """

    exit_code: int | None
    failure: Doc | None
    stage: Stage
    container_id: str | None = None

    def doc(self) -> Doc:
        """Its properties in an execution info."""
        doc: Doc = {"result": "success" if self.failure is None else "failure"}
        if self.exit_code is not None:
            doc["exitCode"] = self.exit_code
        if self.failure is not None:
            doc["failureInfo"] = self.failure
        if self.container_id is not None:
            doc["containerInfo"] = {"containerId": self.container_id, "state": "exited", "error": ""}
        return doc


def failed(
    code: str, message: str, *, exit_code: int | None = None, stage: Stage = "ended", category: str = "usererror"
) -> Outcome:
    """A failed outcome."""
    details = [{"name": "Message", "value": message}]
    failure = {"category": category, "code": code, "message": message, "details": details}
    return Outcome(exit_code, failure, stage)


async def run(machine: Machine, command: Command, node: Host) -> Outcome:
    """Run `command` on `node` to its end. Cancellation kills it; any other failure is in the outcome."""
    try:
        return await _run(machine, command, node)
    except Exception:
        log.exception("running %s on %s", command.directory, node.id)
        return failed("OtherError", "The emulator failed to run the command.", category="servererror")


async def _run(machine: Machine, command: Command, node: Host) -> Outcome:
    directory = f"{node.root}/{command.directory}"
    if command.container is not None:
        refused = containers.refusal(machine.options.containers, pool_has_containers=node.has_containers)
        if refused is not None:
            return failed(*refused, stage="prepare")
    try:
        _create(directory)
        variables = await packages.install(machine, node, command.packages + _pool_packages(node, command))
        if command.resource_files:
            await resource_files.fetch(machine, command.resource_files, Path(directory, "wd"), node.identities)
        env = environment.variables(
            machine,
            node,
            task_directory=command.directory,
            settings=command.settings,
            packages=variables,
            job_id=command.job_id,
            task_id=command.task_id,
            preparation=command.preparation,
            with_token=command.with_token,
        )
        container = await containers.prepare(machine, node, command, env) if command.container is not None else None
    except PreparationError as error:
        return _not_prepared(error)
    except OSError as error:
        code = "DiskFull" if error.errno == errno.ENOSPC else "ResourceFileWriteFailed"
        return failed(code, f"A file could not be written: {error.strerror}", stage="prepare", category="servererror")
    outcome = await _execute(machine, command, node, directory, env, container)
    if command.output_files:
        upload_failure = await output_files.upload(
            machine,
            command.output_files,
            Path(directory),
            succeeded=outcome.failure is None,
            identities=node.identities,
            env=env,
        )
        if upload_failure is not None and outcome.failure is None:
            return replace(outcome, failure=upload_failure, stage="upload")
    return outcome


def _not_prepared(error: PreparationError) -> Outcome:
    failure = {"category": "usererror", "code": error.code, "message": error.message, "details": error.details}
    return Outcome(None, failure, "prepare")


def _create(directory: str) -> None:
    """Create the task's directory: two system calls if its job's exists."""
    working = f"{directory}/wd"
    try:
        os.mkdir(directory)  # noqa: PTH102 - pathlib takes a tenth of the time of a short task
        os.mkdir(working)  # noqa: PTH102
    except (FileNotFoundError, FileExistsError):
        os.makedirs(working, exist_ok=True)  # noqa: PTH103


def _pool_packages(node: Host, command: Command) -> list[Doc]:
    """The pool's packages, which every command line has, without those that the command names itself."""
    named = {(each["applicationId"].lower(), each.get("version")) for each in command.packages}
    return [each for each in node.pool_packages if (each["applicationId"].lower(), each.get("version")) not in named]


async def _execute(
    machine: Machine,
    command: Command,
    node: Host,
    directory: str,
    env: dict[str, str],
    container: containers.Container | None,
) -> Outcome:
    try:
        arguments = _split(command.command_line)
    except ValueError as error:
        return failed("CommandLaunchFailed", f"The command line cannot be split into words: {error}")
    if container is not None:
        return await _execute_in_container(machine, command, container, arguments, directory)
    if not arguments:
        return failed("CommandLaunchFailed", "The command line is empty.")
    layer: Path | None = None
    if machine.isolation is not None:
        arguments, layer = machine.isolation.wrap(
            arguments, node=node.root, working_directory=Path(directory, "wd"), startup=command.startup
        )
    try:
        return await _run_process(machine, command, arguments, directory, env)
    finally:
        if layer is not None and not command.startup:
            await asyncio.shield(asyncio.to_thread(isolation.remove, layer))


def _split(command_line: str) -> list[str]:
    """Its words, as a shell finds them. Raises ValueError."""
    # shlex takes a tenth of the time of a short task.
    return shlex.split(command_line) if _QUOTES.search(command_line) else _WORD.findall(command_line)


async def _execute_in_container(
    machine: Machine, command: Command, container: containers.Container, arguments: list[str], directory: str
) -> Outcome:
    try:
        container_id = await container.create(arguments)
        start, env = container.start_command, container.start_environment
        outcome = await _run_process(machine, command, start, directory, env)
        return replace(outcome, container_id=container_id)
    except PreparationError as error:
        return _not_prepared(error)
    finally:
        await asyncio.shield(container.remove())


async def _run_process(
    machine: Machine, command: Command, arguments: list[str], directory: str, env: dict[str, str]
) -> Outcome:
    running = machine.processes.run(
        arguments,
        cwd=f"{directory}/wd",
        env=env,
        stdout=f"{directory}/stdout.txt",
        stderr=f"{directory}/stderr.txt",
    )
    try:
        if command.wall_clock < _MAX_TIMEOUT_SECONDS:
            code = await asyncio.wait_for(running, command.wall_clock)
        else:
            code = await running
    except TimeoutError:
        return failed("TaskEnded", "The task was ended because it ran for longer than its maxWallClockTime.")
    except FileNotFoundError:
        return failed("CommandProgramNotFound", "The specified command program is not found")
    except OSError as error:
        return failed("CommandLaunchFailed", f"The command line could not be launched: {error.strerror}")
    except ValueError as error:  # a NUL character, or a variable whose name is not one
        return failed("CommandLaunchFailed", f"The command line could not be launched: {error}")
    if code:
        return failed(
            "FailureExitCode", "The task exited with an exit code representing a failure", exit_code=code, stage="exit"
        )
    return Outcome(0, None, "exit")
