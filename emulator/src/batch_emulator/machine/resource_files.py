"""Resource files: from blob storage into a task's working directory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from batch_emulator.machine import blobs
from batch_emulator.machine.blobs import BlobRefusedError
from batch_emulator.machine.errors import PreparationError
from batch_emulator.machine.machine import IdentityError

if TYPE_CHECKING:
    from pathlib import Path

    from batch_emulator.entity import Doc
    from batch_emulator.machine.machine import Machine

_MAX_PARALLEL_DOWNLOADS = 8


async def fetch(machine: Machine, files: list[Doc], directory: Path, identities: list[Doc]) -> None:
    """Download all `files` into `directory`. Raises PreparationError for the first failure."""
    limit = asyncio.Semaphore(_MAX_PARALLEL_DOWNLOADS)

    async def one(url: str, name: str, sent: Doc, mode: str | None) -> None:
        async with limit:
            await _download(machine, url, directory, name, sent, mode)

    wanted: list[tuple[str, str, Doc, str | None]] = []
    for file in files:
        wanted += await _sources(machine, file, identities)
    work = [asyncio.get_running_loop().create_task(one(*each)) for each in wanted]
    try:
        await asyncio.gather(*work)
    finally:
        for each in work:
            each.cancel()


async def _sources(machine: Machine, file: Doc, identities: list[Doc]) -> list[tuple[str, str, Doc, str | None]]:
    """(URL, path, headers, mode) of each blob that a resource file refers to."""
    mode = file.get("fileMode")
    path = file.get("filePath", "")
    source = file.get("httpUrl") or file.get("storageContainerUrl") or file.get("autoStorageContainerName", "")
    try:
        own = "autoStorageContainerName" in file
        sent = await blobs.headers(machine, file.get("identityReference"), identities, own=own)
        if "httpUrl" in file:
            return [(file["httpUrl"], path, sent, mode)]
        container = source
        if own:
            base = machine.options.auto_storage
            if base is None:
                raise PreparationError("ResourceContainerNotFound", "The account has no auto storage.")
            container = f"{base.rstrip('/')}/{source}"
        names = [name async for name in blobs.names(machine, container, file.get("blobPrefix", ""), sent)]
    except IdentityError as error:
        raise PreparationError("BlobAccessDenied", str(error), BlobSource=source) from error
    except BlobRefusedError as error:
        raise _preparation_error(error, source, path, container=True) from error
    return [(blobs.blob_url(container, name), f"{path}/{name}" if path else name, sent, mode) for name in names]


async def _download(machine: Machine, url: str, directory: Path, name: str, sent: Doc, mode: str | None) -> None:
    target = await asyncio.to_thread(_target, directory, name)
    if target is None:
        raise PreparationError("ResourceFileCreateFailed", "A resource file is outside of the task.", FilePath=name)
    try:
        await blobs.download(machine, url, target, sent)
    except BlobRefusedError as error:
        raise _preparation_error(error, url, name) from error
    target.chmod(int(mode, 8) if mode else 0o770)


def _target(directory: Path, name: str) -> Path | None:
    """The path to download to, its directory created; None for a name outside of `directory`."""
    target = (directory / name).resolve()
    if not target.is_relative_to(directory.resolve()):
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _preparation_error(error: BlobRefusedError, source: str, path: str, *, container: bool = False) -> PreparationError:
    details = {"BlobSource": source, "FilePath": path}
    if error.status == 404:
        if container:
            return PreparationError(
                "ResourceContainerNotFound", "The specified Azure Storage container is not found", **details
            )
        return PreparationError("BlobNotFound", "The specified Azure Blob is not found", **details)
    if error.status in (401, 403):
        return PreparationError("BlobAccessDenied", "Access for the specified Azure Blob is denied", **details)
    if error.status == 0 and "imeout" in error.text:
        return PreparationError("BlobDownloadTimedOut", "The download of the Azure Blob timed out", **details)
    return PreparationError(
        "BlobDownloadMiscError",
        "Miscellaneous error encountered while downloading the specified Azure Blob",
        **details,
        Message=str(error),
    )
