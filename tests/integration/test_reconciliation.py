"""The reconciliation, on a stack that loses every event."""

from collections.abc import AsyncIterator

import pytest
from azure.batch.models import BatchJobDisableOptions, BatchNodeDisableSchedulingOptions

from local.stack import Stack
from tests.support.stack_client import TIMEOUT_SECONDS, StackClient
from tests.support.waiting import wait_until_async

SETTINGS = {
    "GIFDROP_GRACE_SECONDS": "1",
    "GIFDROP_RECONCILE_SCHEDULE": "*/2 * * * * *",
}


@pytest.fixture(scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StackClient]:
    """A client of a stack on which no event arrives."""
    directory = tmp_path_factory.mktemp("no-events")
    stack = Stack(directory=directory, settings=SETTINGS, arguments={"events": ["--drop", "1"]})
    async with stack, StackClient(stack.endpoints, stack.env) as client:
        yield client


async def test_video_without_an_event_is_converted(client: StackClient, tiny_video: bytes) -> None:
    await client.drop("lost.mp4", tiny_video)
    assert (await client.final_status("lost.mp4"))["state"] == "succeeded"


async def test_new_version_without_an_event_is_converted(client: StackClient, tiny_video: bytes) -> None:
    first = await client.drop("changed.mp4", b"not a video")
    assert (await client.final_status("changed.mp4", etag=first))["state"] == "failed"
    second = await client.drop("changed.mp4", tiny_video)
    assert (await client.final_status("changed.mp4", etag=second))["state"] == "succeeded"


async def test_changed_metadata_is_converted_again(client: StackClient, video: bytes) -> None:
    await client.drop("metadata.mp4", video)
    assert (await client.final_status("metadata.mp4"))["gif"]["width"] == 320
    blob = client.storage.get_blob_client("videos", "metadata.mp4")
    changed = await blob.set_blob_metadata({"gif_width": "100"})
    converted = await client.final_status("metadata.mp4", etag=str(changed["etag"]).strip('"'))
    assert converted["gif"]["width"] == 100


async def test_disabled_job_gets_no_new_tasks(client: StackClient, tiny_video: bytes) -> None:
    await client.drop("before.mp4", tiny_video)
    job = (await client.final_status("before.mp4"))["task"]["job_id"]
    poller = await client.batch.begin_disable_job(job, BatchJobDisableOptions(disable_tasks="requeue"))
    await poller.wait()
    await client.drop("after.mp4", tiny_video)
    after = await client.final_status("after.mp4")
    assert after["state"] == "succeeded"
    assert after["task"]["job_id"] != job


async def test_videos_of_a_deleted_job_are_converted(client: StackClient, tiny_video: bytes) -> None:
    names = [f"many/{number}.mp4" for number in range(6)]
    # No node runs tasks meanwhile, so that none completes before its job is deleted.
    nodes = [node.id async for node in client.batch.list_nodes("gifdrop")]
    assert nodes
    for node in nodes:
        options = BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="requeue")
        await client.batch.disable_node_scheduling("gifdrop", node, options)
    await client.drop_all(dict.fromkeys(names, tiny_video))

    async def all_queued() -> bool:
        return set(names) <= set(await client.videos_with_tasks())

    await wait_until_async(all_queued, within=TIMEOUT_SECONDS)
    async for job in client.batch.list_jobs(filter="state eq 'active'"):
        await (await client.batch.begin_delete_job(job.id, polling_interval=1)).wait()
    for node in nodes:
        await client.batch.enable_node_scheduling("gifdrop", node)
    assert [status["state"] for status in await client.final_statuses(*names)] == ["succeeded"] * 6


async def test_unreadable_record_is_replaced(client: StackClient, tiny_video: bytes) -> None:
    etag = await client.drop("damaged.mp4", tiny_video)
    await client.final_status("damaged.mp4", etag=etag)
    record = client.storage.get_blob_client("conversions", "damaged.mp4")
    await record.upload_blob(b"not a record", overwrite=True)
    assert (await client.final_status("damaged.mp4"))["state"] == "succeeded"
    assert await client.recorded_etag("damaged.mp4") == etag
