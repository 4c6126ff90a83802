"""Fault injection: requests that are refused, by operation, method or path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from support.emulators import Emulator, call
from support.faults import control_state, inject, lift
from support.resources import add_task, make_job, run_task

if TYPE_CHECKING:
    from azure.batch import BatchClient

pytestmark = pytest.mark.usefixtures("clear_faults")


def test_refusal_by_method_and_path_leaves_other_requests_alone(
    plain: Emulator, client: BatchClient, pool: str, name: str
) -> None:
    job, other = make_job(client, name, pool), make_job(client, f"{name}-other", pool)
    inject(plain, method="POST", path=f"/jobs/{name}/*", status=403, code="AuthorizationFailure", times=-1)
    for _ in range(2):
        with pytest.raises(HttpResponseError) as refused:
            add_task(client, job, "t")
        assert refused.value.status_code == 403
        assert refused.value.error is not None
        assert refused.value.error.code == "AuthorizationFailure"
    assert list(client.list_tasks(job)) == []
    run_task(client, other, "t", "true")
    lift(plain)
    run_task(client, job, "t", "true")


@pytest.mark.parametrize(("code", "status"), [("JobCompleted", 409), ("PoolNotFound", 404), ("TooManyRequests", 429)])
def test_code_alone_is_sent_with_its_status_and_a_message(plain: Emulator, code: str, status: int) -> None:
    inject(plain, operation="get_job", code=code, message="Not today.")
    answered, _, body = call(plain, "GET", "/jobs/any")
    assert (answered, body["code"]) == (status, code)
    assert body["message"]["value"].startswith("Not today.\nRequestId:")


def test_named_fault_is_replaced_and_lifted_by_its_name(plain: Emulator) -> None:
    inject(plain, name="f", operation="get_job", code="JobCompleted", times=-1)
    inject(plain, name="f", operation="get_job", code="JobBeingTerminated", times=-1)
    inject(plain, name="pools", operation="get_pool", code="PoolNotFound", times=-1)
    assert call(plain, "GET", "/jobs/any")[2]["code"] == "JobBeingTerminated"
    lift(plain, "f")
    assert call(plain, "GET", "/jobs/any")[2]["code"] == "JobNotFound"
    assert [fault["name"] for fault in control_state(plain)["faults"]] == ["pools"]
    lift(plain, "f")


@pytest.mark.parametrize(
    "fault",
    [
        {"code": "NoSuchCodeOfTheEmulator"},
        {"operation": "get_job", "deleting": 1},
        {"silent": "yes"},
        {"seconds": -1},
        {"seconds": 1e300},
        {"method": "FETCH"},
        {"times": 0},
        {"operation": "get_jobs"},
    ],
)
def test_invalid_fault_is_refused(plain: Emulator, fault: dict[str, object]) -> None:
    assert call(plain, "POST", "/_control/faults", body={"faults": [fault]})[0] == 400
    assert control_state(plain)["faults"] == []


def test_output_file_without_a_match_fails_on_demand_only(plain: Emulator, client: BatchClient, job: str) -> None:
    container = models.OutputFileBlobContainerDestination(container_url="https://127.0.0.1:1/container")
    never = models.OutputFile(
        file_pattern="out.gif",
        destination=models.OutputFileDestination(container=container),
        upload_options=models.OutputFileUploadConfiguration(upload_condition="tasksuccess"),
    )
    assert call(plain, "POST", "/_control/uploads", body={"unmatched": 1})[0] == 204
    assert control_state(plain)["failingUnmatchedUploads"] == 1
    failed = run_task(client, job, "failed", "true", output_files=[never]).execution_info
    assert failed is not None
    assert failed.failure_info is not None
    assert (failed.exit_code, failed.result, failed.failure_info.code) == (0, "failure", "FileUploadMiscError")
    done = run_task(client, job, "done", "true", output_files=[never]).execution_info
    assert done is not None
    assert (done.exit_code, done.result, done.failure_info) == (0, "success", None)
    assert call(plain, "POST", "/_control/uploads", body={"unmatched": -1})[0] == 204
    for task in ("a", "b"):
        again = run_task(client, job, task, "true", output_files=[never]).execution_info
        assert again is not None
        assert again.result == "failure"
