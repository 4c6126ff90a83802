"""The protocol as clients see it: authentication, headers, conditions, errors, lists."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
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

from tests.batch.kit import AsyncBearer, Emulator, make_job, make_pool, make_token, until

if TYPE_CHECKING:
    from tests.batch.conftest import Secure


@pytest.fixture(scope="module")
def pool(plain: Emulator) -> str:
    with plain.client() as client:
        return make_pool(client, "wire")


@pytest.fixture
def job(client: BatchClient, pool: str) -> str:
    return make_job(client, f"j-{uuid.uuid4()}", pool)


def call(
    plain: Emulator, method: str, path: str, *, body: object = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON of a raw request with a bearer token; the api-version is added unless it is there."""
    url = plain.url + path
    if "api-version" not in path:
        url += ("&" if "?" in path else "?") + "api-version=2025-06-01"
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
    sent = {"Authorization": f"Bearer {make_token('https://batch.core.windows.net/')}"} | (headers or {})
    request = urllib.request.Request(url, data=data, method=method, headers=sent)  # noqa: S310
    try:
        with urllib.request.urlopen(request) as reply:  # noqa: S310
            text = reply.read()
            return reply.status, dict(reply.headers), json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        with error:
            text = error.read()
            return error.code, dict(error.headers), json.loads(text) if text else None


def test_every_reply_names_its_request(plain: Emulator, job: str) -> None:
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


def test_an_error_has_the_form_of_the_service(plain: Emulator) -> None:
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
        ("POST", "/jobs", {"id": "x", "poolInfo": {"poolId": "nowhere"}}, 404, "PoolNotFound"),
        ("GET", "/jobs?maxresults=0", None, 400, "InvalidQueryParameterValue"),
        ("GET", "/jobs?maxresults=x", None, 400, "InvalidQueryParameterValue"),
        ("GET", "/jobs?$filter=state%20is%20active", None, 400, "InvalidQueryParameterValue"),
        ("GET", "/jobs?$filter=colour%20eq%20'red'", None, 400, "InvalidQueryParameterValue"),
        ("GET", "/jobs?$select=colour", None, 400, "InvalidQueryParameterValue"),
        ("GET", "/certificates", None, 400, "OperationNotSupported"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_batchs_words(
    plain: Emulator, pool: str, method: str, path: str, body: object, status: int, code: str
) -> None:
    assert pool == "wire"
    got, _, answer = call(plain, method, path, body=body)
    assert (got, answer["code"]) == (status, code)


def test_a_bearer_token_must_be_for_batch_and_current(plain: Emulator) -> None:
    for token in (
        "nonsense",
        make_token("https://storage.azure.com"),
        make_token("https://batch.core.windows.net/", lifetime=-60),
        jwt.encode({"aud": "https://batch.core.windows.net/"}, "k" * 32),
    ):
        status, headers, body = call(plain, "GET", "/jobs", headers={"Authorization": f"Bearer {token}"})
        assert (status, body["code"]) == (401, "AuthenticationFailed")
        assert headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_wrong_key_is_refused(plain: Emulator) -> None:
    with BatchClient(plain.url, AzureNamedKeyCredential("gifdrop", "d3Jvbmc=")) as client:
        with pytest.raises(HttpResponseError) as refused:
            client.get_job("none")
        assert refused.value.status_code == 403
    with (
        BatchClient(plain.url, AzureNamedKeyCredential("other", "d3Jvbmc=")) as client,
        pytest.raises(HttpResponseError),
    ):
        client.get_job("none")


def test_no_proof_at_all_is_unauthenticated(plain: Emulator) -> None:
    status, _, body = call(plain, "GET", "/jobs", headers={"Authorization": ""})
    assert (status, body["code"]) == (401, "AuthenticationFailed")


def test_conditions_hold_an_update_back(client: BatchClient, job: str) -> None:
    seen = client.get_job(job)
    change = models.BatchJobUpdateOptions(priority=5)
    client.update_job(job, change, etag=seen.etag, match_condition=MatchConditions.IfNotModified)
    assert client.get_job(job).priority == 5
    with pytest.raises(ResourceModifiedError) as refused:
        client.update_job(job, change, etag=seen.etag, match_condition=MatchConditions.IfNotModified)
    assert refused.value.status_code == 412
    assert refused.value.error is not None
    assert refused.value.error.code == "ConditionNotMet"


def test_a_get_of_a_known_version_has_no_body(plain: Emulator, job: str) -> None:
    _, headers, _ = call(plain, "GET", f"/jobs/{job}")
    status, _, body = call(plain, "GET", f"/jobs/{job}", headers={"If-None-Match": headers["ETag"]})
    assert (status, body) == (304, None)


def test_existence_is_asked_without_a_body(client: BatchClient, pool: str) -> None:
    assert client.pool_exists(pool)
    with pytest.raises(ResourceNotFoundError):
        client.pool_exists("none")


def test_doubles_are_refused(client: BatchClient, pool: str, job: str) -> None:
    with pytest.raises(ResourceExistsError) as refused:
        make_job(client, job, pool)
    assert refused.value.error is not None
    assert refused.value.error.code == "JobExists"
    with pytest.raises(ResourceExistsError) as refused:
        make_pool(client, pool)
    assert refused.value.error is not None
    assert refused.value.error.code == "PoolExists"


def test_a_list_is_filtered_projected_and_paged(client: BatchClient, job: str) -> None:
    tasks = [
        models.BatchTaskCreateOptions(id=f"t{i:03}", command_line=f"/bin/bash -c 'exit {i % 2}'") for i in range(30)
    ]
    client.create_tasks(job, tasks)
    until(lambda: client.get_job_task_counts(job).task_counts.completed == 30)
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


async def test_the_asynchronous_client_works_over_tls_with_a_token(secure: Secure) -> None:
    async with AsyncBatchClient(secure.url, AsyncBearer(), connection_verify=str(secure.ca)) as client:
        await client.create_job(models.BatchJobCreateOptions(id="aio", pool_info=models.BatchPoolInfo(pool_id="nodes")))
        await client.create_tasks(
            "aio", [models.BatchTaskCreateOptions(id=f"t{i}", command_line="echo aio") for i in range(120)]
        )
        end = time.monotonic() + 30
        while (await client.get_job_task_counts("aio")).task_counts.completed < 120:
            assert time.monotonic() < end
        listed = [task.id async for task in client.list_tasks("aio", select=["id"], max_results=50)]
        assert len(set(listed)) == 120
        chunks = await client.download_task_file("aio", "t7", "stdout.txt")
        assert b"".join([chunk async for chunk in chunks]) == b"aio\n"
        poller = await client.begin_delete_job("aio", polling_interval=0)
        await poller.wait()


def test_a_client_without_the_key_meets_an_authentication_error_of_the_sdk(secure: Secure) -> None:
    class Wrong:
        def get_token(self, *_scopes: str, **_kwargs: object) -> object:
            from azure.core.credentials import AccessToken

            return AccessToken(make_token("https://elsewhere"), int(time.time()) + 3600)

    client = BatchClient(secure.url, Wrong(), connection_verify=str(secure.ca))  # type: ignore[arg-type]
    with client, pytest.raises(ClientAuthenticationError):
        client.get_pool("nodes")
