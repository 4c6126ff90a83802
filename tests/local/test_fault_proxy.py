"""The fault proxy before the storage account and the identity endpoint."""

import asyncio
import json
import os
import re
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
import psutil
import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity.aio import ManagedIdentityCredential
from azure.storage.blob.aio import BlobServiceClient, ContainerClient
from yarl import URL

from local.fault_proxy.redaction import redacted
from local.fault_proxy.rules import InvalidRuleError, parse
from local.process import ServiceCrashedError, ServiceProcess, clean_environment
from local.storage.client import API_VERSION
from tests.local.account import Account
from tests.support.waiting import wait_until, wait_until_async

MEGABYTE = 1024**2
UNTIL_CLEARED = -1


@dataclass(frozen=True)
class Proxy:
    """A running proxy: its URL, its process, a session that trusts its certificate, and the secret for its control."""

    url: str
    pid: int
    session: aiohttp.ClientSession
    secret: dict[str, str]

    async def inject(self, **fault: object) -> None:
        url = URL(self.url).origin() / "_control/faults"
        async with self.session.post(url, json={"faults": [fault]}, headers=self.secret) as response:
            assert response.status == 204, await response.text()

    async def pending(self) -> list[dict[str, Any]]:
        async with self.session.get(URL(self.url).origin() / "_control", headers=self.secret) as response:
            found: list[dict[str, Any]] = (await response.json())["faults"]
            return found

    async def lift(self, name: str) -> None:
        url = URL(self.url).origin() / "_control/faults" / name
        async with self.session.delete(url, headers=self.secret) as response:
            assert response.status == 204

    async def clear(self) -> None:
        url = URL(self.url).origin() / "_control/faults"
        async with self.session.delete(url, headers=self.secret) as response:
            assert response.status == 204


@asynccontextmanager
async def running_proxy(account: Account, directory: Path, *arguments: str) -> AsyncIterator[Proxy]:
    def on_crash(error: ServiceCrashedError) -> None:
        raise error

    service = ServiceProcess(
        name="fault_proxy",
        module="local.fault_proxy",
        arguments=arguments,
        environment=clean_environment() | {"IDENTITY_HEADER": account.environment["IDENTITY_HEADER"]},
        log=directory / "fault_proxy.log",
        on_crash=on_crash,
    )
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=account.bundle))
    async with aiohttp.ClientSession(connector=connector) as session:
        try:
            url = (await service.start())["url"]
            assert service.pid is not None
            secret = {"X-IDENTITY-HEADER": account.environment["IDENTITY_HEADER"]}
            yield Proxy(url=url, pid=service.pid, session=session, secret=secret)
        finally:
            await service.stop()


@pytest.fixture(scope="module")
async def running(account: Account, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Proxy]:
    tls = Path(account.bundle).parent
    async with running_proxy(
        account,
        tmp_path_factory.mktemp("proxy"),
        *("--service", "storage", "--upstream", account.url, "--ca-bundle", account.bundle),
        *("--tls-cert", str(tls / "server.pem"), "--tls-key", str(tls / "server.key")),
    ) as proxy:
        yield proxy


@pytest.fixture
async def proxy(running: Proxy) -> AsyncIterator[Proxy]:
    yield running
    await running.clear()


@pytest.fixture
async def blobs(proxy: Proxy, account: Account, storage: BlobServiceClient) -> AsyncIterator[ContainerClient]:
    """The container `videos` through the proxy, with an SDK that gives up early and does not retry."""
    async with BlobServiceClient(
        proxy.url, credential=storage.credential, connection_verify=account.bundle, retry_total=0, read_timeout=2
    ) as client:
        yield client.get_container_client("videos")


async def authorization(storage: BlobServiceClient) -> dict[str, str]:
    token = await storage.credential.get_token("https://storage.azure.com/.default")
    return {"Authorization": f"Bearer {token.token}", "x-ms-version": API_VERSION}


