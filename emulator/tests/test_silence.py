"""Fault injection: requests without a response, and responses that are late, slow or incomplete."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ServiceResponseError

from support.emulators import Emulator, call, emulator
from support.faults import RawCall, control_state, inject, lift
from support.resources import run_task
from support.waiting import wait_until

if TYPE_CHECKING:
    from azure.batch import BatchClient

pytestmark = pytest.mark.usefixtures("clear_faults")


def create_job(plain: Emulator, name: str, pool: str) -> RawCall:
    return RawCall(plain, "POST", "/jobs", body={"id": name, "poolInfo": {"poolId": pool}})


def job_exists(plain: Emulator, name: str) -> bool:
    return call(plain, "GET", f"/jobs/{name}")[0] == 200


def wait_for_waiting_requests(plain: Emulator, count: int) -> None:
    wait_until(lambda: control_state(plain)["waitingRequests"] == count)


def test_silent_call_has_no_response_and_no_effect_when_the_client_disconnects(
    plain: Emulator, pool: str, name: str
) -> None:
    inject(plain, operation="create_job", silent=True)
    with create_job(plain, name, pool) as request:
        assert request.is_silent()
    wait_for_waiting_requests(plain, 0)
    assert not job_exists(plain, name)
    lift(plain)
    assert not job_exists(plain, name)


def test_client_with_a_read_timeout_gives_up_on_a_silent_call(plain: Emulator) -> None:
    inject(plain, operation="get_job", silent=True, times=-1)
    with plain.client(read_timeout=0.3, retry_total=0) as client, pytest.raises(ServiceResponseError):
        client.get_job("any")


def test_silent_call_is_served_when_all_faults_are_lifted(plain: Emulator, pool: str, name: str) -> None:
    inject(plain, operation="create_job", silent=True)
    with create_job(plain, name, pool) as request:
        wait_for_waiting_requests(plain, 1)
        lift(plain)
        assert request.read().status == 201
    assert job_exists(plain, name)


def test_silent_call_is_served_when_its_fault_is_lifted_by_name(plain: Emulator, pool: str, name: str) -> None:
    inject(plain, name="first", operation="create_job", silent=True, times=-1)
    inject(plain, name="second", operation="get_job", silent=True, times=-1)
    with create_job(plain, name, pool) as created, RawCall(plain, "GET", "/jobs/any") as other:
        wait_for_waiting_requests(plain, 2)
        lift(plain, "first")
        assert created.read().status == 201
        assert other.is_silent()
        assert [fault["name"] for fault in control_state(plain)["faults"]] == ["second"]


def test_silence_with_a_duration_ends_by_itself(plain: Emulator, pool: str, name: str) -> None:
    inject(plain, operation="*", silent=True, seconds=1)
    with create_job(plain, name, pool) as first, RawCall(plain, "GET", "/jobs") as second:
        assert (first.read().status, second.read().status) == (201, 200)
    assert control_state(plain)["faults"] == []


def test_emulator_with_waiting_requests_stops_and_closes_their_connections() -> None:
    with emulator("--control") as started:
        inject(started, operation="get_job", silent=True, times=-1)
        inject(started, operation="list_jobs", pace=3600)
        inject(started, operation="create_job", respondAfter=3600)
        inject(started, operation="list_pools", delay=3600)
        with (
            RawCall(started, "GET", "/jobs/any") as silent,
            RawCall(started, "GET", "/jobs") as slow,
            create_job(started, "j", "p") as late,
            RawCall(started, "GET", "/pools") as delayed,
        ):
            wait_for_waiting_requests(started, 4)
            assert started.stop() == 0
            for request in (silent, late, delayed):
                response = request.read()
                assert (response.pieces, response.closed) == ([], True)
            assert slow.read().closed


def test_paced_response_arrives_in_pieces_with_its_headers(plain: Emulator, job: str) -> None:
    # An empty list: that of all jobs grows with every test, to more than a minute's worth of bytes.
    inject(plain, operation="list_tasks", pace=0.002)
    with RawCall(plain, "GET", f"/jobs/{job}/tasks") as request:
        response = request.read()
    assert response.status == 200
    assert "value" in json.loads(response.body)
    assert len(response.pieces[0]) < len("HTTP/1.1 200 OK\r\n")
    assert len(response.pieces) > 20


def test_rest_of_a_paced_response_arrives_when_the_fault_is_lifted(plain: Emulator) -> None:
    inject(plain, operation="list_jobs", pace=3600)
    with RawCall(plain, "GET", "/jobs") as request:
        wait_for_waiting_requests(plain, 1)
        lift(plain)
        assert "value" in json.loads(request.read().body)


@pytest.mark.parametrize("count", [0, 7])
def test_truncated_response_ends_within_its_body(plain: Emulator, count: int) -> None:
    inject(plain, operation="list_jobs", truncate=count)
    with RawCall(plain, "GET", "/jobs") as request:
        response = request.read()
    assert (response.status, len(response.body), response.closed) == (200, count, True)
    assert response.content_length > count


def test_download_of_a_file_can_be_truncated(plain: Emulator, client: BatchClient, job: str) -> None:
    run_task(client, job, "t", "echo 0123456789")
    inject(plain, operation="download_task_file", truncate=4)
    with RawCall(plain, "GET", f"/jobs/{job}/tasks/t/files/stdout.txt") as request:
        response = request.read()
    assert (response.content_length, response.body, response.closed) == (11, b"0123", True)


def test_late_response_has_its_effect_before_the_client_gives_up(plain: Emulator, pool: str, name: str) -> None:
    inject(plain, operation="create_job", respondAfter=3600)
    options = models.BatchJobCreateOptions(id=name, pool_info=models.BatchPoolInfo(pool_id=pool))
    with plain.client(read_timeout=0.3, retry_total=0) as client, pytest.raises(ServiceResponseError):
        client.create_job(options)
    assert job_exists(plain, name)


def test_late_response_arrives(plain: Emulator, pool: str, name: str) -> None:
    inject(plain, operation="create_job", respondAfter=0.5)
    with create_job(plain, name, pool) as request:
        wait_until(lambda: job_exists(plain, name))
        assert request.read().status == 201


def test_refusal_can_be_late(plain: Emulator, client: BatchClient, name: str) -> None:
    inject(plain, operation="get_job", status=409, code="JobDisabled", respondAfter=0.2)
    with pytest.raises(HttpResponseError) as refused:
        client.get_job(name)
    assert refused.value.status_code == 409
