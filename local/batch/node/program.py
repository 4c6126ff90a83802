"""Running one command line on a node: files in, process, files out."""

from __future__ import annotations

import asyncio
import errno
import logging
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from local.batch.node import environment, inputs, outputs, packages, process
from local.batch.node.problems import PreparationError

if TYPE_CHECKING:
    from pathlib import Path

    from local.batch.domain.entity import Doc
    from local.batch.domain.node import Node
    from local.batch.node.machine import Machine

log = logging.getLogger(__name__)

Stage = Literal["prepare", "exit", "upload", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command line and what belongs to it; `directory` is below the node's root, times are in seconds."""

    command_line: str
    directory: str
    resource_files: list[Doc] = field(default_factory=list)
    output_files: list[Doc] = field(default_factory=list)
    packages: list[Doc] = field(default_factory=list)
    settings: list[Doc] = field(default_factory=list)
    wall_clock: float = float("inf")
    job_id: str | None = None
    task_id: str | None = None
    preparation: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went: `failure` is Batch's failureInfo or None, `stage` where it went wrong."""

    exit_code: int | None
    failure: Doc | None
    stage: Stage

    def doc(self) -> Doc:
        """The properties of an execution info that tell of it."""
        doc: Doc = {"result": "success" if self.failure is None else "failure"}
        if self.exit_code is not None:
            doc["exitCode"] = self.exit_code
        if self.failure is not None:
            doc["failureInfo"] = self.failure
        return doc


def failed(
    code: str, message: str, *, exit_code: int | None = None, stage: Stage = "ended", category: str = "usererror"
) -> Outcome:
    """An outcome that is a failure."""
    details = [{"name": "Message", "value": message}]
    failure = {"category": category, "code": code, "message": message, "details": details}
    return Outcome(exit_code, failure, stage)


async def run(machine: Machine, program: Program, node: Node) -> Outcome:
    """Run `program` on `node` to its end. Cancellation kills it; whatever else goes wrong is in the outcome."""
    try:
        return await _run(machine, program, node)
    except Exception:
        log.exception("running %s on %s", program.directory, node.id)
        return failed("OtherError", "The emulator failed to run the command.", category="servererror")


async def _run(machine: Machine, program: Program, node: Node) -> Outcome:
    directory = node.root / program.directory
    try:
        _make(directory)
        variables = await packages.install(machine, node, program.packages + _pool_packages(node, program))
        if program.resource_files:
            await inputs.fetch(machine, program.resource_files, directory / "wd", node.pool.identities)
    except PreparationError as error:
        failure = {"category": "usererror", "code": error.code, "message": error.message, "details": error.details}
        return Outcome(None, failure, "prepare")
    except OSError as error:
        code = "DiskFull" if error.errno == errno.ENOSPC else "ResourceFileWriteFailed"
        return failed(code, f"A file could not be written: {error.strerror}", stage="prepare", category="servererror")
    env = environment.variables(
        machine,
        node,
        task_directory=program.directory,
        settings=program.settings,
        packages=variables,
        job_id=program.job_id,
        task_id=program.task_id,
        preparation=program.preparation,
    )
    outcome = await _execute(machine, program, directory, env)
    if program.output_files:
        trouble = await outputs.upload(
            machine,
            program.output_files,
            directory,
            succeeded=outcome.failure is None,
            identities=node.pool.identities,
            env=env,
        )
        if trouble is not None and outcome.failure is None:
            return Outcome(outcome.exit_code, trouble, "upload")
    return outcome


def _make(directory: Path) -> None:
    """The task's directory: two system calls where its job's is there already."""
    try:
        directory.mkdir(exist_ok=True)
    except FileNotFoundError:
        directory.mkdir(parents=True, exist_ok=True)
    (directory / "wd").mkdir(exist_ok=True)


def _pool_packages(node: Node, program: Program) -> list[Doc]:
    """The pool's packages are there for every command line, installed when the node started."""
    references: list[Doc] = node.pool.doc.get("applicationPackageReferences", [])
    named = {(each["applicationId"].lower(), each.get("version")) for each in program.packages}
    return [each for each in references if (each["applicationId"].lower(), each.get("version")) not in named]


async def _execute(machine: Machine, program: Program, directory: Path, env: dict[str, str]) -> Outcome:
    try:
        arguments = shlex.split(program.command_line)
    except ValueError as error:
        return failed("CommandLaunchFailed", f"The command line cannot be split into words: {error}")
    if not arguments:
        return failed("CommandLaunchFailed", "The command line is empty.")
    running = process.run(
        arguments,
        guardian=machine.guardian,
        cwd=directory / "wd",
        env=env,
        stdout=directory / "stdout.txt",
        stderr=directory / "stderr.txt",
    )
    try:
        if program.wall_clock < _FOREVER:
            code = await asyncio.wait_for(running, program.wall_clock)
        else:
            code = await running
    except TimeoutError:
        return failed("TaskEnded", "The task was ended because it ran for longer than its maxWallClockTime.")
    except FileNotFoundError:
        return failed("CommandProgramNotFound", "The specified command program is not found")
    except OSError as error:
        return failed("CommandLaunchFailed", f"The command line could not be launched: {error.strerror}")
    if code:
        return failed(
            "FailureExitCode", "The task exited with an exit code representing a failure", exit_code=code, stage="exit"
        )
    return Outcome(0, None, "exit")


# Longer than an event loop can count.
_FOREVER = 10 * 365 * 86400
