"""Events for blobs that are written with the unchanged SDK."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from azure.storage.blob import BlobBlock
from azure.storage.blob.aio import BlobServiceClient

from local.events.faults import Faults
from local.process import ServiceCrashedError
from local.resources import EVENTS_IDENTITY
from tests.local.account import Account
from tests.local.child_processes import running_service
from tests.local.webhook import Webhook, running_webhook
from tests.support.waiting import wait_until_async

PREFIX = "/blobServices/default/containers/videos/blobs/"


@pytest.fixture
async def hook() -> AsyncIterator[Webhook]:
    async with running_webhook() as hook:
        yield hook


@asynccontextmanager
async def sender(account: Account, hook: Webhook, tmp_path: Path, *arguments: str, folder: str) -> AsyncIterator[None]:
    """Run the sender for blobs in a folder of the container `videos`."""
    async with running_service(
        "events",
        *("--access-log", str(account.access_log), "--storage-url", account.url),
        *("--subject-begins-with", PREFIX + folder),
        *("--client-id", EVENTS_IDENTITY.client_id),
        *("--journal", str(tmp_path / "offset"), "--dead-letter-container", "deadletters"),
        *arguments,
        directory=tmp_path,
        environment=account.environment | {"EVENTS_WEBHOOK": hook.url},
    ):
        yield


async def test_upload_event_follows_event_grids_schema(
    account: Account, storage: BlobServiceClient, hook: Webhook, tmp_path: Path
) -> None:
    async with sender(account, hook, tmp_path, folder="schema/"):
        blob = storage.get_blob_client("videos", "schema/tom & jerry's Größe +%41.mp4")
        written = await blob.upload_blob(b"some bytes")
        [event] = await hook.wait_for(1)
    assert event["subject"] == PREFIX + "schema/tom & jerry's Größe +%41.mp4"
    assert event["eventType"] == "Microsoft.Storage.BlobCreated"
    assert event["data"]["api"] == "PutBlob"
    assert event["data"]["eTag"] == written["etag"].strip('"')
    assert event["data"]["contentLength"] == 10
    assert event["data"]["blobType"] == "BlockBlob"
    assert event["data"]["url"].startswith(f"{account.url}/videos/schema/tom%20")
    assert event.keys() == {
        *("topic", "subject", "eventType", "id", "eventTime", "data", "dataVersion", "metadataVersion")
    }
    assert hook.headers[0]["aeg-event-type"] == "Notification"
    assert hook.headers[0]["aeg-delivery-count"] == "0"


async def test_block_upload_and_copy_each_send_one_event_when_complete(
    account: Account, storage: BlobServiceClient, hook: Webhook, tmp_path: Path
) -> None:
    async with sender(account, hook, tmp_path, folder="whole/"):
        blocks = storage.get_blob_client("videos", "whole/blocks.mp4")
        await blocks.stage_block("MQ==", b"one")
        await blocks.commit_block_list([BlobBlock("MQ==")])
        await hook.wait_for(1)
        await storage.get_blob_client("videos", "whole/copy.mp4").start_copy_from_url(
            blocks.url, requires_sync=True, source_authorization=await bearer(storage)
        )
        first, second = await hook.wait_for(2)
    assert (first["data"]["api"], second["data"]["api"]) == ("PutBlockList", "CopyBlob")


async def bearer(storage: BlobServiceClient) -> str:
    token = await storage.credential.get_token("https://storage.azure.com/.default")
    return f"Bearer {token.token}"


async def test_only_new_blobs_under_the_prefix_send_events(
    account: Account, storage: BlobServiceClient, hook: Webhook, tmp_path: Path
) -> None:
    async with sender(account, hook, tmp_path, folder="only/"):
        inside = storage.get_blob_client("videos", "only/a.mp4")
        await storage.get_blob_client("videos", "elsewhere/b.mp4").upload_blob(b"x")
        await inside.upload_blob(b"x")
        await hook.wait_for(1)
        await inside.set_blob_metadata({"gif_width": "100"})
        await inside.get_blob_properties()
        await inside.delete_blob()
        await storage.get_blob_client("videos", "only/last.mp4").upload_blob(b"x")
        await hook.wait_for(2)
    assert hook.subjects() == ["only/a.mp4", "only/last.mp4"]


async def test_failed_delivery_is_retried_and_a_permanent_failure_is_dead_lettered(
    account: Account, storage: BlobServiceClient, hook: Webhook, tmp_path: Path
) -> None:
    hook.statuses = [500, 503, 429, 400]
    async with sender(account, hook, tmp_path, "--time-scale", "0.001", folder="again/"):
        await storage.get_blob_client("videos", "again/tom.mp4").upload_blob(b"x")
        events = await hook.wait_for(4)
        letters = storage.get_container_client("deadletters")

        async def names() -> list[str]:
            return [blob.name async for blob in letters.list_blobs()]

        found: list[str] = await wait_until_async(names)
    assert len({event["id"] for event in events}) == 1
    assert [headers["aeg-delivery-count"] for headers in hook.headers] == ["0", "1", "2", "3"]
    [letter] = json.loads(await (await letters.download_blob(found[0])).readall())
    assert letter["subject"] == PREFIX + "again/tom.mp4"
    assert letter["deadLetterReason"] == "UndeliverableDueToHttpBadRequest"
    assert (letter["deliveryAttempts"], letter["lastHttpStatusCode"]) == (4, 400)


async def test_restarted_sender_sends_events_from_its_downtime(
    account: Account, storage: BlobServiceClient, hook: Webhook, tmp_path: Path
) -> None:
    async with sender(account, hook, tmp_path, folder="down/"):
        await storage.get_blob_client("videos", "down/1.mp4").upload_blob(b"x")
        await hook.wait_for(1)
    await storage.get_blob_client("videos", "down/2.mp4").upload_blob(b"x")
    async with sender(account, hook, tmp_path, folder="down/"):
        await hook.wait_for(2)
    assert hook.subjects() == ["down/1.mp4", "down/2.mp4"]


async def test_fault_injection_loses_and_duplicates_the_same_events_for_a_seed(
    account: Account, storage: BlobServiceClient, hook: Webhook, tmp_path: Path
) -> None:
    faults = ("--drop", "0.4", "--double", "0.5", "--seed", "7")
    names = [f"faulty/{number}.mp4" for number in range(20)]
    async with sender(account, hook, tmp_path, *faults, folder="faulty/"):
        for name in names:
            await storage.get_blob_client("videos", name).upload_blob(b"x")
        await storage.get_blob_client("videos", "faulty/last").upload_blob(b"x")
        await hook.wait_for(1)
        plan = Faults(drop=0.4, double=0.5, seed=7)
        expected = {name: plan.copies(PREFIX + name, occurrence=1) for name in [*names, "faulty/last"]}
        await hook.wait_for(sum(expected.values()))
    assert {name: hook.subjects().count(name) for name in expected} == expected
    assert set(expected.values()) == {0, 1, 2}


async def test_sender_exits_when_the_validation_handshake_fails(
    account: Account, hook: Webhook, tmp_path: Path
) -> None:
    hook.url += "-that-is-not-there"
    with pytest.raises(ServiceCrashedError, match="returned 404 to the validation"):
        async with sender(account, hook, tmp_path, folder="never/"):
            pass
