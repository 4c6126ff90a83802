"""A person with a storage account, a Batch account and a key to the status API: the unchanged SDKs and HTTP."""

import asyncio
import json
import os
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from unittest.mock import patch
from urllib.parse import quote

import aiohttp
from azure.batch.aio import BatchClient
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.identity.aio import ManagedIdentityCredential
from azure.storage.blob.aio import BlobServiceClient

PATIENCE = 90
"""Seconds that a test waits for something that must happen; nothing is asserted about how soon it does."""


class Person:
    """Uploads videos, asks for their status, takes their GIFs."""

    def __init__(self, endpoints: Mapping[str, str], env: Mapping[str, str]) -> None:
        self.endpoints = endpoints
        # Told outright: aiohttp reads SSL_CERT_FILE when it is imported, which is before these tests know it.
        ca = env["SSL_CERT_FILE"]
        self.tls = ssl.create_default_context(cafile=ca)
        # For a moment only: the environment is everybody's, and other tests have their own use for it.
        with patch.dict(os.environ, env):
            self.credential = ManagedIdentityCredential(client_id=env["AZURE_CLIENT_ID"])
        url = env["GIFDROP_STORAGE_URL"]
        self.storage = BlobServiceClient(url, credential=self.credential, connection_verify=ca)
        self.batch = BatchClient(env["GIFDROP_BATCH_URL"], self.credential, connection_verify=ca)
        self.http = aiohttp.ClientSession()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.close()
        await self.batch.close()
        await self.storage.close()
        await self.credential.close()

    async def drop(self, name: str, body: bytes, metadata: dict[str, str] | None = None) -> str:
        """Upload a video; gives its ETag."""
        blob = self.storage.get_blob_client("videos", name)
        written = await blob.upload_blob(body, overwrite=True, metadata=metadata)
        return str(written["etag"]).strip('"')

    async def get(self, path: str, *, key: str | None = None, **parameters: str) -> tuple[int, Any]:
        """Status code and body of GET /api/`path`."""
        headers = {"x-functions-key": self.endpoints["function_key"] if key is None else key}
        url = f"{self.endpoints['functions']}/api/{path}"
        async with self.http.get(url, headers=headers, params=parameters) as response:
            body = await response.read()
            return response.status, await response.json() if body else None

    async def status(self, name: str) -> tuple[int, Any]:
        return await self.get(f"status/{quote(name)}")

    async def ended(self, name: str, *, etag: str | None = None) -> Any:
        """The status of a video once its conversion (of the version `etag`, if given) has ended."""
        async with asyncio.timeout(PATIENCE):
            while True:
                # The record's version before the status: the other way round, the status could be the older one's.
                known = etag is None or await self.version(name) == etag
                code, body = await self.status(name)
                if known and code == 200 and body["state"] in ("succeeded", "failed"):
                    return body
                await asyncio.sleep(0.2)

    async def version(self, name: str) -> str | None:
        """The ETag of the video that the record is about."""
        try:
            return str((await self.record(name))["etag"])
        except ResourceNotFoundError:
            return None

    async def record(self, name: str) -> Any:
        blob = await self.storage.get_blob_client("conversions", name).download_blob()
        return json.loads(await blob.readall())

    async def gif(self, name: str) -> bytes | None:
        """A blob of the output container."""
        try:
            blob = await self.storage.get_blob_client("gifs", name).download_blob()
        except ResourceNotFoundError:
            return None
        return await blob.readall()

    async def tasks(self) -> list[str]:
        """The videos that have a task in a job of the app, be it yesterday's."""
        names = []
        async for job in self.batch.list_jobs(filter="startswith(id,'gifdrop-')"):
            # Batch refuses to list the tasks of a job that is being deleted; they go with it.
            with suppress(ResourceNotFoundError, ResourceExistsError):
                names += [task.display_name or "" async for task in self.batch.list_tasks(job.id)]
        return names

    async def no_tasks(self) -> None:
        """Wait until the sweep has deleted every task."""
        async with asyncio.timeout(PATIENCE):
            while await self.tasks():
                await asyncio.sleep(0.2)

    async def deliver(self, name: str) -> None:
        """Give the app an event of a blob once more."""
        event = {
            "id": "again",
            "topic": "",
            "subject": f"/blobServices/default/containers/videos/blobs/{name}",
            "eventType": "Microsoft.Storage.BlobCreated",
            "eventTime": datetime.now(UTC).isoformat(),
            "data": {},
            "dataVersion": "",
        }
        url = f"{self.endpoints['functions']}/admin/functions/on_video_uploaded"
        headers = {"x-functions-key": self.endpoints["master_key"]}
        async with self.http.post(url, json={"input": json.dumps(event)}, headers=headers) as response:
            assert response.status == 202
