"""Files from and to blob storage, packages, identities: against Azurite over TLS."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING

import pytest
from azure.batch import models
from azure.storage.blob import ContainerSasPermissions, ContentSettings, generate_container_sas

from batch_emulator.machine import blobs
from support.resources import file_text, make_job, run_task
from support.secure import AZURITE_KEY, NODE_IDENTITY, SecureEmulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.batch import BatchClient
    from azure.storage.blob import ContainerClient


NODES = models.BatchNodeIdentityReference(resource_id=NODE_IDENTITY.upper())


@pytest.fixture
def container(secure: SecureEmulator) -> ContainerClient:
    made = secure.storage.create_container(f"c{uuid.uuid4().hex}")
    made.upload_blob("in/one.txt", b"one")
    made.upload_blob("in/two é.txt", b"two")
    made.upload_blob("other.txt", b"other")
    return made


@pytest.fixture
def client(secure: SecureEmulator) -> Iterator[BatchClient]:
    with secure.client() as made:
        yield made


@pytest.fixture
def job(client: BatchClient) -> str:
    return make_job(client, f"j-{uuid.uuid4()}", "nodes")


def sas(container: ContainerClient) -> str:
    token = generate_container_sas(
        container.account_name or "",
        container.container_name,
        account_key=AZURITE_KEY,
        permission=ContainerSasPermissions(read=True, list=True, write=True, create=True),
        expiry=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
    )
    return f"{container.url}?{token}"


def output(container: ContainerClient, pattern: str, path: str | None, condition: str) -> models.OutputFile:
    blob_container = models.OutputFileBlobContainerDestination(
        container_url=container.url, path=path, identity_reference=NODES
    )
    return models.OutputFile(
        file_pattern=pattern,
        destination=models.OutputFileDestination(container=blob_container),
        upload_options=models.OutputFileUploadConfiguration(upload_condition=condition),
    )


def names(container: ContainerClient, prefix: str) -> set[str]:
    return {name.removeprefix(prefix) for name in container.list_blob_names(name_starts_with=prefix)}


def test_pool_from_the_pools_file_has_its_identity(client: BatchClient) -> None:
    identity = client.get_pool("nodes").identity
    assert identity is not None
    assert identity.type == "UserAssigned"
    assert [each.resource_id for each in identity.user_assigned_identities or []] == [NODE_IDENTITY]


def test_resource_file_is_downloaded_with_the_pools_identity(
    client: BatchClient, job: str, container: ContainerClient
) -> None:
    url = container.get_blob_client("in/two é.txt").url
    file = models.ResourceFile(http_url=url, file_path="deep/input.txt", file_mode="0600", identity_reference=NODES)
    run_task(client, job, "t", "/bin/bash -c 'cat deep/input.txt; stat -c %a deep/input.txt'", resource_files=[file])
    assert file_text(client, job, "t") == "two600\n"


def test_resource_files_are_downloaded_by_sas_from_url_and_container(
    client: BatchClient, job: str, container: ContainerClient
) -> None:
    base, _, token = sas(container).partition("?")
    files = [
        models.ResourceFile(http_url=f"{base}/other.txt?{token}", file_path="o"),
        models.ResourceFile(storage_container_url=f"{base}?{token}", blob_prefix="in/", file_path="all"),
    ]
    run_task(client, job, "t", "/bin/bash -c 'cat o; cat all/in/*'", resource_files=files)
    assert file_text(client, job, "t") == "otheronetwo"


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://account.blob.core.windows.net/c/b?sig=x", "http://proxy:3128"),
        ("https://internal.example/c/b", None),
        ("http://account.blob.core.windows.net/c/b", None),
        ("https://127.0.0.1:10000/devstoreaccount1/c/b", None),
        ("https://devstoreaccount1.blob.localhost:10000/c/b", None),
    ],
)
def test_storage_elsewhere_is_reached_through_the_proxy_of_the_environment(
    url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "internal.example")
    assert blobs.proxy(url) == proxy


def test_resource_files_are_downloaded_from_auto_storage(
    client: BatchClient, job: str, container: ContainerClient
) -> None:
    files = [models.ResourceFile(auto_storage_container_name=container.container_name, blob_prefix="other")]
    run_task(client, job, "t", "cat other.txt", resource_files=files)
    assert file_text(client, job, "t") == "other"


@pytest.mark.parametrize(
    ("blob", "identity", "code"),
    [
        ("no-such-blob", NODES, "BlobNotFound"),
        ("other.txt", None, "BlobAccessDenied"),
        ("other.txt", models.BatchNodeIdentityReference(resource_id="/somebody/else"), "BlobAccessDenied"),
    ],
)
def test_missing_resource_file_fails_the_task_before_it_runs(
    client: BatchClient,
    job: str,
    container: ContainerClient,
    blob: str,
    identity: models.BatchNodeIdentityReference | None,
    code: str,
) -> None:
    file = models.ResourceFile(http_url=f"{container.url}/{blob}", file_path="f", identity_reference=identity)
    constraints = models.BatchTaskConstraints(max_task_retry_count=3)
    task = run_task(client, job, "t", "true", resource_files=[file], constraints=constraints)
    info = task.execution_info
    assert info is not None
    assert info.failure_info is not None
    assert (info.failure_info.code, info.exit_code, info.retry_count) == (code, None, 0)


def test_output_files_are_uploaded_by_pattern_and_condition(
    client: BatchClient, job: str, container: ContainerClient
) -> None:
    def outputs(name: str) -> list[models.OutputFile]:
        return [
            output(container, "out.gif", f"{name}/made.gif", "tasksuccess"),
            output(container, "**/*.txt", f"{name}/all", "taskfailure"),
            output(container, "../std*.txt", f"{name}/logs", "taskcompletion"),
            output(container, "not-there", f"{name}/never", "taskcompletion"),
        ]

    make = "mkdir d; echo 1 > out.gif; echo 2 > d/x.txt; echo log"
    run_task(client, job, "good", f"/bin/bash -c '{make}'", output_files=outputs("good"))
    assert names(container, "good/") == {"made.gif", "logs/stdout.txt", "logs/stderr.txt"}
    assert container.download_blob("good/logs/stdout.txt").readall() == b"log\n"
    task = run_task(client, job, "bad", f"/bin/bash -c '{make}; exit 9'", output_files=outputs("bad"))
    assert names(container, "bad/") == {"all/d/x.txt", "logs/stdout.txt", "logs/stderr.txt"}
    assert task.execution_info is not None
    assert task.execution_info.exit_code == 9


def test_failed_upload_fails_the_task_and_keeps_the_exit_code(
    client: BatchClient, job: str, secure: SecureEmulator
) -> None:
    nowhere = secure.storage.get_container_client("no-such-container")
    files = [output(nowhere, "f", "f", "tasksuccess")]
    task = run_task(client, job, "t", "/bin/bash -c 'echo 1 > f'", output_files=files)
    info = task.execution_info
    assert info is not None
    assert info.failure_info is not None
    assert (info.exit_code, info.result, info.failure_info.code) == (0, "failure", "FileUploadContainerNotFound")


def test_upload_headers_are_set_on_a_blob_uploaded_in_blocks(
    client: BatchClient, job: str, container: ContainerClient
) -> None:
    file = output(container, "big", "big.gif", "tasksuccess")
    assert file.destination.container is not None
    file.destination.container.upload_headers = [
        models.OutputFileUploadHeader(name="x-ms-blob-content-type", value="image/gif")
    ]
    run_task(client, job, "t", "/bin/bash -c 'head -c 20000000 /dev/zero > big'", output_files=[file])
    properties = container.get_blob_client("big.gif").get_blob_properties()
    assert properties.size == 20_000_000
    assert isinstance(properties.content_settings, ContentSettings)
    assert properties.content_settings.content_type == "image/gif"


def test_package_is_unzipped_and_its_variable_has_the_path(client: BatchClient, job: str) -> None:
    package = models.BatchApplicationPackageReference(application_id="hello", version="1.0")
    command = "/bin/bash -c '$AZ_BATCH_APP_PACKAGE_hello_1_0/bin/hello; cat $AZ_BATCH_APP_PACKAGE_hello_1_0/data.txt'"
    run_task(client, job, "t", command, application_package_references=[package])
    said = file_text(client, job, "t")
    assert said.startswith("hello from /")
    assert said.endswith("data")
    assert [(each.id, each.versions) for each in client.list_applications()] == [("hello", ["1.0"])]


def test_missing_package_fails_the_task(client: BatchClient, job: str) -> None:
    package = models.BatchApplicationPackageReference(application_id="hello", version="2.0")
    info = run_task(client, job, "t", "true", application_package_references=[package]).execution_info
    assert info is not None
    assert info.failure_info is not None
    assert info.failure_info.code == "ApplicationPackageError"
