"""A storage account and an identity endpoint for tests of single services."""

import os
from collections.abc import AsyncIterator, Iterator
from unittest.mock import patch

import pytest
from azure.identity.aio import ManagedIdentityCredential
from azure.storage.blob.aio import BlobServiceClient

from local import resources
from local.identity.managed_identity import write_identities
from local.storage import ACCOUNT
from local.tls import certificates
from local.transport import transport
from tests.local.account import ACCOUNT_KEY, TOKEN_KEY, Account
from tests.local.child_processes import running_service


@pytest.fixture(scope="session")
async def account(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Account]:
    directory = tmp_path_factory.mktemp("account")
    tls = certificates(directory / "tls")
    log = directory / "access.log"
    write_identities(directory / "identities.json", resources.IDENTITIES)
    serve = ["--tls-cert", str(tls.chain), "--tls-key", str(tls.key), "--port", "0"]
    async with (
        running_service(
            "identity",
            *("--identities", str(directory / "identities.json")),
            directory=directory,
            environment={"IDENTITY_HEADER": "a secret", "IDENTITY_TOKEN_KEY": TOKEN_KEY},
        ) as identity,
        running_service(
            "storage",
            *serve,
            *("--data", str(directory / "blobs"), "--access-log", str(log)),
            *("--table-port", "0", "--table-log", str(directory / "tables.log")),
            directory=directory,
            environment={"IDENTITY_TOKEN_KEY": TOKEN_KEY, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{ACCOUNT_KEY}"},
        ) as storage,
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
        # Importing aiohttp has already read SSL_CERT_FILE.
        BlobServiceClient(account.url, credential=credential, transport=transport(account.bundle)) as client,
    ):
        await client.create_container("videos")
        await client.create_container("deadletters")
        yield client
