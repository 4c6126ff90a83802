"""Uploads one file to a blob, in blocks and with progress."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from azure.storage.blob import BlobBlock, ContentSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from azure.storage.blob.aio import BlobClient

_BLOCK_BYTES = 4 * 1024**2
_CONCURRENT_BLOCKS = 4


class Uploader(Protocol):
    """Uploads videos to the app's container."""

    async def upload(
        self, name: str, path: Path, *, metadata: Mapping[str, str], progress: Callable[[float], None]
    ) -> datetime:
        """Upload a file as the blob `name`, over an older one, and return the server's time of the upload.

        progress: Called with the uploaded fraction, 0 to 1.
        Raises OSError and RefusedError for this video alone; DeniedError, UnreachableError and UsageError, which hold
        for all.
        """


async def upload_file(
    path: Path,
    blob: Callable[[], Awaitable[BlobClient]],
    *,
    content_type: str,
    metadata: Mapping[str, str],
    progress: Callable[[float], None],
) -> datetime:
    """Upload a file and return the server's time of the upload. Raises AzureError, OSError.

    blob: Called before each request; the signature of a client may expire.
    progress: Called with the uploaded fraction, 0 to 1.
    """
    sent: dict[str, Any] = {
        "metadata": dict(metadata),
        "content_settings": ContentSettings(content_type=content_type),
    }
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= _BLOCK_BYTES:
            written = await (await blob()).upload_blob(file.read(), overwrite=True, **sent)
        else:
            ids = await _stage(blob, file, size=size, progress=progress)
            written = await (await blob()).commit_block_list([BlobBlock(block_id) for block_id in ids], **sent)
    modified: datetime = written["last_modified"]
    return modified


async def _stage(
    blob: Callable[[], Awaitable[BlobClient]], file: BinaryIO, *, size: int, progress: Callable[[float], None]
) -> list[str]:
    """Upload the file's blocks side by side; returns their ids in order.

    The SDK's own upload leaves tasks behind when it is cancelled, each of which prints a traceback.
    """
    staged = 0
    slots = asyncio.Semaphore(_CONCURRENT_BLOCKS)

    async def stage(block_id: str, data: bytes) -> None:
        nonlocal staged
        await (await blob()).stage_block(block_id, data)
        staged += len(data)
        progress(min(staged / size, 1.0))
        slots.release()

    ids: list[str] = []
    try:
        async with asyncio.TaskGroup() as group:
            while data := file.read(_BLOCK_BYTES):
                await slots.acquire()
                ids.append(f"{len(ids):06}")
                group.create_task(stage(ids[-1], data))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return ids
