"""Storage and identity as the stack runs them, for the tests of the parts beside them."""

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
from azure.identity.aio import ManagedIdentityCredential
from azure.storage.blob.aio import BlobServiceClient

from local import resources
from local.identity import identities
from local.tls import certificates
from tests.local.kit import running


@dataclass(frozen=True)
class Account:
    """A storage account with its access log and its authority, and the environment that leads to it."""

    url: str
    access_log: Path
    bundle: str
    environment: dict[str, str]


@pytest.fixture(scope="session")
async def account(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Account]:
    directory = tmp_path_factory.mktemp("account")
    tls = certificates(directory / "tls")
    log = directory / "access.log"
    identities.write(directory / "identities.json", resources.IDENTITIES)
    serve = ["--tls-cert", str(tls.chain), "--tls-key", str(tls.key), "--port", "0"]
    async with (
        running(
            "identity",
            *("--identities", str(directory / "identities.json")),
            directory=directory,
            environment={"IDENTITY_HEADER": "a secret"},
        ) as (_, identity),
        running(
            "storage", *serve, "--data", str(directory / "blobs"), "--access-log", str(log), directory=directory
        ) as (_, storage),
    ):
        yield Account(
            url=storage["url"],
            access_log=log,
            bundle=str(tls.bundle),
            environment={
                "IDENTITY_ENDPOINT": identity["url"],
                "IDENTITY_HEADER": "a secret",
                "SSL_CERT_FILE": str(tls.bundle),
                "REQUESTS_CA_BUNDLE": str(tls.bundle),
            },
        )


@pytest.fixture
def in_account(account: Account) -> Iterator[None]:
    with patch.dict(os.environ, account.environment):
        yield


@pytest.fixture(scope="session")
async def storage(account: Account) -> AsyncIterator[BlobServiceClient]:
    with patch.dict(os.environ, account.environment):
        identity = ManagedIdentityCredential()
    async with (
        identity as credential,
        # SSL_CERT_FILE comes too late for a process that has imported aiohttp.
        BlobServiceClient(account.url, credential=credential, connection_verify=account.bundle) as client,
    ):
        await client.create_container("videos")
        await client.create_container("deadletters")
        yield client
