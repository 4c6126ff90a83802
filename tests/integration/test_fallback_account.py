"""A fallback Batch account accepts tasks when the home account does not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.stack_client import StackClient
from tests.support.two_accounts import TwoAccounts
from tests.support.waiting import wait_until_async


@pytest.fixture
async def accounts(tmp_path: Path) -> AsyncIterator[TwoAccounts]:
    async with TwoAccounts(tmp_path, settings={"GIFDROP_GRACE_SECONDS": "3"}) as accounts:
        yield accounts


@pytest.mark.timeout(240)
async def test_tasks_go_to_the_fallback_while_home_is_down_or_full(accounts: TwoAccounts, tiny_video: bytes) -> None:
    stack = accounts.stack
    async with StackClient(stack.endpoints, stack.env) as client:

        async def account_of(name: str) -> str:
            """The Batch account that converts a new video."""
            await client.drop(name, tiny_video)
            assert (await client.final_status(name))["state"] == "succeeded"
            return str((await client.record(name))["batch_url"])

        assert await account_of("home.mp4") == stack.env["GIFDROP_BATCH_URL"]

        await stack.kill("batch")
        assert await account_of("down.mp4") == accounts.away_url

        await stack.restart("batch")
        # A running app tries an account that failed last for a while; a new host tries it first.
        await stack.kill("functions")
        await stack.restart("functions")
        assert await account_of("back.mp4") == stack.env["GIFDROP_BATCH_URL"]

        url = f"{client.endpoints['batch']}/_control/quota"
        headers = await client.control_headers()
        async with client.http.post(url, json={"activeJobs": 0}, headers=headers, ssl=client.tls) as response:
            assert response.status == 204
        async for job in client.batch.list_jobs():
            await client.batch.begin_delete_job(job.id)

        async def jobs_deleted() -> bool:
            return not [job async for job in client.batch.list_jobs()]

        await wait_until_async(jobs_deleted)
        assert await account_of("full.mp4") == accounts.away_url
