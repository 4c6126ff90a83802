"""Another user of the same machine, who can connect to the stack's ports: no token, no task, no data."""

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import psutil
import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import UserDelegationKey, generate_blob_sas
from azure.storage.blob.aio import BlobServiceClient

from local import resources
from local.identity.tokens import TENANT
from local.lock import locked
from local.process import ServiceCrashedError
from local.services import NAMES
from local.stack import Stack
from local.storage import ACCOUNT
from tests.local.child_processes import running_service
from tests.support.stack_client import StackClient

NOBODY = 65534
BATCH = "https://batch.core.windows.net/"
STORAGE = "https://storage.azure.com"
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's well-known account key."""
AZURITE_SEED = "azurite-user-delegation-signing-seed-v1"
"""The constant from which Azurite derives user delegation keys."""
VIDEO = "private/video.mp4"


def forged(audience: str) -> dict[str, str]:
    """A token with every claim of the stack's own, signed with another key."""
    now = int(time.time())
    oid = resources.APP_IDENTITY.principal_id
    claims: dict[str, Any] = {"aud": audience, "iss": f"https://sts.windows-ppe.net/{TENANT}/", "tid": TENANT}
    claims |= {"oid": oid, "sub": oid, "appid": resources.APP_IDENTITY.client_id}
    claims |= {"iat": now, "nbf": now - 60, "exp": now + 3600}
    return {"Authorization": f"Bearer {jwt.encode(claims, 'x' * 32, algorithm='HS256')}", "x-ms-version": "2021-12-02"}


def unsigned(headers: dict[str, str]) -> dict[str, str]:
    """The same token with the algorithm `none`."""
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    _, claims, _ = headers["Authorization"].split(".")
    return headers | {"Authorization": f"Bearer {header}.{claims}."}


@pytest.fixture(scope="module")
async def uploaded(client: StackClient, tiny_video: bytes) -> None:
    await client.drop(VIDEO, tiny_video)


async def test_identity_endpoint_gives_no_token_without_the_secret(stack: Stack, client: StackClient) -> None:
    query = {"api-version": "2019-08-01", "resource": STORAGE, "client_id": resources.APP_IDENTITY.client_id}
    for secret in ("", "0" * 64, "\udcff"):
        headers = {"X-IDENTITY-HEADER": secret}
        async with client.http.get(stack.endpoints["identity"], params=query, headers=headers) as response:
            assert response.status == 401
            assert "access_token" not in await response.text()


async def test_forged_token_cannot_add_a_task_to_the_emulator(stack: Stack, client: StackClient) -> None:
    jobs = f"{stack.endpoints['batch']}/jobs?api-version=2025-06-01"
    job = {"id": "intruder", "poolInfo": {"poolId": resources.POOL}}
    for headers in (forged(BATCH), unsigned(forged(BATCH)), {}):
        async with client.http.post(jobs, json=job, headers=headers, ssl=client.tls) as response:
            assert response.status == 401
            assert (await response.json(content_type=None))["code"] == "AuthenticationFailed"
    assert "intruder" not in [job.id async for job in client.batch.list_jobs()]


async def test_forged_token_cannot_read_storage(stack: Stack, client: StackClient, uploaded: None) -> None:
    storage = stack.endpoints["storage"]
    container = "/videos?restype=container"
    paths = ("?comp=list", f"{container}&comp=list", f"{container}&comp=acl", f"/videos/{VIDEO}")
    for headers in (forged(STORAGE), unsigned(forged(STORAGE)), {"x-ms-version": "2021-12-02"}):
        for path in paths:
            async with client.http.get(storage + path, headers=headers, ssl=client.tls) as response:
                assert response.status in (401, 403, 404), path
                assert b"video" not in await response.read()


async def test_forged_token_cannot_read_the_index(stack: Stack, client: StackClient, uploaded: None) -> None:
    for headers in (forged(STORAGE), unsigned(forged(STORAGE)), {"x-ms-version": "2021-12-02"}):
        for path in ("/Tables", "/conversions()"):
            url = stack.endpoints["tables"] + path
            async with client.http.get(url, headers=headers, ssl=client.tls) as response:
                assert response.status in (401, 403), path


async def test_forged_token_gets_no_user_delegation_key(stack: Stack, client: StackClient) -> None:
    url = f"{stack.endpoints['storage']}?restype=service&comp=userdelegationkey"
    now = datetime.now(UTC)
    start, expiry = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (now, now + timedelta(hours=1)))
    body = f"<KeyInfo><Start>{start}</Start><Expiry>{expiry}</Expiry></KeyInfo>"
    async with client.http.post(url, data=body, headers=forged(STORAGE), ssl=client.tls) as response:
        assert response.status == 403
        assert "<Value>" not in await response.text()


async def test_well_known_account_key_is_not_the_stacks(stack: Stack, client: StackClient) -> None:
    async def containers(key: str) -> list[str]:
        storage = BlobServiceClient(stack.endpoints["storage"], key, connection_verify=stack.env["SSL_CERT_FILE"])
        async with storage:
            return [container.name async for container in storage.list_containers()]

    with pytest.raises(HttpResponseError) as refused:
        await containers(AZURITE_KEY)
    # Azurite then takes the signature for a token, and finds it malformed.
    assert refused.value.status_code == 400
    assert "videos" in await containers(stack.endpoints["storage_key"])