async def test_sdk_works_through_the_proxy(blobs: ContainerClient, storage: BlobServiceClient) -> None:
    names = ["proxied/größe ☃ 100%25 +#?.mp4", "proxied/a./b\\c.mp4", 'proxied/it\'s "x".mp4']
    for name in names:
        blob = blobs.get_blob_client(name)
        etag = (await blob.upload_blob(b"some bytes", metadata={"gif_width": "160"}))["etag"]
        assert await (await blob.download_blob()).readall() == b"some bytes"
        assert await (await blob.download_blob(offset=5, length=3)).readall() == b"byt"
        assert (await blob.get_blob_properties()).metadata == {"gif_width": "160"}
        with pytest.raises(ResourceExistsError):
            await blob.upload_blob(b"", overwrite=False)
        with pytest.raises(ResourceModifiedError):
            await blob.upload_blob(b"", overwrite=True, etag='"other"', match_condition=MatchConditions.IfNotModified)
        with pytest.raises(HttpResponseError) as unchanged:
            await blob.get_blob_properties(if_none_match=etag)
        assert unchanged.value.status_code == 304
    # The service stores a backslash as a slash.
    stored = {name.replace("\\", "/") for name in names}
    assert {blob.name async for blob in blobs.list_blobs(name_starts_with="proxied/")} == stored
    source = blobs.get_blob_client(names[0]).url
    token = (await storage.credential.get_token("https://storage.azure.com/.default")).token
    copy = blobs.get_blob_client("copied.mp4")
    await copy.start_copy_from_url(source, requires_sync=True, source_authorization=f"Bearer {token}")
    assert await (await copy.download_blob()).readall() == b"some bytes"
    await copy.delete_blob()


async def test_responses_keep_their_headers(proxy: Proxy, account: Account, storage: BlobServiceClient) -> None:
    blob = storage.get_blob_client("videos", "headers.mp4")
    etag = (await blob.upload_blob(b"some bytes", overwrite=True))["etag"]
    headers = await authorization(storage)
    changing = {"Date", "x-ms-request-id", "Connection", "Keep-Alive"}

    async def response(url: str, method: str, **extra: str) -> tuple[int, bytes, dict[str, str]]:
        request = {**headers, "x-ms-client-request-id": "id", **extra}
        async with proxy.session.request(method, f"{url}/videos/headers.mp4", headers=request) as found:
            kept = {name: value for name, value in found.headers.items() if name not in changing}
            body = re.sub(rb"(RequestId|Time):[^<\n]*", b"", await found.read())
            return found.status, body, kept

    requests: list[tuple[str, dict[str, str]]] = [
        ("GET", {}),
        ("HEAD", {}),
        ("GET", {"If-None-Match": etag}),
        ("HEAD", {"If-Match": '"other"'}),
        ("PUT", {"x-ms-blob-type": "BlockBlob", "Content-Length": "0", "If-None-Match": "*"}),
    ]
    for method, extra in requests:
        assert await response(proxy.url, method, **extra) == await response(account.url, method, **extra)


