"""Output files: from a task's directory into blob storage."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from local.batch.node import blobs
from local.batch.node.blobs import BlobRefusedError
from local.batch.node.machine import IdentityError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.batch.domain.entity import Doc
    from local.batch.node.machine import Machine

_CONDITIONS = {"tasksuccess": (True,), "taskfailure": (False,), "taskcompletion": (True, False)}


async def upload(
    machine: Machine,
    files: list[Doc],
    directory: Path,
    *,
    succeeded: bool,
    identities: list[Doc],
    env: dict[str, str],
) -> Doc | None:
    """Upload what the conditions ask for; Batch's failureInfo of the first trouble, or None.

    Every file is tried: a container that is missing does not cost the logs.
    """
    trouble: Doc | None = None
    for file in files:
        if succeeded not in _CONDITIONS[file["uploadOptions"]["uploadCondition"].lower()]:
            continue
        try:
            await _one(machine, file, directory, identities, env)
        except IdentityError as error:
            trouble = trouble or _failure("FileUploadAccessDenied", str(error), file)
        except BlobRefusedError as error:
            trouble = trouble or _refusal(error, file)
        except OSError as error:
            trouble = trouble or _failure("FileUploadMiscError", f"The file cannot be read: {error}", file)
    return trouble


async def _one(machine: Machine, file: Doc, directory: Path, identities: list[Doc], env: dict[str, str]) -> None:
    container = file["destination"]["container"]
    if machine.broken_uploads:
        machine.broken_uploads -= 1
        raise BlobRefusedError(500, "The upload was made to fail.")
    pattern = Template(file["filePattern"]).safe_substitute(env)
    destination = container.get("path", "")
    sent = await blobs.headers(machine, container.get("identityReference"), identities)
    sent |= {each["name"]: each.get("value", "") for each in container.get("uploadHeaders", [])}
    wild = glob.has_magic(pattern)
    for path, name in matches(directory / "wd", pattern):
        blob = (f"{destination}/{name}" if destination else name) if wild else destination or name
        await blobs.upload(machine, path, blobs.inside(container["containerUrl"], blob), sent)


def matches(working: Path, pattern: str) -> Iterator[tuple[Path, str]]:
    """The files that `pattern` names, with the name each has below the pattern's fixed part; never outside the task.

    `**` spans directories. Without a wildcard the name is the file's own.
    """
    task = working.parent.resolve()
    fixed = working / pattern
    base = fixed.parent
    if glob.has_magic(pattern):
        parts = fixed.parts
        first = next(index for index, part in enumerate(parts) if glob.has_magic(part))
        base = Path(*parts[:first])
    found = glob.glob(str(fixed), recursive=True, include_hidden=True)  # noqa: PTH207 - pathlib takes no absolute patterns
    for each in sorted(found):
        path = Path(each)
        if path.is_file() and path.resolve().is_relative_to(task):
            yield path, os.path.relpath(path, base)


def _refusal(error: BlobRefusedError, file: Doc) -> Doc:
    if error.status in (401, 403):
        return _failure("FileUploadAccessDenied", "Access for the specified Azure container is denied", file)
    if error.status == 404:
        return _failure("FileUploadContainerNotFound", "The specified Azure container is not found", file)
    if error.status == 0 and "imeout" in error.text:
        return _failure("FileUploadTimedOut", "The upload timed out", file)
    return _failure("FileUploadMiscError", f"A file could not be uploaded: {error}", file)


def _failure(code: str, message: str, file: Doc) -> Doc:
    details = [
        {"name": "FilePattern", "value": file["filePattern"]},
        {"name": "ContainerUrl", "value": file["destination"]["container"]["containerUrl"].split("?")[0]},
    ]
    return {"category": "usererror", "code": code, "message": message, "details": details}
