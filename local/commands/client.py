"""A client of gifdrop, made from what a stack tells of itself and nothing else: storage SDK, status API."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    import aiohttp
    from azure.storage.blob.aio import BlobServiceClient

_RETRY_SECONDS = 0.5


class RefusedError(Exception):
    """The status API does not answer this client, and will not."""


@dataclass(frozen=True, kw_only=True)
class Client:
    """Uploads videos, asks for their status, fetches GIFs."""

    storage: BlobServiceClient
    session: aiohttp.ClientSession
    functions: str
    key: str
    videos: str
    gifs: str

    async def upload(self, name: str, path: Path) -> datetime:
        """Upload a file as the blob `name`; gives the time from which on its conversion can have begun."""
        begun = datetime.now(UTC)
        with path.open("rb") as file:
            await self.storage.get_blob_client(self.videos, name).upload_blob(file, overwrite=True, max_concurrency=4)
        return begun

    async def status(self, name: str, *, since: datetime) -> dict[str, Any] | None:
        """The video's status; None as long as nothing of a conversion begun after `since` is known.

        Raises RefusedError for a key that is not taken, OSError for a name that is not.
        """
        import aiohttp

        url = f"{self.functions}/api/status/{quote(name)}"
        try:
            async with self.session.get(url, headers={"x-functions-key": self.key}) as response:
                if response.status == 400:
                    raise OSError(await response.text())
                if response.status in (401, 403):
                    raise RefusedError(f"GET {url} answered {response.status}: {await response.text()}")
                if response.status != 200:
                    return None
                status: dict[str, Any] = await response.json()
        except (aiohttp.ClientError, TimeoutError):
            await asyncio.sleep(_RETRY_SECONDS)  # the host may be starting again
            return None
        # Else it is what became of an earlier video of this name.
        return status if datetime.fromisoformat(status["queued_at"]) >= since else None

    async def fetch(self, gif: str, path: Path) -> None:
        """Save a GIF under `path`."""
        download = await self.storage.get_blob_client(self.gifs, gif).download_blob()
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.part")
        with draft.open("wb") as file:
            await download.readinto(file)
        draft.replace(path)


@asynccontextmanager
async def connect(*, endpoints: Mapping[str, str], env: Mapping[str, str]) -> AsyncIterator[Client]:
    """A client of the stack that wrote `endpoints.json` and `env`; the latter goes into this process's environment."""
    # The identity SDK reads the environment and nothing else.
    os.environ.update(env)
    import aiohttp
    from azure.identity.aio import ManagedIdentityCredential
    from azure.storage.blob.aio import BlobServiceClient

    async with (
        ManagedIdentityCredential(client_id=env["AZURE_CLIENT_ID"]) as credential,
        BlobServiceClient(
            env["GIFDROP_STORAGE_URL"], credential=credential, connection_verify=env["SSL_CERT_FILE"]
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