async def test_large_bodies_are_not_buffered(proxy: Proxy, storage: BlobServiceClient) -> None:
    size = 200 * MEGABYTE
    headers = await authorization(storage)
    writing = {"x-ms-blob-type": "BlockBlob", "Content-Length": str(size)}
    process = psutil.Process(proxy.pid)
    before = peak = process.memory_info().rss

    async def body() -> AsyncIterator[bytes]:
        nonlocal peak
        piece = bytes(MEGABYTE)
        for _ in range(size // MEGABYTE):
            peak = max(peak, process.memory_info().rss)
            yield piece

    url = f"{proxy.url}/videos/large.mp4"
    async with proxy.session.put(url, headers=headers | writing, data=body()) as response:
        assert response.status == 201
    async with proxy.session.get(url, headers=headers) as response:
        received = 0
        async for chunk in response.content.iter_any():
            received += len(chunk)
            peak = max(peak, process.memory_info().rss)
    assert received == size
    assert peak - before < 50 * MEGABYTE
    await storage.get_blob_client("videos", "large.mp4").delete_blob()


async def test_refusal_has_the_status_and_error_code_of_azure_storage(
    proxy: Proxy, blobs: ContainerClient, storage: BlobServiceClient
) -> None:
    await proxy.inject(method="PUT", path="*refused*", status=409, code="BlobImmutableDueToPolicy")
    blob = blobs.get_blob_client("refused.mp4")
    with pytest.raises(HttpResponseError) as refused:
        await blob.upload_blob(b"x")
    assert (refused.value.status_code, _code(refused.value)) == (409, "BlobImmutableDueToPolicy")
    await blob.upload_blob(b"x")
    await proxy.inject(method="HEAD", status=503)
    with pytest.raises(HttpResponseError) as busy:
        await blob.get_blob_properties()
    assert (busy.value.status_code, _code(busy.value)) == (503, "ServerBusy")
    headers = await authorization(storage)
    await proxy.inject(method="HEAD", status=503, retryAfter=7)
    async with proxy.session.head(blob.url, headers=headers) as response:
        assert response.headers["Retry-After"] == "7"


async def test_rule_matches_method_path_query_and_headers(proxy: Proxy, blobs: ContainerClient) -> None:
    await blobs.upload_blob("matched.mp4", b"x", overwrite=True)
    faults: list[dict[str, object]] = [
        {"method": "GET", "query": {"comp": "list"}},
        {"path": "/devstoreaccount1/videos/matched.mp4", "method": "HEAD"},
        {"headers": {"x-ms-copy-source": "*matched*"}},
        {"method": "PUT", "query": {"comp": None}, "headers": {"x-ms-copy-source": None}},
    ]
    for fault in faults:
        await proxy.inject(**fault, times=UNTIL_CLEARED, status=403, code="AuthorizationFailure")
    blob = blobs.get_blob_client("matched.mp4")
    for _ in range(2):
        with pytest.raises(HttpResponseError):
            await anext(aiter(blobs.list_blobs()))
        with pytest.raises(HttpResponseError):
            await blob.get_blob_properties()
        with pytest.raises(HttpResponseError):
            await blobs.get_blob_client("copy.mp4").start_copy_from_url(blob.url)
        with pytest.raises(HttpResponseError):
            await blob.upload_blob(b"y", overwrite=True)
    assert await (await blob.download_blob()).readall() == b"x"
    await blobs.get_blob_client("other.mp4").stage_block("MQ==", b"x")
    assert len(await proxy.pending()) == len(faults)
    await proxy.clear()
    await blob.get_blob_properties()


async def test_silent_request_gets_no_response_and_has_no_effect(proxy: Proxy, blobs: ContainerClient) -> None:
    await proxy.inject(path="*silent*", silent=True)
    blob = blobs.get_blob_client("silent.mp4")
    with pytest.raises(ServiceResponseError):
        await blob.upload_blob(b"x")
    assert not await blob.exists()


async def test_dropped_request_takes_effect(proxy: Proxy, blobs: ContainerClient) -> None:
    # aiohttp sends a PUT once more when a connection from its pool is closed.
    await proxy.inject(path="*dropped*", drop=True, times=UNTIL_CLEARED)
    blob = blobs.get_blob_client("dropped.mp4")
    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        await blob.upload_blob(b"x", overwrite=True)
    await proxy.clear()
    assert await blob.exists()


async def test_late_response_arrives_after_its_request_took_effect(
    proxy: Proxy, blobs: ContainerClient, storage: BlobServiceClient
) -> None:
    await proxy.inject(path="*late*", respondAfter=1.0)
    begun = time.monotonic()
    upload = asyncio.ensure_future(blobs.get_blob_client("late.mp4").upload_blob(b"x", overwrite=True))
    direct = storage.get_blob_client("videos", "late.mp4")
    while not await direct.exists():
        await asyncio.sleep(0.02)
    assert not upload.done()
    await upload
    assert time.monotonic() - begun >= 1.0


async def test_late_request_takes_effect_when_the_client_has_left(proxy: Proxy, blobs: ContainerClient) -> None:
    await proxy.inject(path="*impatient*", respondAfter=60.0)
    blob = blobs.get_blob_client("impatient.mp4")
    with pytest.raises(ServiceResponseError):
        await blob.upload_blob(b"x")
    assert await blob.exists()


async def test_trickled_response_arrives_byte_by_byte(proxy: Proxy, storage: BlobServiceClient) -> None:
    await storage.get_blob_client("videos", "trickled.mp4").upload_blob(b"some bytes", overwrite=True)
    headers = await authorization(storage)
    await proxy.inject(path="*trickled*", pace=0)
    async with proxy.session.get(f"{proxy.url}/videos/trickled.mp4", headers=headers) as response:
        assert (response.status, await response.read()) == (200, b"some bytes")
    await proxy.inject(query={"comp": "list"}, pace=0)
    listing = f"{proxy.url}/videos?restype=container&comp=list"
    async with proxy.session.get(listing, headers=headers) as response:
        assert b"trickled.mp4" in await response.read()
    await proxy.inject(path="*trickled*", pace=0.05)
    with pytest.raises(TimeoutError):
        await proxy.session.get(
            f"{proxy.url}/videos/trickled.mp4", headers=headers, timeout=aiohttp.ClientTimeout(total=1, sock_read=0.9)
        )


async def test_truncated_response_ends_within_the_body(proxy: Proxy, storage: BlobServiceClient) -> None:
    await storage.get_blob_client("videos", "truncated.mp4").upload_blob(b"some bytes", overwrite=True)
    headers = await authorization(storage)
    for size in (0, 4):
        await proxy.inject(path="*truncated*", truncate=size)
        async with proxy.session.get(f"{proxy.url}/videos/truncated.mp4", headers=headers) as response:
            assert response.status == 200
            assert response.headers["Content-Length"] == "10"
            assert await response.content.read(size) == b"some bytes"[:size]
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.content.read(1)
    await proxy.inject(query={"comp": "list"}, truncate=30)
    async with proxy.session.get(f"{proxy.url}/videos?restype=container&comp=list", headers=headers) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_delayed_request_takes_effect_late_though_the_client_has_left(
    proxy: Proxy, blobs: ContainerClient, storage: BlobServiceClient
) -> None:
    await proxy.inject(name="slow", method="PUT", path="*delayed*", delay=60)
    direct = storage.get_blob_client("videos", "delayed.mp4")
    with pytest.raises(ServiceResponseError):
        await blobs.get_blob_client("delayed.mp4").upload_blob(b"x")
    assert not await direct.exists()
    await proxy.lift("slow")
    await wait_until_async(direct.exists)


async def test_lifting_a_rule_by_name_serves_the_requests_it_held(proxy: Proxy, blobs: ContainerClient) -> None:
    blob = blobs.get_blob_client("held.mp4")
    for fault in ({"silent": True}, {"delay": 60}, {"respondAfter": 60}):
        await proxy.inject(name="held", path="*held*", **fault)
        await proxy.inject(name="other", path="*never*", silent=True)
        upload = asyncio.ensure_future(blob.upload_blob(b"x", overwrite=True))
        await wait_until_async(lambda: _names(proxy, ["other"]))
        assert not upload.done()
        await proxy.lift("held")
        await upload


async def test_rule_with_seconds_applies_to_all_requests_until_then(proxy: Proxy, blobs: ContainerClient) -> None:
    await proxy.inject(path="*timed*", seconds=0.5, status=500)
    blob = blobs.get_blob_client("timed.mp4")
    for _ in range(2):
        with pytest.raises(HttpResponseError):
            await blob.upload_blob(b"x")
    await wait_until_async(lambda: _names(proxy, []))
    await blob.upload_blob(b"x")


async def test_identity_is_refused_with_the_json_of_app_service(account: Account, tmp_path: Path) -> None:
    endpoint = account.environment["IDENTITY_ENDPOINT"]
    async with running_proxy(account, tmp_path, "--service", "identity", "--upstream", endpoint) as proxy:
        assert URL(proxy.url).path == URL(endpoint).path
        with patch.dict(os.environ, account.environment | {"IDENTITY_ENDPOINT": proxy.url}):
            credential = ManagedIdentityCredential()
            async with credential:
                await proxy.inject(status=400, code="IdentityNotFound")
                with pytest.raises(ClientAuthenticationError, match="IdentityNotFound"):
                    await credential.get_token("https://storage.azure.com/.default")
                assert (await credential.get_token("https://storage.azure.com/.default")).token
        await proxy.inject(status=500)
        async with proxy.session.get(proxy.url) as response:
            body = await response.json()
            assert (response.status, body["statusCode"]) == (500, 500)
            assert body.keys() == {"statusCode", "message", "correlationId"}


async def test_connection_closes_when_the_service_is_unreachable(account: Account, tmp_path: Path) -> None:
    arguments = ("--service", "identity", "--upstream", "http://127.0.0.1:9/msi/token")
    async with running_proxy(account, tmp_path, *arguments) as proxy:
        with pytest.raises(aiohttp.ClientConnectionError):
            await proxy.session.get(proxy.url)


async def test_proxy_stops_while_requests_are_held(account: Account, tmp_path: Path) -> None:
    endpoint = account.environment["IDENTITY_ENDPOINT"]
    async with running_proxy(account, tmp_path, "--service", "identity", "--upstream", endpoint) as proxy:
        await proxy.inject(silent=True)
        request = asyncio.create_task(proxy.session.get(proxy.url))
        while await proxy.pending():
            await asyncio.sleep(0.02)
    with pytest.raises(aiohttp.ClientError):
        await request
    wait_until(lambda: not psutil.pid_exists(proxy.pid))


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("[]", "must be an object"),
        ("{}", "exactly one of"),
        ('{"silent": true, "drop": true}', "exactly one of"),
        ('{"silent": true, "operation": "*"}', "unknown field 'operation'"),
        ('{"silent": true, "times": 0}', "0 is not valid for 'times'"),
        ('{"silent": true, "path": 1}', "not valid for 'path'"),
        ('{"silent": true, "query": {"comp": 1}}', "not valid for 'query'"),
        ('{"respondAfter": -1}', "-1 is not valid for 'respondAfter'"),
        ('{"status": 409}', "status 409 needs a code"),
        ('{"truncate": true}', "True is not valid for 'truncate'"),
    ],
)
def test_invalid_rule_is_rejected(rule: str, reason: str) -> None:
    with pytest.raises(InvalidRuleError, match=reason):
        parse(json.loads(rule))


