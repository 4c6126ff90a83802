"""Blob storage in memory, as far as the app uses it: ETag conditions and paged listings."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree as ET

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest

from tests.simulation.gate import Gate, failure

PAGE = 2


class Clock:
    """Simulated seconds; timestamps are shifted so that an age in real time equals the simulated age."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._now = datetime.now(UTC)

    def as_real(self, moment: float) -> datetime:
        return self._now - timedelta(seconds=self.seconds - moment)


@dataclass
class Blob:
    body: bytes
    etag: str
    metadata: dict[str, str]
    written: float


class Container:
    """One container; `put` is for uploads by people and nodes."""

    def __init__(self, name: str, gate: Gate, clock: Clock, siblings: dict[str, "Container"]) -> None:
        self.name = name
        self.siblings = siblings
        siblings[name] = self
        self.blobs: dict[str, Blob] = {}
        self.gate = gate
        self.clock = clock
        self._versions = 0

    def put(self, name: str, body: bytes, metadata: dict[str, str] | None = None) -> str:
        self._versions += 1
        etag = f'"0x{self._versions:03}"'
        self.blobs[name] = Blob(body, etag, metadata or {}, self.clock.seconds)
        return etag

    def properties(self, name: str) -> Any:
        blob = self.blobs.get(name)
        if blob is None:
            raise failure(404, "BlobNotFound")
        return SimpleNamespace(
            name=name,
            etag=blob.etag,
            size=len(blob.body),
            metadata=dict(blob.metadata),
            last_modified=self.clock.as_real(blob.written),
        )

    def check(self, name: str, etag: str | None, condition: MatchConditions) -> None:
        blob = self.blobs.get(name)
        if condition == MatchConditions.IfMissing and blob:
            raise failure(409, "BlobAlreadyExists")
        if condition == MatchConditions.IfNotModified and (blob is None or blob.etag != etag):
            raise failure(412, "ConditionNotMet")

    async def page(self, after: str, *, prefix: str) -> bytes:
        """The List Blobs response for the blobs after `after`."""
        what = f"list {self.name}/{prefix}" + (f" after {after}" if after else "")
        return await self.gate.call(what, lambda: self._page(after, prefix))

    def _page(self, after: str, prefix: str) -> bytes:
        names = [name for name in sorted(self.blobs) if name > after and name.startswith(prefix)]
        root = ET.Element("EnumerationResults")
        blobs = ET.SubElement(root, "Blobs")
        for name in names[:PAGE]:
            blob = self.blobs[name]
            entry = ET.SubElement(blobs, "Blob")
            ET.SubElement(entry, "Name").text = name
            properties = ET.SubElement(entry, "Properties")
            modified = self.clock.as_real(blob.written)
            ET.SubElement(properties, "Last-Modified").text = format_datetime(modified, usegmt=True)
            ET.SubElement(properties, "Etag").text = blob.etag
            ET.SubElement(properties, "Content-Length").text = str(len(blob.body))
            metadata = ET.SubElement(entry, "Metadata")
            for key, value in blob.metadata.items():
                ET.SubElement(metadata, key).text = value
        ET.SubElement(root, "NextMarker").text = names[PAGE - 1] if len(names) > PAGE else ""
        return ET.tostring(root)


class BlobService:
    """Stands in for a BlobServiceClient."""

    def __init__(self, containers: Mapping[str, Container]) -> None:
        self.containers = containers

    def get_blob_client(self, container: str, name: str) -> "BlobClient":
        return BlobClient(self.containers[container], name)

    def get_container_client(self, container: str) -> "ContainerClient":
        return ContainerClient(self.containers[container])

    async def get_user_delegation_key(self, start: datetime, expiry: datetime) -> Any:
        gate = next(iter(self.containers.values())).gate
        return await gate.call("get delegation key", lambda: SimpleNamespace(start=start, expiry=expiry))

    async def close(self) -> None:
        return


