"""A gifdrop client configured only by `endpoints.json` and `env`: the storage SDK and the status API."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
from azure.identity.aio import ManagedIdentityCredential
from azure.storage.blob.aio import BlobServiceClient

from local.transport import transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path


_RETRY_SECONDS = 0.5


class UnauthorizedError(Exception):
    """The status API rejected this client's key."""


@dataclass(frozen=True, kw_only=True)
class Client:
    """Uploads videos, reads their status and downloads GIFs."""

    storage: BlobServiceClient
    session: aiohttp.ClientSession
    functions: str
    key: str
    videos: str
    gifs: str

    async def upload(self, name: str, path: Path, metadata: Mapping[str, str]) -> datetime:
        """Upload a file as the blob `name`; returns the earliest time at which its conversion can have started."""
        started = datetime.now(UTC)
        with path.open("rb") as file:
            await self.storage.get_blob_client(self.videos, name).upload_blob(
                file, overwrite=True, max_concurrency=4, metadata=dict(metadata)
            )
        return started

    async def status(self, name: str, *, since: datetime) -> dict[str, Any] | None:
        """The video's status, or None while no conversion queued after `since` is known.

        Raises UnauthorizedError for a rejected key, OSError for a rejected name.
        """
        url = f"{self.functions}/api/status/{quote(name)}"
        try:
            async with self.session.get(url, headers={"x-functions-key": self.key}) as response:
                if response.status == 400:
                    raise OSError(await response.text())
                if response.status in (401, 403):
                    raise UnauthorizedError(f"GET {url} returned {response.status}: {await response.text()}")
                if response.status != 200:
                    return None
                status: dict[str, Any] = await response.json()
        except (aiohttp.ClientError, TimeoutError):
            await asyncio.sleep(_RETRY_SECONDS)  # the host may be restarting
            return None
        # An older status belongs to an earlier video of the same name.
        return status if datetime.fromisoformat(status["queued_at"]) >= since else None

    async def fetch(self, gif: str, path: Path) -> None:
        """Download a GIF to `path`."""
        download = await self.storage.get_blob_client(self.gifs, gif).download_blob()
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.part")
        with draft.open("wb") as file:
            await download.readinto(file)
        draft.replace(path)


@asynccontextmanager
async def connect(*, endpoints: Mapping[str, str], env: Mapping[str, str]) -> AsyncIterator[Client]:
    """A client of a running stack; `env` is added to this process's environment."""
    # ManagedIdentityCredential finds its endpoint only in the environment.
    os.environ.update(env)
    async with (
        ManagedIdentityCredential(client_id=env["AZURE_CLIENT_ID"]) as credential,
        BlobServiceClient(
            env["GIFDROP_STORAGE_URL"], credential=credential, transport=transport(env["SSL_CERT_FILE"])
        ) as storage,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
    ):
        yield Client(
            storage=storage,
            session=session,
            functions=endpoints["functions"],
            key=endpoints["function_key"],
            videos=env["GIFDROP_INPUT_CONTAINER"],
            gifs=env["GIFDROP_OUTPUT_CONTAINER"],
        )
