"""Uploads a node's log."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from batch_emulator.machine import blobs
from batch_emulator.machine.blobs import BlobRefusedError
from batch_emulator.machine.machine import IdentityError

if TYPE_CHECKING:
    from batch_emulator.entity import Doc
    from batch_emulator.machine.host import Host
    from batch_emulator.machine.machine import Machine

log = logging.getLogger(__name__)


async def upload(machine: Machine, node: Host, request: Doc, folder: str) -> None:
    """Upload one file to `folder` in the container that the request names. Failures are logged: nobody waits."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "agent.log")
        text = f"node {node.id} of pool {node.pool_id}, from {request['startTime']}\n"
        await asyncio.to_thread(file.write_text, text)
        try:
            sent = await blobs.headers(machine, request.get("identityReference"), node.identities)
            url = blobs.blob_url(request["containerUrl"], f"{folder}/agent.log")
            await blobs.upload(machine, file, url, sent)
        except (BlobRefusedError, IdentityError) as error:
            log.warning("the log of %s was not uploaded: %s", node.id, error)