class Pipeline:
    """Stands in for azure-core's pipeline, as far as `StorageRest` needs it."""

    def __init__(self, containers: Mapping[str, Container]) -> None:
        self.containers = containers

    async def send_request(self, request: HttpRequest, **_: object) -> Any:
        url = urlsplit(request.url)
        name, _slash, blob = unquote(url.path).strip("/").partition("/")
        container = self.containers[name]
        if not blob:
            query = dict(parse_qsl(url.query))
            body = await container.page(query.get("marker", ""), prefix=query.get("prefix", ""))
            return SimpleNamespace(status_code=200, content=body)
        effects = {"HEAD": _get, "GET": _get, "PUT": _put}
        what = f"{request.method.lower()} {name}/{blob}"
        try:
            return await container.gate.call(what, lambda: effects[request.method](container, blob, request))
        except HttpResponseError as error:
            code = error.error.code if error.error else ""
            headers = {"x-ms-error-code": code}
            return SimpleNamespace(status_code=error.status_code, reason=code, headers=headers, close=_nothing)

    async def close(self) -> None:
        return


class ContainerClient:
    """Stands in for a ContainerClient."""

    def __init__(self, container: Container) -> None:
        self.container = container

    async def get_container_properties(self) -> None:
        await self.container.gate.call(f"head {self.container.name}", lambda: None)


class BlobClient:
    """Stands in for a BlobClient."""

    def __init__(self, container: Container, name: str) -> None:
        self.container = container
        self.blob_name = name
        self.url = f"memory:{container.name}:{name}"

    async def delete_blob(
        self, *, etag: str | None = None, match_condition: MatchConditions = MatchConditions.Unconditionally
    ) -> None:
        def effect() -> None:
            self.container.properties(self.blob_name)
            self.container.check(self.blob_name, etag, match_condition)
            del self.container.blobs[self.blob_name]

        await self.container.gate.call(f"delete {self.container.name}/{self.blob_name}", effect)

    async def start_copy_from_url(
        self,
        source: str,
        *,
        metadata: dict[str, str],
        match_condition: MatchConditions,
        source_etag: str,
        etag: str | None = None,
        **_: object,
    ) -> None:
        def effect() -> None:
            self.container.check(self.blob_name, etag, match_condition)
            container, _, name = source.removeprefix("memory:").partition(":")
            origin = self.container.siblings[container]
            if origin.properties(name).etag != source_etag:
                raise failure(412, "SourceConditionNotMet")
            self.container.put(self.blob_name, origin.blobs[name].body, metadata)

        await self.container.gate.call(f"copy to {self.container.name}/{self.blob_name}", effect)


def _get(container: Container, name: str, request: HttpRequest) -> Any:
    found = container.properties(name)
    body = container.blobs[name].body
    if limit := request.headers.get("Range", "").removeprefix("bytes=0-"):
        body = body[: int(limit) + 1]

    async def pieces() -> AsyncIterator[bytes]:
        yield body[:3]
        yield body[3:]

    headers = {
        "ETag": found.etag,
        "Last-Modified": format_datetime(found.last_modified, usegmt=True),
        "Content-Length": str(len(body)),
        **{f"x-ms-meta-{key}": value for key, value in found.metadata.items()},
    }
    return SimpleNamespace(status_code=200, headers=headers, content=body, iter_bytes=pieces, close=_nothing)


def _put(container: Container, name: str, request: HttpRequest) -> Any:
    etag = request.headers.get("If-Match")
    container.check(name, etag, MatchConditions.IfNotModified if etag else MatchConditions.IfMissing)
    prefix = "x-ms-meta-"
    metadata = {key[len(prefix) :]: value for key, value in request.headers.items() if key.startswith(prefix)}
    return SimpleNamespace(status_code=201, headers={"ETag": container.put(name, request.content or b"", metadata)})


async def _nothing() -> None:
    return
