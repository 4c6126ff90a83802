"""A Batch account, the storage account or the identity endpoint accepts connections and responds to nothing."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from shared.lifecycle.events import EVENT_TIMEOUT_SECONDS
from tests.support.stack_client import TIMEOUT_SECONDS, StackClient
from tests.support.two_accounts import TwoAccounts
from tests.support.waiting import wait_until_async

STATUS_LIMIT_SECONDS = 5.0
"""Of `GET status` and `GET status/{video}`."""
SLACK_SECONDS = 10.0
"""A busy machine takes longer than the limits of the app."""
SETTINGS = {"GIFDROP_GRACE_SECONDS": "3", "GIFDROP_RECONCILE_SCHEDULE": "*/5 * * * * *"}

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
async def accounts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TwoAccounts]:
    directory = tmp_path_factory.mktemp("silence")
    events = ["--time-scale", "0.1"]
    async with TwoAccounts(directory, settings=SETTINGS, events=events, fault_proxies=True) as accounts:
        yield accounts


@pytest.fixture(scope="module")
async def client(accounts: TwoAccounts) -> AsyncIterator[StackClient]:
    async with StackClient(accounts.stack.endpoints, accounts.stack.env) as client:
        yield client


async def push_event(accounts: TwoAccounts, client: StackClient, video: str) -> int:
    """The status code with which the app responds to an event in the time that it has for that."""
    key = json.loads(accounts.stack.layout.keys.read_text())["eventgrid"]
    async with asyncio.timeout(EVENT_TIMEOUT_SECONDS + SLACK_SECONDS):
        return await client.push_event(video, key=key)


async def get(client: StackClient, path: str) -> int:
    """The status code with which the API responds in the time that it has for that."""
    async with asyncio.timeout(STATUS_LIMIT_SECONDS + SLACK_SECONDS):
        return (await client.get(path))[0]


async def wait_for_gif(client: StackClient, name: str) -> None:
    """Wait for a GIF without asking for its video's status, which would complete the conversion."""
    await wait_until_async(lambda: client.gif(name), within=TIMEOUT_SECONDS, interval=0.3)


async def restart_app(accounts: TwoAccounts) -> None:
    """Start the app anew: it has no tokens and no connections, and tries the home account first."""
    await accounts.stack.kill("functions")
    await accounts.stack.restart("functions")


async def test_videos_are_converted_by_the_other_account_while_home_is_silent(
    accounts: TwoAccounts, client: StackClient, tiny_video: bytes, longer_video: bytes
) -> None:
    await client.drop("home.mp4", longer_video)

    async def at_home() -> bool:
        return await client.recorded_etag("home.mp4") is not None and bool((await client.record("home.mp4"))["job_id"])

    await wait_until_async(at_home, within=TIMEOUT_SECONDS)
    with accounts.stack.paused("batch"):
        await client.drop("away.mp4", tiny_video)
        accepted, listed, shown, shown_at_home = await asyncio.gather(
            push_event(accounts, client, "away.mp4"),
            get(client, "status"),
            get(client, "status/away.mp4"),
            get(client, "status/home.mp4"),
        )
        assert (accepted // 100, listed, shown_at_home) == (2, 200, 200)
        assert shown in (200, 404)  # its record may not be saved yet
        assert await client.recorded_etag("away.mp4")
        await wait_for_gif(client, "away.gif")
        assert (await client.record("away.mp4"))["batch_url"] == accounts.away_url
        assert await get(client, "status/away.mp4") == 200
    assert [status["state"] for status in await client.final_statuses("home.mp4", "away.mp4")] == ["succeeded"] * 2
    await client.wait_until_tasks_deleted()


async def test_list_has_the_videos_and_an_error_of_the_pool_while_batch_is_silent(
    accounts: TwoAccounts, client: StackClient
) -> None:
    await client.drop("listed.mp4", b"")
    await client.final_status("listed.mp4")

    async def pool_error() -> object:
        # What was read of the pool before counts for 5 s.
        async with asyncio.timeout(STATUS_LIMIT_SECONDS + SLACK_SECONDS):
            code, body = await client.get("status", prefix="listed")
        assert (code, [video["video"] for video in body["videos"]]) == (200, ["listed.mp4"])
        return body["pool"]["error"]

    with accounts.stack.paused("batch"):
        error = await wait_until_async(pool_error, within=TIMEOUT_SECONDS, interval=0.5)
    assert error == {"code": "BatchUnavailable", "message": "Batch does not respond within 2 s."}


async def test_new_version_is_accepted_while_the_account_of_the_older_one_is_silent(
    accounts: TwoAccounts, client: StackClient, tiny_video: bytes, longer_video: bytes
) -> None:
    await restart_app(accounts)
    await client.drop("versions.mp4", longer_video)

    async def at_home() -> bool:
        etag = await client.recorded_etag("versions.mp4")
        return etag is not None and bool((await client.record("versions.mp4"))["job_id"])

    await wait_until_async(at_home, within=TIMEOUT_SECONDS)
    with accounts.stack.paused("batch"):
        etag = await client.drop("versions.mp4", tiny_video)
        assert await push_event(accounts, client, "versions.mp4") // 100 == 2
        assert await client.recorded_etag("versions.mp4") == etag
    assert (await client.final_status("versions.mp4", etag=etag))["state"] == "succeeded"
    await client.wait_until_tasks_deleted()


async def test_event_is_delivered_again_after_storage_was_silent(
    accounts: TwoAccounts, client: StackClient, tiny_video: bytes
) -> None:
    with accounts.stack.paused("storage_proxy"):
        await client.drop("redelivered.mp4", tiny_video)
        pushed, listed, shown = await asyncio.gather(
            push_event(accounts, client, "redelivered.mp4"),
            get(client, "status"),
            get(client, "status/redelivered.mp4"),
        )
        assert (pushed, listed, shown) == (500, 503, 503)
        assert await client.recorded_etag("redelivered.mp4") is None
    await wait_for_gif(client, "redelivered.gif")


async def test_cached_tokens_outlast_the_silence_of_identity(
    accounts: TwoAccounts, client: StackClient, tiny_video: bytes
) -> None:
    assert await get(client, "status") == 200
    with accounts.stack.paused("identity_proxy"):
        await client.drop("cached.mp4", tiny_video)
        await wait_for_gif(client, "cached.gif")
        assert await get(client, "status") == 200


async def test_app_without_tokens_recovers_after_identity_was_silent(
    accounts: TwoAccounts, client: StackClient, tiny_video: bytes
) -> None:
    with accounts.stack.paused("identity_proxy"):
        await restart_app(accounts)
        await client.drop("recovered.mp4", tiny_video)
        assert (await get(client, "status"), await get(client, "status/recovered.mp4")) == (503, 503)
        assert await client.recorded_etag("recovered.mp4") is None
    await wait_for_gif(client, "recovered.gif")
    assert await get(client, "status") == 200
