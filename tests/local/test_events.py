"""Events for blobs that are written with the unchanged SDK."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote

import aiohttp
import pytest
from azure.storage.blob import BlobBlock
from azure.storage.blob.aio import BlobServiceClient

from local.events.faults import Faults
from local.events.schema import CREATED, DIRECTORY_CREATED
from local.events.subscription import subscriptions_from_json
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


@pytest.fixture
async def other_hook() -> AsyncIterator[Webhook]:
    async with running_webhook() as hook:
        yield hook


@asynccontextmanager
async def senders(
    account: Account, tmp_path: Path, *arguments: str, subscriptions: list[dict[str, object]]
) -> AsyncIterator[str]:
    """Run the sender for some subscriptions; yields the URL of its control endpoint."""
    async with running_service(
        "events",
        *("--access-log", str(account.access_log), "--storage-url", account.url),
        *("--client-id", EVENTS_IDENTITY.client_id, "--journal", str(tmp_path / "offset")),
        *arguments,
        directory=tmp_path,
        environment=account.environment | {"EVENTS_SUBSCRIPTIONS": json.dumps(subscriptions)},
    ) as started:
        yield started["url"]


@asynccontextmanager
async def sender(
    account: Account, hook: Webhook, tmp_path: Path, *arguments: str, folder: str, **fields: object
) -> AsyncIterator[None]:
    """Run the sender for one subscription, to blobs in a folder of the container `videos`."""
    subscription = {
        "name": "on-video",
        "webhook": hook.url,
        "subject_begins_with": PREFIX + folder,
        "dead_letter_container": "deadletters",
        **fields,
    }
    async with senders(account, tmp_path, *arguments, subscriptions=[subscription]):
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


async def test_subject_holds_the_name_as_it_is_and_the_url_holds_it_encoded(
    account: Account, storage: BlobServiceClient, hook: Webhook, tmp_path: Path
) -> None:
    names = ["100%25 #1?.mp4", "a+b&c=d;e.mp4", "a./b.mp4.", 'it\'s "x".mp4', "größe/☃ 雪.mp4"]
    async with sender(account, hook, tmp_path, folder="names/"):
        for count, name in enumerate(names, start=1):
            await storage.get_blob_client("videos", f"names/{name}").upload_blob(b"x")
            event = (await hook.wait_for(count))[-1]
            assert event["subject"] == f"{PREFIX}names/{name}"
            assert unquote(event["data"]["url"]) == f"{account.url}/videos/names/{name}"
            assert not set(event["data"]["url"].removeprefix(account.url)) & set(' #?+"')


async def test_backslash_in_a_name_becomes_a_slash_as_in_the_stored_name(
    account: Account, storage: BlobServiceClient, hook: Webhook, tmp_path: Path
) -> None:
    async with sender(account, hook, tmp_path, folder="backslash/"):
        await storage.get_blob_client("videos", "backslash/a\\b.mp4").upload_blob(b"x")
        [event] = await hook.wait_for(1)
    assert event["subject"] == f"{PREFIX}backslash/a/b.mp4"
    found = storage.get_container_client("videos").list_blobs(name_starts_with="backslash/")
    assert [blob.name async for blob in found] == ["backslash/a/b.mp4"]


@pytest.mark.parametrize(
    ("interface", "apis", "directory", "version"),
    [
        ("dfs", ["CreateFile", "FlushWithClose"], "CreateDirectory", "2"),
        ("sftp", ["SftpCreate", "SftpCommit"], "SftpMakeDir", "3"),
    ],
)
async def test_uploads_through_data_lake_and_sftp_are_created_empty_and_then_completed(
    account: Account,
    storage: BlobServiceClient,
    hook: Webhook,
    tmp_path: Path,
    interface: str,
    apis: list[str],
    directory: str,
    version: str,
) -> None:
    fields = {"event_types": [CREATED, DIRECTORY_CREATED], "apis": apis}
    async with sender(account, hook, tmp_path, "--interface", interface, folder=f"{interface}/", **fields):
        await storage.get_blob_client("videos", f"{interface}/a.mp4").upload_blob(b"some bytes")
        await hook.wait_for(2)
        folder = storage.get_blob_client("videos", f"{interface}/folder.mp4")
        await folder.upload_blob(b"", metadata={"hdi_isfolder": "true"})
        opened, completed, made = await hook.wait_for(3)
    assert [event["data"]["api"] for event in (opened, completed, made)] == [*apis, directory]
    assert [event["eventType"] for event in (opened, completed, made)] == [CREATED, CREATED, DIRECTORY_CREATED]
    assert [event["data"]["contentLength"] for event in (opened, completed)] == [0, 10]
    assert (opened["dataVersion"], completed["dataVersion"]) == (version, version)
    assert opened["id"] != completed["id"]
    assert opened["data"]["sequencer"] < completed["data"]["sequencer"]
    assert ("identity" in made["data"]) == (interface == "sftp")


@pytest.mark.parametrize(("interface", "api"), [("dfs", "FlushWithClose"), ("sftp", "SftpCommit")])
async def test_default_subscription_delivers_only_complete_blobs(
    account: Account, storage: BlobServiceClient, hook: Webhook, tmp_path: Path, interface: str, api: str
) -> None:
    async with sender(account, hook, tmp_path, "--interface", interface, folder=f"{interface}-default/"):
        for name, metadata in (("folder.mp4", {"hdi_isfolder": "true"}), ("a.mp4", {}), ("b.mp4", {})):
            await storage.get_blob_client("videos", f"{interface}-default/{name}").upload_blob(b"x", metadata=metadata)
        await hook.wait_for(2)
    assert sorted(hook.subjects()) == [f"{interface}-default/a.mp4", f"{interface}-default/b.mp4"]
    assert {event["data"]["api"] for event in hook.received} == {api}


async def test_folder_written_by_the_blob_api_is_reported_as_a_blob(
    account: Account, storage: BlobServiceClient, hook: Webhook, tmp_path: Path
) -> None:
    async with sender(account, hook, tmp_path, folder="folder/"):
        await storage.get_blob_client("videos", "folder/a").upload_blob(b"", metadata={"hdi_isfolder": "true"})
        [event] = await hook.wait_for(1)
    assert (event["eventType"], event["data"]["api"], event["data"]["contentLength"]) == (CREATED, "PutBlob", 0)


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


def result_subscriptions(videos: Webhook, results: Webhook, folder: str) -> list[dict[str, object]]:
    return [
        {
            "name": "on-video",
            "webhook": videos.url,
            "subject_begins_with": PREFIX + folder,
            "subject_ends_with": ".mp4",
        },
        {
            "name": "on-result",
            "webhook": results.url,
            "subject_begins_with": PREFIX + folder,
            "subject_ends_with": "/result.json",
            "dead_letter_container": "deadletters",
        },
    ]


async def test_each_subscription_gets_the_events_that_pass_its_filters(
    account: Account, storage: BlobServiceClient, hook: Webhook, other_hook: Webhook, tmp_path: Path
) -> None:
    subscriptions = result_subscriptions(hook, other_hook, "two/")
    everything: dict[str, object] = {
        "name": "everything",
        "webhook": hook.url,
        "subject_begins_with": PREFIX + "two/all/",
    }
    async with senders(account, tmp_path, subscriptions=[*subscriptions, everything]):
        for name in ("two/a/out.gif", "two/a/result.json", "two/Tom.MP4", "two/result.json.txt", "two/all/b.mp4"):
            await storage.get_blob_client("videos", name).upload_blob(b"x")
        both = await hook.wait_for(3)
        await other_hook.wait_for(1)
    assert sorted(hook.subjects()) == ["two/Tom.MP4", "two/all/b.mp4", "two/all/b.mp4"]
    assert other_hook.subjects() == ["two/a/result.json"]
    assert len({event["id"] for event in both}) == 2
    names = {headers["aeg-subscription-name"] for headers in hook.headers}
    assert names == {"ON-VIDEO", "EVERYTHING"}
    assert {headers["aeg-subscription-name"] for headers in other_hook.headers} == {"ON-RESULT"}


async def test_failing_subscription_retries_and_dead_letters_without_delaying_another(
    account: Account, storage: BlobServiceClient, hook: Webhook, other_hook: Webhook, tmp_path: Path
) -> None:
    other_hook.statuses = [500] * 3
    subscriptions = result_subscriptions(hook, other_hook, "apart/")
    subscriptions[1]["max_attempts"] = 2
    letters = storage.get_container_client("deadletters")
    async with senders(account, tmp_path, "--time-scale", "0.001", subscriptions=subscriptions):
        await storage.get_blob_client("videos", "apart/a/result.json").upload_blob(b"x")
        await storage.get_blob_client("videos", "apart/a.mp4").upload_blob(b"x")
        await hook.wait_for(1)
        await other_hook.wait_for(2)

        async def names() -> list[str]:
            return [blob.name async for blob in letters.list_blobs(name_starts_with="ON-RESULT/")]

        found: list[str] = await wait_until_async(names)
    [letter] = json.loads(await (await letters.download_blob(found[0])).readall())
    assert letter["subject"] == PREFIX + "apart/a/result.json"
    assert (letter["deadLetterReason"], letter["deliveryAttempts"]) == ("MaxDeliveryAttemptsExceeded", 2)
    assert (len(hook.received), len(other_hook.received)) == (1, 2)


async def test_faults_of_one_subscription_leave_the_others_alone(
    account: Account, storage: BlobServiceClient, hook: Webhook, other_hook: Webhook, tmp_path: Path
) -> None:
    subscriptions = result_subscriptions(hook, other_hook, "lost/")
    faults = ("--drop", "0", "--drop", "on-result=1", "--double", "on-video=1")
    async with (
        senders(account, tmp_path, *faults, subscriptions=subscriptions) as url,
        aiohttp.ClientSession(headers={"X-IDENTITY-HEADER": account.environment["IDENTITY_HEADER"]}) as session,
    ):
        for name in ("lost/a/result.json", "lost/a.mp4"):
            await storage.get_blob_client("videos", name).upload_blob(b"x")
        await hook.wait_for(2)
        async with session.put(f"{url}/faults/on-result", json={}) as response:
            assert response.status == 200
        await storage.get_blob_client("videos", "lost/b/result.json").upload_blob(b"x")
        await other_hook.wait_for(1)
        async with session.put(f"{url}/faults", json={"drop": 1}) as response:
            assert response.status == 200
        async with session.put(f"{url}/faults/unknown", json={"drop": 1}) as response:
            assert response.status == 404
        async with session.get(url) as response:
            state = (await response.json())["subscriptions"]
    assert hook.subjects() == ["lost/a.mp4"] * 2
    assert other_hook.subjects() == ["lost/b/result.json"]
    assert state["on-result"]["counts"] == {"events": 2, "dropped": 1, "doubled": 0, "delivered": 1}
    assert [state[name]["faults"]["drop"] for name in ("on-video", "on-result")] == [1, 1]


async def test_sender_exits_when_one_validation_handshake_fails(
    account: Account, hook: Webhook, other_hook: Webhook, tmp_path: Path
) -> None:
    other_hook.url += "-that-is-not-there"
    with pytest.raises(ServiceCrashedError, match="on-result: the webhook returned 404 to the validation"):
        async with senders(account, tmp_path, subscriptions=result_subscriptions(hook, other_hook, "never/")):
            pass


async def test_sender_rejects_faults_of_an_unknown_subscription(
    account: Account, hook: Webhook, tmp_path: Path
) -> None:
    with pytest.raises(ServiceCrashedError, match="no subscription 'on-vidoe'; there are: on-video"):
        async with sender(account, hook, tmp_path, "--drop", "on-vidoe=1", folder="never/"):
            pass


@pytest.mark.parametrize("text", ["1", "[1]", '[{"name": "a"}]', '[{"name": "a", "webhook": "b", "wrong": 1}]', "x"])
def test_invalid_subscriptions_raise_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid subscription|Expecting value"):
        subscriptions_from_json(text)


def test_subscriptions_of_one_name_raise_value_error() -> None:
    with pytest.raises(ValueError, match="names"):
        subscriptions_from_json(json.dumps([{"name": "a", "webhook": "http://127.0.0.1"}] * 2))
