"""A client of a running stack: storage and Batch through the unchanged SDKs, the status API through HTTP."""

import asyncio
import json
import os
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
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
from yarl import URL

from local.transport import transport
from tests.support.waiting import wait_until_async

TIMEOUT_SECONDS = 90
"""Seconds that a test waits for something that must happen; how soon it does is not asserted."""
POLL_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class ApiResponse:
    """A response of the status API."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    """Case-insensitive."""

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class StackClient:
    """Uploads videos, reads their status, records and GIFs."""

    def __init__(self, endpoints: Mapping[str, str], env: Mapping[str, str]) -> None:
        self.endpoints = endpoints
        # Passed explicitly: aiohttp reads SSL_CERT_FILE when it is imported, before the stack has written it.
        ca = env["SSL_CERT_FILE"]
        self.tls = ssl.create_default_context(cafile=ca)
        # Only while the credential is made: other stacks in this process have other values.
        with patch.dict(os.environ, env):
            self.credential = ManagedIdentityCredential(client_id=env["AZURE_CLIENT_ID"])
        self._identity_header = env["IDENTITY_HEADER"]
        url = env["GIFDROP_STORAGE_URL"]
        self.storage = BlobServiceClient(url, credential=self.credential, transport=transport(ca))
        self.batch = BatchClient(env["GIFDROP_BATCH_URL"], self.credential, transport=transport(ca))
        self.http = aiohttp.ClientSession()
        self._dropped: dict[str, str] = {}
        """Video -> ETag of the version that was uploaded last."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.close()
        await self.batch.close()
        await self.storage.close()
        await self.credential.close()

    async def control_headers(self) -> dict[str, str]:
        """Headers for requests to the control endpoints of the Batch emulator and of the fault proxies."""
        token = await self.credential.get_token("https://batch.core.windows.net/.default")
        return {"Authorization": f"Bearer {token.token}", "X-IDENTITY-HEADER": self._identity_header}

    async def drop(self, name: str, body: bytes, metadata: dict[str, str] | None = None) -> str:
        """Upload a video and return its ETag."""
        blob = self.storage.get_blob_client("videos", name)
        written = await blob.upload_blob(body, overwrite=True, metadata=metadata)
        self._dropped[name] = str(written["etag"]).strip('"')
        return self._dropped[name]

    async def drop_all(self, bodies: Mapping[str, bytes]) -> None:
        """Upload videos by name, all at once."""
        await asyncio.gather(*(self.drop(name, body) for name, body in bodies.items()))

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
        body: object = None,
    ) -> ApiResponse:
        """The response to `method` /api/`path`, where `path` is encoded already.

        key: The function key. Default the stack's; an empty one is not sent.
        body: Sent as JSON unless it is None.
        """
        key = self.endpoints["function_key"] if key is None else key
        sent = ({"x-functions-key": key} if key else {}) | dict(headers or {})
        # `encoded` keeps aiohttp from normalizing it.
        url = URL(f"{self.endpoints['functions']}/api/{path}", encoded=True)
        data = None if body is None else json.dumps(body).encode()
        async with self.http.request(method, url, headers=sent, data=data, allow_redirects=False) as response:
            return ApiResponse(status=response.status, body=await response.read(), headers=response.headers)

    async def get(self, path: str, *, key: str | None = None, **parameters: str) -> tuple[int, Any]:
        """Status code and decoded body of GET /api/`path`."""
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
        response = await self.request("GET", f"{path}?{query}" if query else path, key=key)
        return response.status, response.json() if response.body else None

    async def post(self, path: str) -> tuple[int, Any]:
        """Status code and decoded body of POST /api/`path`, after waiting while it is refused as one too many."""
        response = await self.change("POST", path)
        return response.status, response.json()

    async def change(self, method: str, path: str, body: object = None) -> ApiResponse:
        """The response to a request that changes something, after waiting while it is refused as one too many."""
        while (response := await self.request(method, path, body=body)).status == 429:
            await asyncio.sleep(float(response.headers["Retry-After"]))
        return response

    async def status(self, name: str) -> tuple[int, Any]:
        """Status code and decoded body of GET /api/status/`name`."""
        return await self.get(f"status/{quote(name)}")

    async def final_status(self, name: str, *, etag: str | None = None) -> Any:
        """The status of a video once its conversion has ended.

        etag: Of this version. Default: the one that `drop` uploaded last, since tests share names, and a stack.
        """
        etag = etag or self._dropped.get(name)

        async def final() -> Any:
            # The record's ETag before the status: in the other order, the status could be an older version's.
            recorded = etag is None or await self.recorded_etag(name) == etag
            code, body = await self.status(name)
            return body if recorded and code == 200 and body["state"] in ("succeeded", "failed") else None

        return await wait_until_async(final, within=TIMEOUT_SECONDS, interval=POLL_SECONDS)

    async def final_statuses(self, *names: str) -> list[Any]:
        """The `final_status` of each video."""
        # One after the other: to poll all of them at once costs more than to convert them.
        return [await self.final_status(name) for name in names]

    async def recorded_etag(self, name: str) -> str | None:
        """The ETag of the version that a video's record is about; `None` if it has no readable record."""
        try:
            return str((await self.record(name))["etag"])
        except (ResourceNotFoundError, ValueError):
            return None

    async def record(self, name: str) -> Any:
        """The record of a video, decoded."""
        blob = await self.storage.get_blob_client("conversions", name).download_blob()
        return json.loads(await blob.readall())

    async def gif(self, name: str) -> bytes | None:
        """A blob of the output container; `None` if there is none."""
        try:
            blob = await self.storage.get_blob_client("gifs", name).download_blob()
        except ResourceNotFoundError:
            return None
        return await blob.readall()

    async def videos_with_tasks(self) -> list[str]:
        """The videos that have a task in any job of the app."""
        names = []
        async for job in self.batch.list_jobs(filter="startswith(id,'gifdrop-')"):
            # Batch refuses to list the tasks of a job that is being deleted; they go with it.
            with suppress(ResourceNotFoundError, ResourceExistsError):
                names += [task.display_name or "" async for task in self.batch.list_tasks(job.id)]
        return names

    async def wait_until_tasks_deleted(self) -> None:
        """Wait until the sweep has deleted every task."""

        async def deleted() -> bool:
            return not await self.videos_with_tasks()

        await wait_until_async(deleted, within=TIMEOUT_SECONDS, interval=POLL_SECONDS)

    async def deliver_event(self, name: str) -> None:
        """Deliver a BlobCreated event of a blob to the app, without waiting until it is handled."""
        url = f"{self.endpoints['functions']}/admin/functions/on_video_uploaded"
        headers = {"x-functions-key": self.endpoints["master_key"]}
        async with self.http.post(url, json={"input": json.dumps(_event(name))}, headers=headers) as response:
            assert response.status == 202

    async def push_event(self, name: str, *, key: str) -> int:
        """Send a BlobCreated event of a blob as Event Grid does, and return the status code.

        key: The stack's key for Event Grid.
        """
        url = f"{self.endpoints['functions']}/runtime/webhooks/eventgrid"
        parameters = {"functionName": "on_video_uploaded", "code": key}
        headers = {"aeg-event-type": "Notification"}
        async with self.http.post(url, params=parameters, json=[_event(name)], headers=headers) as response:
            return response.status


def _event(name: str) -> dict[str, object]:
    return {
        "id": "redelivered",
        "topic": "",
        "subject": f"/blobServices/default/containers/videos/blobs/{name}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": datetime.now(UTC).isoformat(),
        "data": {},
        "dataVersion": "",
    }
