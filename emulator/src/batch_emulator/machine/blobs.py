"""A node's requests to blob storage: download a blob, list a container, upload a blob."""

from __future__ import annotations

import asyncio
import base64
import os
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass
from xml.etree import ElementTree as ET

import aiohttp
import yarl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from batch_emulator.entity import Doc
    from batch_emulator.machine.machine import Machine

_VERSION = "2021-12-02"
_BLOCK_BYTES = 8 << 20
_CHUNK_BYTES = 1 << 20
_MAX_ATTEMPTS = 4


class BlobRefusedError(Exception):
    """Storage responded with an error; status 0 means that it did not respond."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self.text = text
        super().__init__(f"{status}: {text}")


async def headers(machine: Machine, reference: Doc | None, identities: list[Doc], *, own: bool = False) -> Doc:
    """Authorization headers for the identity referred to, or the account itself if `own`; none for a URL with a SAS."""
    found: Doc = {}
    if reference is not None or own:
        resource = str(reference["resourceId"]) if reference is not None else None
        token = await machine.token(resource_id=resource, identities=identities)
        found = {"Authorization": f"Bearer {token}", "x-ms-version": _VERSION}
    return found


def blob_url(container: str, name: str) -> str:
    """The URL of a blob in a container whose URL may have a query."""
    parts = urlsplit(container)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name, safe='/')}"))


def _url(text: str) -> yarl.URL:
    return yarl.URL(text, encoded=True)


def proxy(url: str) -> str | None:
    """The proxy that the environment names for a URL; none for storage on this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host.startswith("127.") or f".{host}".endswith(".localhost") or proxy_bypass(host):
        return None
    return getproxies().get(parts.scheme)


async def download(machine: Machine, url: str, target: Path, sent: Doc) -> None:
    """Download a blob into a file. Raises BlobRefusedError."""

    async def once() -> None:
        async with machine.session.get(_url(url), headers=sent, proxy=proxy(url)) as reply:
            if reply.status != 200:
                raise BlobRefusedError(reply.status, (await reply.text(errors="replace"))[:300])
            with target.open("wb") as file:
                async for chunk in reply.content.iter_chunked(_CHUNK_BYTES):
                    file.write(chunk)

    await _with_retries(once)


async def names(machine: Machine, container: str, prefix: str, sent: Doc) -> AsyncIterator[str]:
    """Names of the blobs in a container. Raises BlobRefusedError."""
    marker = ""
    while True:
        query = f"restype=container&comp=list&prefix={quote(prefix, safe='')}&marker={quote(marker, safe='')}"
        url = f"{container}{'&' if '?' in container else '?'}{query}"
        async with machine.session.get(_url(url), headers=sent, proxy=proxy(url)) as reply:
            text = await reply.text()
            if reply.status != 200:
                raise BlobRefusedError(reply.status, text[:300])
        page = ET.fromstring(text)  # noqa: S314 - storage is the user's own
        for name in page.iterfind("./Blobs/Blob/Name"):
            yield name.text or ""
        marker = page.findtext("NextMarker") or ""
        if not marker:
            return


async def upload(machine: Machine, source: Path, url: str, sent: Doc) -> None:
    """Upload a file as a block blob. Raises BlobRefusedError."""
    if await asyncio.to_thread(os.path.getsize, source) <= _BLOCK_BYTES:
        content = await asyncio.to_thread(source.read_bytes)
        await _put(machine, url, content, sent | {"x-ms-blob-type": "BlockBlob"})
        return
    joint = "&" if "?" in url else "?"
    blocks: list[str] = []
    with source.open("rb") as file:
        while content := await asyncio.to_thread(file.read, _BLOCK_BYTES):
            block = base64.b64encode(f"{len(blocks):08d}{os.urandom(4).hex()}".encode()).decode()
            proof = {name: value for name, value in sent.items() if name in ("Authorization", "x-ms-version")}
            await _put(machine, f"{url}{joint}comp=block&blockid={quote(block, safe='')}", content, proof)
            blocks.append(block)
    listed = "".join(f"<Latest>{block}</Latest>" for block in blocks)
    body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
    await _put(machine, f"{url}{joint}comp=blocklist", body, sent)


async def _put(machine: Machine, url: str, content: bytes, sent: Doc) -> None:
    async def once() -> None:
        defaults = {"Content-Type": "application/octet-stream"}
        async with machine.session.put(_url(url), data=content, headers=defaults | sent, proxy=proxy(url)) as reply:
            if reply.status >= 300:
                raise BlobRefusedError(reply.status, (await reply.text(errors="replace"))[:300])

    await _with_retries(once)


async def _with_retries(once: Callable[[], Awaitable[None]]) -> None:
    for attempt in range(_MAX_ATTEMPTS):
        try:
            await once()
        except BlobRefusedError as error:
            if error.status < 500 or attempt == _MAX_ATTEMPTS - 1:
                raise
        except (aiohttp.ClientError, TimeoutError) as error:
            if attempt == _MAX_ATTEMPTS - 1:
                raise BlobRefusedError(0, str(error) or type(error).__name__) from error
        else:
            return
        await asyncio.sleep(0.1 * 4**attempt)