async def test_control_endpoint_rejects_an_invalid_rule(proxy: Proxy) -> None:
    url = URL(proxy.url).origin() / "_control/faults"
    for body in ("nonsense", "[]", '{"faults": [{"silent": true}, {}]}'):
        async with proxy.session.post(url, data=body, headers=proxy.secret) as response:
            assert response.status == 400
    assert await proxy.pending() == []


async def test_control_endpoint_needs_the_secret(proxy: Proxy) -> None:
    control = URL(proxy.url).origin() / "_control"
    for headers in ({}, {"X-IDENTITY-HEADER": "guess"}):
        async with proxy.session.get(control, headers=headers) as response:
            assert response.status == 401
        async with proxy.session.post(
            control / "faults", json={"faults": [{"status": 503}]}, headers=headers
        ) as response:
            assert response.status == 401
    assert await proxy.pending() == []


def test_signature_is_redacted_from_a_url() -> None:
    assert redacted("/a/b?sv=1&sig=x%2By%3D&se=2") == "/a/b?sv=1&sig=REDACTED&se=2"
    assert redacted("/a/sig=x?SIG=secret") == "/a/sig=x?SIG=REDACTED"


async def _names(proxy: Proxy, names: list[str]) -> bool:
    """Whether the pending rules are those with these names."""
    return [rule.get("name") for rule in await proxy.pending()] == names


def _code(error: HttpResponseError) -> str | None:
    return getattr(error, "error_code", None)
