"""The protocol as clients see it: authentication, headers, preconditions, errors, lists."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from azure.batch import BatchClient, models
from azure.batch.aio import BatchClient as AsyncBatchClient
from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from support.emulators import ACCOUNT, Emulator, call
from support.resources import make_job, make_pool
from support.tokens import TOKEN_KEY, AsyncBearer, Bearer, make_token
from support.waiting import wait_until, wait_until_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from support.secure import SecureEmulator


def test_response_has_request_ids_and_etag(plain: Emulator, job: str) -> None:
    mine = str(uuid.uuid4())
    sent = {"client-request-id": mine, "return-client-request-id": "true"}
    status, headers, body = call(plain, "GET", f"/jobs/{job}", headers=sent)
    assert status == 200
    assert uuid.UUID(headers["request-id"])
    assert headers["client-request-id"] == mine
    assert headers["ETag"] == body["eTag"]
    assert headers["DataServiceId"] == body["url"]
    assert headers["DataServiceVersion"] == "3.0"
    assert "Last-Modified" in headers
    assert body["odata.metadata"].endswith("$metadata#jobs/@Element")


def test_error_response_has_the_form_of_the_service(plain: Emulator) -> None:
    status, headers, body = call(plain, "GET", "/jobs/none")
    assert status == 404
    assert headers["Content-Type"].startswith("application/json")
    assert body["code"] == "JobNotFound"
    assert body["message"]["lang"] == "en-US"
    assert body["message"]["value"].startswith("The specified job does not exist.\nRequestId:")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nonsense", None, 404, "ResourceNotFound"),
        ("PUT", "/pools", {}, 405, "UnsupportedHttpVerb"),
        ("GET", "/jobs?api-version=tomorrow", None, 400, "UnsupportedRequestVersion"),
        ("POST", "/jobs", b"{", 400, "InvalidRequestBody"),
        ("POST", "/jobs", b"\xff\xfe", 400, "InvalidRequestBody"),
        ("POST", "/jobs", [], 400, "InvalidRequestBody"),
        ("POST", "/jobs", {"id": "x"}, 400, "MissingRequiredProperty"),
        ("POST", "/jobs", {"id": "x y", "poolInfo": {"poolId": "wire"}}, 400, "InvalidPropertyValue"),
        ("POST", "/jobs", {"id": "x", "poolInfo": {"poolId": "wire"}, "prio": 1}, 400, "InvalidRequestBody"),
        ("GET", "/jobs?api-version=2018-03-01.6.1", None, 400, "UnsupportedRequestVersion"),
        ("GET", "/lifetimepoolstats", None, 400, "OperationNotSupported"),
        ("POST", "/pools", {"id": "x", "vmSize": "a1"}, 400, "MissingRequiredProperty"),
        ("GET", "/jobs?maxresults=0", None, 400, "InvalidQueryParameterValue"),
        ("GET", "/jobs?maxresults=x", None, 400, "InvalidQueryParameterValue"),
        ("GET", "/jobs?$filter=state%20is%20active", None, 400, "InvalidQueryParameterValue"),
        ("GET", "/jobs?$filter=colour%20eq%20'red'", None, 400, "InvalidQueryParameterValue"),
        ("GET", "/jobs?$select=colour", None, 400, "InvalidQueryParameterValue"),
        ("GET", "/certificates", None, 400, "OperationNotSupported"),
    ],
)
def test_invalid_request_gets_batchs_status_and_code(
    plain: Emulator, pool: str, method: str, path: str, body: object, status: int, code: str
) -> None:
    assert pool == "wire"
    got, _, answer = call(plain, method, path, body=body)
    assert (got, answer["code"]) == (status, code)


def test_bearer_token_must_be_for_batch_and_unexpired(plain: Emulator) -> None:
    for token in (
        "nonsense",
        make_token("https://storage.azure.com"),
        make_token("https://batch.core.windows.net/", lifetime=-60),
        jwt.encode({"aud": "https://batch.core.windows.net/"}, TOKEN_KEY),
    ):
        status, headers, body = call(plain, "GET", "/jobs", headers={"Authorization": f"Bearer {token}"})
        assert (status, body["code"]) == (401, "AuthenticationFailed")
        assert headers["WWW-Authenticate"].startswith("Bearer ")


def test_wrong_key_or_account_is_refused(plain: Emulator) -> None:
    with BatchClient(plain.url, AzureNamedKeyCredential(ACCOUNT, "d3Jvbmc=")) as client:
        with pytest.raises(HttpResponseError) as refused:
            client.get_job("none")
        assert refused.value.status_code == 403
    with (
        BatchClient(plain.url, AzureNamedKeyCredential("other", "d3Jvbmc=")) as client,
        pytest.raises(HttpResponseError),
    ):
        client.get_job("none")


def test_request_without_credentials_is_unauthenticated(plain: Emulator) -> None:
    status, _, body = call(plain, "GET", "/jobs", headers={"Authorization": ""})
    assert (status, body["code"]) == (401, "AuthenticationFailed")


def test_update_with_a_stale_etag_is_refused(client: BatchClient, job: str) -> None:
    seen = client.get_job(job)
    change = models.BatchJobUpdateOptions(priority=5)
    client.update_job(job, change, etag=seen.etag, match_condition=MatchConditions.IfNotModified)
    assert client.get_job(job).priority == 5
    with pytest.raises(ResourceModifiedError) as refused:
        client.update_job(job, change, etag=seen.etag, match_condition=MatchConditions.IfNotModified)
    assert refused.value.status_code == 412
    assert refused.value.error is not None
    assert refused.value.error.code == "ConditionNotMet"


def test_get_with_the_current_etag_is_not_modified(plain: Emulator, job: str) -> None:
    _, headers, _ = call(plain, "GET", f"/jobs/{job}")
    status, _, body = call(plain, "GET", f"/jobs/{job}", headers={"If-None-Match": headers["ETag"]})
    assert (status, body) == (304, None)


def test_pool_exists_is_a_head_request(client: BatchClient, pool: str) -> None:
    assert client.pool_exists(pool)
    with pytest.raises(ResourceNotFoundError):
        client.pool_exists("none")


def test_second_resource_with_the_same_id_is_refused(client: BatchClient, pool: str, job: str) -> None:
    with pytest.raises(ResourceExistsError) as refused:
        make_job(client, job, pool)
    assert refused.value.error is not None
    assert refused.value.error.code == "JobExists"
    with pytest.raises(ResourceExistsError) as refused:
        make_pool(client, pool)
    assert refused.value.error is not None
    assert refused.value.error.code == "PoolExists"


def test_list_is_filtered_projected_and_paged(client: BatchClient, job: str) -> None:
    tasks = [
        models.BatchTaskCreateOptions(id=f"t{i:03}", command_line=f"/bin/bash -c 'exit {i % 2}'") for i in range(30)
    ]
    client.create_tasks(job, tasks)
    wait_until(lambda: client.get_job_task_counts(job).task_counts.completed == 30)
    pages: Any = list(
        client.list_tasks(
            job,
            filter="startswith(id, 't0') and (executionInfo/exitCode eq 1 or executionInfo/result eq 'failure')",
            select=["id", "executionInfo"],
            max_results=4,
        ).by_page()
    )
    rows = [list(page) for page in pages]
    assert [len(row) for row in rows] == [4, 4, 4, 3]
    found = [task for row in rows for task in row]
    assert sorted(task.id for task in found) == [f"t{i:03}" for i in range(30) if i % 2]
    assert {frozenset(task) for task in found} == {frozenset(("id", "executionInfo"))}
    ends = sorted(task["executionInfo"]["endTime"] for task in client.list_tasks(job))
    later = list(client.list_tasks(job, filter=f"executionInfo/endTime gt {ends[9]}"))
    assert sorted(task["executionInfo"]["endTime"] for task in later) == [end for end in ends if end > ends[9]]
    assert list(client.list_tasks(job, filter="not (state eq 'completed')")) == []


def test_asterisk_selects_all_properties(plain: Emulator, pool: str) -> None:
    _, _, everything = call(plain, "GET", f"/pools/{pool}")
    _, _, selected = call(plain, "GET", f"/pools/{pool}?$select=*")
    assert selected.keys() == everything.keys()


def test_properties_that_only_old_versions_return_can_be_selected(plain: Emulator, pool: str) -> None:
    for path in (
        f"/pools/{pool}?$select=id,currentNodeCommunicationMode",
        f"/pools/{pool}/nodes?$select=id,certificateReferences",
    ):
        assert call(plain, "GET", f"{path}&api-version=2024-02-01.19.0")[0] == 200


async def test_asynchronous_client_works_over_tls_with_a_token(secure: SecureEmulator) -> None:
    async with AsyncBatchClient(secure.url, AsyncBearer(), connection_verify=str(secure.ca)) as client:
        await client.create_job(models.BatchJobCreateOptions(id="aio", pool_info=models.BatchPoolInfo(pool_id="nodes")))
        await client.create_tasks(
            "aio", [models.BatchTaskCreateOptions(id=f"t{i}", command_line="echo aio") for i in range(120)]
        )

        async def all_completed() -> bool:
            return (await client.get_job_task_counts("aio")).task_counts.completed == 120

        condition: Callable[[], bool | Awaitable[bool]] = all_completed
        await wait_until_async(condition)
        listed = [task.id async for task in client.list_tasks("aio", select=["id"], max_results=50)]
        assert len(set(listed)) == 120
        chunks = await client.download_task_file("aio", "t7", "stdout.txt")
        assert b"".join([chunk async for chunk in chunks]) == b"aio\n"
        poller = await client.begin_delete_job("aio", polling_interval=0)
        await poller.wait()


def test_token_for_another_audience_raises_client_authentication_error(secure: SecureEmulator) -> None:
    client = BatchClient(secure.url, Bearer("https://elsewhere"), connection_verify=str(secure.ca))
    with client, pytest.raises(ClientAuthenticationError):
        client.get_pool("nodes")
