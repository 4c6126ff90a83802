"""Invalid and unsupported requests are refused."""

from __future__ import annotations

import datetime as dt
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from batch_emulator.autoscale import FormulaError, Situation, evaluate
from support.emulators import Emulator, call
from support.resources import pool_options, run_task
from support.waiting import wait_until

if TYPE_CHECKING:
    from azure.batch import BatchClient

TASK: dict[str, Any] = {"id": "t", "commandLine": "true"}
CONTAINER = {"containerSettings": {"imageName": "x"}}
SCHEDULE = {"id": "s", "jobSpecification": {"poolInfo": {"poolId": "validation"}}}
JOB = {"id": "j", "poolInfo": {"poolId": "validation"}}
OUTPUT = {"filePattern": "*", "destination": {}, "uploadOptions": {"uploadCondition": "tasksuccess"}}
POOL: dict[str, Any] = pool_options("p", target_dedicated_nodes=0).as_dict()
MACHINE = POOL["virtualMachineConfiguration"]
OTHER_SUBNET = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/test"
    "/providers/Microsoft.Network/virtualNetworks/vnet1/subnets/subnet1"
)
"""In a subscription that is not the account's."""


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/jobs", b'{"id": "j", "displayName": "\\ud800", "poolInfo": {"poolId": "validation"}}', "InvalidRequestBody"),
        ("/jobs", b'{"id": "j", "displayName": "\xed\xa0\x80", "poolInfo": {}}', "InvalidRequestBody"),
        ("/jobs", JOB | {"id": "d\n"}, "InvalidPropertyValue"),
        ("/jobs", JOB | {"jobPreparationTask": {"commandLine": "true"} | CONTAINER}, "OperationNotSupported"),
        ("/jobschedules", SCHEDULE | {"schedule": {"doNotRunUntil": 20261121}}, "InvalidPropertyValue"),
        (
            "/jobschedules",
            SCHEDULE | {"schedule": {"doNotRunUntil": "9999-12-31T23:59:59-14:00"}},
            "InvalidPropertyValue",
        ),
        ("/pools", POOL | {"certificateReferences": [{"thumbprint": "x"}]}, "OperationNotSupported"),
        ("/pools", POOL | {"startTask": {"commandLine": "true"} | CONTAINER}, "OperationNotSupported"),
        ("/jobs/{job}/tasks", TASK | {"outputFiles": [OUTPUT]}, "MissingRequiredProperty"),
        ("/jobs/{job}/tasks", TASK | {"authenticationTokenSettings": {"access": ["pool"]}}, "InvalidPropertyValue"),
        ("/pools", POOL | {"cloudServiceConfiguration": {"osFamily": "5"}}, "OperationNotSupported"),
        ("/pools", POOL | {"virtualMachineConfiguration": MACHINE | {"nodeAgentSKUId": "x"}}, "InvalidPropertyValue"),
        (
            "/pools",
            POOL | {"virtualMachineConfiguration": MACHINE | {"nodeAgentSKUId": "batch.node.windows amd64"}},
            "InvalidPropertyValue",
        ),
        (
            "/pools",
            POOL | {"virtualMachineConfiguration": MACHINE | {"imageReference": {"virtualMachineImageId": "/x"}}},
            "InvalidPropertyValue",
        ),
        ("/pools", POOL | {"networkConfiguration": {"subnetId": "subnet1"}}, "InvalidPropertyValue"),
        ("/pools", POOL | {"networkConfiguration": {"subnetId": OTHER_SUBNET}}, "InvalidPropertyValue"),
    ],
)
def test_invalid_body_is_refused(plain: Emulator, job: str, path: str, body: object, code: str) -> None:
    status, _, answer = call(plain, "POST", path.format(job=job), body=body)
    assert (status, answer["code"]) == (400, code)


def test_text_beyond_ascii_is_returned_unchanged(plain: Emulator, job: str) -> None:
    assert call(plain, "PATCH", f"/jobs/{job}", body={"metadata": [{"name": "n", "value": "é😀"}]})[0] == 200
    assert call(plain, "GET", f"/jobs/{job}")[2]["metadata"][0]["value"] == "é😀"


@pytest.mark.parametrize("query", ["$orderby=id", "foo=bar", "$expand=bogus"])
@pytest.mark.parametrize("path", ["/jobs", "/jobs/{job}"])
def test_unknown_query_parameter_is_refused(plain: Emulator, job: str, path: str, query: str) -> None:
    status, _, answer = call(plain, "GET", f"{path.format(job=job)}?{query}")
    assert (status, answer["code"]) == (400, "InvalidQueryParameterValue")
    assert call(plain, "GET", f"{path.format(job=job)}?$expand=stats&timeOut=30")[0] == 200


@pytest.mark.parametrize("proof", ["SharedKey devbatchaccount:é", "SharedKey é:x", "Bearer é", "é é"])
def test_credentials_beyond_ascii_are_refused(plain: Emulator, proof: str) -> None:
    headers = {"Authorization": proof, "ocp-date": formatdate(usegmt=True)}
    status, _, answer = call(plain, "GET", "/jobs", headers=headers)
    assert (status // 100, answer["code"]) == (4, "AuthenticationFailed")


def test_formula_whose_result_cannot_be_written_is_a_formula_error() -> None:
    with pytest.raises(FormulaError):
        evaluate(
            "x = TimeInterval_Year * 1e300 * 1e300; $TargetDedicatedNodes = 0;", Situation(now=dt.datetime.now(dt.UTC))
        )


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_file_requests_obey_preconditions(plain: Emulator, client: BatchClient, job: str, method: str) -> None:
    run_task(client, job, "t", "true")
    path = f"/jobs/{job}/tasks/t/files/stderr.txt"
    early, late = "Sat, 01 Jan 2000 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    for name, when, status in (
        ("If-Modified-Since", late, 304),
        ("If-Modified-Since", early, 200),
        ("If-Unmodified-Since", early, 412),
        ("If-Unmodified-Since", late, 200),
    ):
        assert call(plain, method, path, headers={name: when})[0] == status


def test_files_are_listed_while_directories_are_created_and_removed(
    plain: Emulator, client: BatchClient, job: str
) -> None:
    churn = "/bin/bash -c 'touch here; while :; do mkdir -p a/b/c/d; rm -r a; done'"
    call(plain, "POST", f"/jobs/{job}/tasks", body={"id": "t", "commandLine": churn})
    wait_until(lambda: client.get_task(job, "t").state == "running")
    path = f"/jobs/{job}/tasks/t/files?recursive=true"
    assert {call(plain, "GET", path)[0] for _ in range(200)} == {200}
    wait_until(lambda: "wd/here" in {each["name"] for each in call(plain, "GET", path)[2]["value"]})
    client.terminate_task(job, "t")
