"""Output files: from a task's directory into blob storage."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from batch_emulator.machine import blobs
from batch_emulator.machine.blobs import BlobRefusedError
from batch_emulator.machine.machine import IdentityError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_emulator.entity import Doc
    from batch_emulator.machine.machine import Machine

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
    """Upload the files whose conditions are met; returns Batch's failureInfo of the first failure, or None.

    Every file is tried: a missing container does not prevent the upload of logs to another.
    """
    failure: Doc | None = None
    for file in files:
        if succeeded not in _CONDITIONS[file["uploadOptions"]["uploadCondition"].lower()]:
            continue
        try:
            await _upload(machine, file, directory, identities, env)
        except IdentityError as error:
            failure = failure or _failure("FileUploadAccessDenied", str(error), file)
        except BlobRefusedError as error:
            failure = failure or _refusal(error, file)
        except OSError as error:
            failure = failure or _failure("FileUploadMiscError", f"The file cannot be read: {error}", file)
    return failure


async def _upload(machine: Machine, file: Doc, directory: Path, identities: list[Doc], env: dict[str, str]) -> None:
    container = file["destination"]["container"]
    if machine.failing_uploads:
        machine.failing_uploads -= 1
        raise BlobRefusedError(500, "This failure was injected.")
    pattern = Template(file["filePattern"]).safe_substitute(env)
    destination = container.get("path", "")
    sent = await blobs.headers(machine, container.get("identityReference"), identities)
    sent |= {each["name"]: each.get("value", "") for each in container.get("uploadHeaders", [])}
    has_wildcard = glob.has_magic(pattern)
    found = list(matches(directory / "wd", pattern))
    if not found and machine.failing_unmatched_uploads:
        machine.failing_unmatched_uploads -= machine.failing_unmatched_uploads > 0
        raise BlobRefusedError(0, "This failure was injected: the pattern matches no file.")
    for path, name in found:
        blob = (f"{destination}/{name}" if destination else name) if has_wildcard else destination or name
        await blobs.upload(machine, path, blobs.blob_url(container["containerUrl"], blob), sent)


def matches(working: Path, pattern: str) -> Iterator[tuple[Path, str]]:
    """The files in the task's directory that match `pattern`, with their paths relative to the pattern's fixed part.

    `**` matches any number of directories. Without a wildcard the path is the file's name.
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
