"""The fixtures for other projects' tests, and the documented use within a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.batch import BatchClient
from azure.batch.aio import BatchClient as AsyncBatchClient
from azure.core.exceptions import HttpResponseError

from batch_emulator.options import Options
from batch_emulator.server import running
from support.resources import file_text, make_job, make_pool, run_task

if TYPE_CHECKING:
    from batch_emulator.pytest_plugin import AsyncBatchAccount, BatchAccount


@pytest.mark.parametrize("turn", [1, 2])
def test_account_is_empty_in_each_test(batch_account: BatchAccount, turn: int) -> None:
    with BatchClient(batch_account.url, batch_account.credential) as client:
        assert list(client.list_pools()) == []
        job = make_job(client, "j", make_pool(client, "p"))
        run_task(client, job, "t", f"echo {turn}")
        assert file_text(client, job, "t", "stdout.txt") == f"{turn}\n"


def test_faults_are_injected_and_lifted(batch_account: BatchAccount) -> None:
    with BatchClient(batch_account.url, batch_account.credential, retry_total=0) as client:
        batch_account.faults.inject(operation="get_job", status=503, times=-1, name="busy")
        with pytest.raises(HttpResponseError) as refused:
            client.get_job("none")
        assert refused.value.status_code == 503
        assert [each["name"] for each in batch_account.faults.state()["faults"]] == ["busy"]
        batch_account.faults.lift("busy")
        with pytest.raises(HttpResponseError) as missing:
            client.get_job("none")
        assert missing.value.status_code == 404
        pool = make_pool(client, "p")
        (node,) = client.list_nodes(pool)
        batch_account.faults.preempt_node(pool, node.id)
        assert client.get_node(pool, node.id).state == "preempted"


async def test_account_for_asynchronous_tests(async_batch_account: AsyncBatchAccount) -> None:
    async with AsyncBatchClient(async_batch_account.url, async_batch_account.credential, retry_total=0) as client:
        await async_batch_account.faults.inject(operation="list_jobs", code="TooManyRequests")
        with pytest.raises(HttpResponseError):
            [job async for job in client.list_jobs()]
        assert [job async for job in client.list_jobs()] == []
        await async_batch_account.faults.reset()
        assert (await async_batch_account.faults.state())["faults"] == []


async def test_emulator_runs_within_a_process() -> None:
    async with running(Options(port=0)) as emulator:
        assert emulator.url.startswith("http://127.0.0.1:")
        assert emulator.key
