"""What events, crashes and hands have missed is made up for, on a stack that loses every event."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from azure.batch.models import BatchJobDisableOptions, BatchNodeDisableSchedulingOptions

from local.stack import Stack
from tests.integration.kit import Person

SETTINGS = {
    "GIFDROP_GRACE_SECONDS": "1",
    "GIFDROP_ORPHAN_SECONDS": "1",
    "GIFDROP_RECONCILE_SCHEDULE": "*/2 * * * * *",
}


@pytest.fixture(scope="module")
async def forgetful(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Person]:
    """A person with a stack on which no event ever arrives."""
    directory = tmp_path_factory.mktemp("forgetful")
    stack = Stack(directory=directory, settings=SETTINGS, arguments={"events": ["--drop", "1"]})
    async with stack, Person(stack.endpoints, stack.env) as person:
        yield person


async def test_a_video_whose_event_was_lost_is_converted(forgetful: Person, video: bytes) -> None:
    await forgetful.drop("lost.mp4", video)
    assert (await forgetful.ended("lost.mp4"))["state"] == "succeeded"


async def test_a_new_version_whose_event_was_lost_is_converted(forgetful: Person, video: bytes) -> None:
    first = await forgetful.drop("changed.mp4", b"no video")
    assert (await forgetful.ended("changed.mp4", etag=first))["state"] == "failed"
    second = await forgetful.drop("changed.mp4", video)
    assert (await forgetful.ended("changed.mp4", etag=second))["state"] == "succeeded"


async def test_new_metadata_on_an_old_video_is_new_work(forgetful: Person, video: bytes) -> None:
    await forgetful.drop("redone.mp4", video)
    assert (await forgetful.ended("redone.mp4"))["gif"]["width"] == 320
    blob = forgetful.storage.get_blob_client("videos", "redone.mp4")
    changed = await blob.set_blob_metadata({"gif_width": "100"})
    again = await forgetful.ended("redone.mp4", etag=str(changed["etag"]).strip('"'))
    assert again["gif"]["width"] == 100


async def test_work_does_not_wait_in_a_job_disabled_by_hand(forgetful: Person, video: bytes) -> None:
    await forgetful.drop("before.mp4", video)
    job = (await forgetful.ended("before.mp4"))["task"]["job_id"]
    poller = await forgetful.batch.begin_disable_job(job, BatchJobDisableOptions(disable_tasks="requeue"))
    await poller.wait()
    await forgetful.drop("after.mp4", video)
    after = await forgetful.ended("after.mp4")
    assert after["state"] == "succeeded"
    assert after["task"]["job_id"] != job


async def test_a_deleted_job_takes_no_video_with_it(forgetful: Person, video: bytes) -> None:
    names = [f"many/{number}.mp4" for number in range(6)]
    # Nobody works meanwhile, so that not one has ended before its job is gone.
    nodes = [node.id async for node in forgetful.batch.list_nodes("gifdrop")]
    assert nodes
    for node in nodes:
        how = BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="requeue")
        await forgetful.batch.disable_node_scheduling("gifdrop", node, how)
    for name in names:
        await forgetful.drop(name, video)
    while not set(names) <= set(await forgetful.tasks()):
        await asyncio.sleep(0.05)
    async for job in forgetful.batch.list_jobs(filter="state eq 'active'"):
        await (await forgetful.batch.begin_delete_job(job.id, polling_interval=1)).wait()
    for node in nodes:
        await forgetful.batch.enable_node_scheduling("gifdrop", node)
    assert [(await forgetful.ended(name))["state"] for name in names] == ["succeeded"] * 6


async def test_what_lies_in_staging_without_a_task_is_removed(forgetful: Person) -> None:
    orphan = forgetful.storage.get_blob_client("staging", f"{'0' * 32}-1/out.gif")
    await orphan.upload_blob(b"GIF89a")
    while await orphan.exists():
        await asyncio.sleep(0.05)


async def test_a_damaged_record_is_written_anew(forgetful: Person, video: bytes) -> None:
    etag = await forgetful.drop("damaged.mp4", video)
    await forgetful.ended("damaged.mp4", etag=etag)
    record = forgetful.storage.get_blob_client("conversions", "damaged.mp4")
    await record.upload_blob(b"not a record", overwrite=True)
    assert (await forgetful.ended("damaged.mp4"))["state"] == "succeeded"
    assert await forgetful.version("damaged.mp4") == etag