async def test_user_delegation_key_derived_from_azurites_constant_signs_nothing(
    stack: Stack, client: StackClient, uploaded: None
) -> None:
    now = datetime.now(UTC)
    key = UserDelegationKey()  # type: ignore[no-untyped-call]
    key.signed_oid, key.signed_tid = resources.APP_IDENTITY.principal_id, TENANT
    key.signed_start = (now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    key.signed_expiry = (now + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    key.signed_service, key.signed_version = "b", "2025-11-05"
    text = "\n".join((key.signed_oid, TENANT, key.signed_start, key.signed_expiry, "b", key.signed_version))
    key.value = base64.b64encode(hmac.digest(AZURITE_SEED.encode(), text.encode(), hashlib.sha256)).decode()
    account = stack.endpoints["storage"].rpartition("/")[2]
    sas = generate_blob_sas(
        account, "videos", VIDEO, user_delegation_key=key, permission="r", expiry=now + timedelta(minutes=30)
    )
    async with client.http.get(f"{stack.endpoints['storage']}/videos/{VIDEO}?{sas}", ssl=client.tls) as response:
        assert response.status == 403


async def test_functions_host_needs_a_key_of_this_stack(stack: Stack, client: StackClient) -> None:
    base = stack.endpoints["functions"]
    for path in ("/api/status", "/api/health", f"/api/gifs/{VIDEO}", "/admin/functions", "/runtime/webhooks/eventgrid"):
        for key in ("", "0" * 64):
            async with client.http.get(base + path, headers={"x-functions-key": key}) as response:
                assert response.status == 401, path
    assert {len(stack.endpoints[name]) for name in ("function_key", "master_key")} == {64}


async def test_event_sender_is_controlled_only_with_the_secret(stack: Stack) -> None:
    url = stack.endpoints["events"]
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            assert response.status == 401
        async with session.put(f"{url}/faults", json={"drop": 1}) as response:
            assert response.status == 401


def test_every_azurite_process_verifies_tokens(stack: Stack) -> None:
    children = psutil.Process(stack.pid("storage")).children(recursive=True)
    commands = [command for child in children if "azurite" in (command := " ".join(child.cmdline()))]
    assert commands
    assert [command for command in commands if "authentication.cjs" not in command] == []


@pytest.mark.parametrize("missing", ["IDENTITY_TOKEN_KEY", "AZURITE_ACCOUNTS"])
async def test_storage_does_not_start_without_its_secrets(stack: Stack, tmp_path: Path, missing: str) -> None:
    environment = {"IDENTITY_TOKEN_KEY": "x" * 32, "AZURITE_ACCOUNTS": f"{ACCOUNT}:eA=="}
    del environment[missing]
    tls = ["--tls-cert", str(stack.layout.tls / "server.pem"), "--tls-key", str(stack.layout.tls / "server.key")]
    logs = ["--access-log", str(tmp_path / "access.log"), "--table-log", str(tmp_path / "tables.log")]
    files = ["--data", str(tmp_path / "blobs"), *logs, "--table-port", "0"]
    with pytest.raises(ServiceCrashedError, match="is not set"):
        async with running_service("storage", *tls, *files, "--port", "0", directory=tmp_path, environment=environment):
            pytest.fail("it started")


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A directory that every user can enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


@pytest.mark.parametrize("existing", [True, False])
def test_directory_of_a_stack_is_closed_to_other_users(reachable: Path, existing: bool) -> None:
    directory = reachable / ".local"
    umask = os.umask(0)
    try:
        if existing:
            directory.mkdir(mode=0o755)
        with locked(directory):
            (directory / "blob").write_text("private")
    finally:
        os.umask(umask)
    assert directory.stat().st_mode & 0o777 == 0o700
    if os.getuid() == 0:
        for command in (["cat", str(directory / "blob")], ["ls", str(directory)]):
            done = subprocess.run(
                command, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, check=False
            )
            assert "Permission denied" in done.stderr


def test_running_stack_has_a_private_directory(stack: Stack) -> None:
    assert stack.layout.directory.stat().st_mode & 0o777 == 0o700
    secret_files = (stack.layout.keys, stack.layout.env, stack.layout.endpoints, stack.layout.tls / "server.key")
    assert {path.stat().st_mode & 0o777 for path in secret_files} == {0o600}


async def test_no_secret_is_on_a_command_line_or_in_a_log(stack: Stack, client: StackClient, tiny_video: bytes) -> None:
    await client.drop("logged.mp4", tiny_video)
    assert (await client.final_status("logged.mp4"))["state"] == "succeeded"
    redirect = await client.request("GET", "gifs/logged.gif")
    link = redirect.headers["Location"]
    signature = link.partition("sig=")[2].partition("&")[0]
    assert signature
    async with client.http.get(link, ssl=client.tls) as response:
        assert response.status == 200

    secrets = [*json.loads(stack.layout.keys.read_text()).values(), signature]
    pids = [pid for name in NAMES if (pid := stack.pid(name)) is not None]
    processes = [psutil.Process(pid) for pid in pids]
    processes += [child for process in processes for child in process.children(recursive=True)]
    arguments = "\n".join(" ".join(process.cmdline()) for process in processes if process.is_running())
    logs = {path.name: path.read_text(errors="replace") for path in stack.layout.logs.iterdir()}
    assert "logged.gif?" in logs["access.log"]
    for name, text in [("command lines", arguments), *logs.items()]:
        assert [secret for secret in secrets if secret in text] == [], name
        assert re.findall(r"[?&]sig=(?!REDACTED)[^&\s]{4}", text) == [], name
        assert re.findall(r"eyJ[\w-]{10,}\.eyJ", text) == [], name
