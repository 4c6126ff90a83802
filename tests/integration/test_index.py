"""The index in the stack's table: what the app relies on in Table storage, and what the API makes of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from azure.data.tables.aio import TableClient

from local.stack import Stack
from local.transport import transport
from shared.conversion import STATES, Conversion, JobRef, State
from shared.services.errors import NotFoundError, ServiceError
from shared.services.storage.index import OPERATIONS_PER_MOVE, RACE_STATUSES, Index
from shared.services.storage.index_rows import conversion_from, pointer_key, row_key
from shared.services.storage.table import MAX_TRANSACTION_OPERATIONS, Entity, Operation, Range, Table, prefix_range
from shared.services.transport import RETRIES, TIMEOUTS
from shared.timestamps import utc_now
from tests.support.stack_client import POLL_SECONDS, TIMEOUT_SECONDS, StackClient
from tests.support.waiting import wait_until_async

_JOB = JobRef(batch_url="https://account.westeurope.batch.azure.com", id="gifdrop-2026-11-21")
VALUES: dict[str, Any] = {"text": "é 日本語 🎬 ' \" \\ / # ? \t", "number": 7, "empty": ""}


def connect(stack: Stack, client: StackClient, name: str) -> TableClient:
    """A table of the stack."""
    return TableClient(
        stack.env["GIFDROP_TABLE_URL"],
        name,
        credential=client.credential,
        audience="https://storage.azure.com",
        transport=transport(stack.env["SSL_CERT_FILE"]),
        **RETRIES,
        **TIMEOUTS,
    )


@pytest.fixture
async def table(stack: Stack, client: StackClient) -> AsyncIterator[Table]:
    """An empty table beside the app's."""
    async with connect(stack, client, "semantics") as sdk:
        await sdk.create_table()
        yield Table(sdk)
        await sdk.delete_table()


@pytest.fixture
async def app_table(stack: Stack, client: StackClient) -> AsyncIterator[Table]:
    """The app's own table."""
    async with connect(stack, client, "conversions") as sdk:
        yield Table(sdk)


async def keys(table: Table, keys: Range) -> list[str]:
    return [entity.key async for entity in table.all(keys)]


async def get(table: Table, key: str) -> Entity:
    entity = await table.get(key)
    assert entity
    return entity


# Table storage


async def test_created_entity_is_read_as_it_was_written(table: Table) -> None:
    started = utc_now()
    (etag,) = await table.transact([Operation("create", "a:1", VALUES)])
    entity = await get(table, "a:1")
    assert {name: entity.values[name] for name in VALUES} == VALUES
    assert entity.etag == etag
    assert isinstance(entity.modified, datetime)
    assert abs((entity.modified - started).total_seconds()) < 60
    assert await table.get("a:2") is None


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        (Operation("create", "a:1", VALUES), 409),
        (Operation("update", "a:2", VALUES), 404),
        (Operation("delete", "a:2"), 404),
        (Operation("update", "a:1", VALUES, "W/\"datetime'2020-01-01T00%3A00%3A00.0000000Z'\""), 412),
        (Operation("delete", "a:1", etag="W/\"datetime'2020-01-01T00%3A00%3A00.0000000Z'\""), 412),
    ],
)
async def test_refused_operation_refuses_its_whole_transaction(table: Table, operation: Operation, status: int) -> None:
    await table.transact([Operation("create", "a:1", {"number": 1}), Operation("create", "a:3", {"number": 3})])
    others = [
        Operation("create", "b:1", VALUES),
        Operation("upsert", "b:2", VALUES),
        Operation("update", "a:3", {"number": 30}),
    ]
    for position in (0, 2, 3):
        with pytest.raises(ServiceError) as raised:
            await table.transact([*others[:position], operation, *others[position:]])
        assert raised.value.status == status
        assert raised.value.status in RACE_STATUSES
        assert raised.value.refused
        assert raised.value.code
        assert await keys(table, Range("", "z")) == ["a:1", "a:3"]
        assert (await get(table, "a:3")).values["number"] == 3


async def test_update_replaces_all_values_and_changes_the_etag(table: Table) -> None:
    (created,) = await table.transact([Operation("create", "a:1", VALUES)])
    (updated,) = await table.transact([Operation("update", "a:1", {"other": 1}, created)])
    entity = await get(table, "a:1")
    assert entity.values["other"] == 1
    assert not set(VALUES) & set(entity.values)
    assert entity.etag == updated != created
    with pytest.raises(ServiceError):
        await table.transact([Operation("update", "a:1", VALUES, created)])
    (upserted,) = await table.transact([Operation("upsert", "a:1", VALUES)])
    assert (await get(table, "a:1")).etag == upserted
    await table.transact([Operation("delete", "a:1", etag=upserted)])
    assert await table.get("a:1") is None


async def test_of_two_processes_that_update_over_the_same_etag_one_is_refused(table: Table) -> None:
    (etag,) = await table.transact([Operation("create", "count:1", {"queued": 0})])
    outcomes = await asyncio.gather(
        *(table.transact([Operation("update", "count:1", {"queued": number}, etag)]) for number in range(4)),
        return_exceptions=True,
    )
    assert sorted(isinstance(outcome, ServiceError) for outcome in outcomes) == [False, True, True, True]


async def test_transaction_of_100_operations_returns_an_etag_for_each_in_order(table: Table) -> None:
    created = [Operation("create", f"a:{number:03}", VALUES) for number in range(MAX_TRANSACTION_OPERATIONS)]
    etags = await table.transact(created)
    assert etags == [(await get(table, operation.key)).etag for operation in created]


async def test_pages_of_a_range_are_in_the_order_of_keys_without_gap_or_overlap(table: Table) -> None:
    written = ["a:9", "b:", "b:.", "b:0", "b:00", "b:0:", "b:9", "b:A", "b:a", "b:z", "b:~", "b;", "c:1"]
    await table.transact([Operation("create", key, VALUES) for key in reversed(written)])
    expected = [key for key in written if key.startswith("b:")]
    for limit in (1, 3, 10, 11, 1000):
        found: list[str] = []
        marker: str | None = None
        while True:
            page, marker = await table.page(prefix_range("b:"), limit=limit, marker=marker)
            assert len(page) <= limit
            found += [entity.key for entity in page]
            if marker is None:
                break
        assert found == expected, limit
    assert await keys(table, Range("b:0", "b:9")) == ["b:0", "b:00", "b:0:"]


async def test_page_continues_where_entities_were_deleted_and_created(table: Table) -> None:
    await table.transact([Operation("create", f"a:{number}", VALUES) for number in (1, 3, 5, 7)])
    first, marker = await table.page(prefix_range("a:"), limit=2)
    assert [entity.key for entity in first] == ["a:1", "a:3"]
    await table.transact(
        [Operation("delete", "a:5"), Operation("create", "a:2", VALUES), Operation("create", "a:6", VALUES)]
    )
    second, marker = await table.page(prefix_range("a:"), limit=5, marker=marker)
    assert ([entity.key for entity in second], marker) == (["a:6", "a:7"], None)


async def test_missing_table_is_an_error_and_not_an_empty_one(stack: Stack, client: StackClient) -> None:
    async with connect(stack, client, "missing") as sdk:
        table = Table(sdk)
        for call in (table.get("a:1"), table.check(), table.transact([Operation("create", "a:1", VALUES)])):
            with pytest.raises(NotFoundError) as raised:
                await call
            assert raised.value.code == "TableNotFound"


# The index


@pytest.mark.parametrize(
    "video", ["é 日本語 🎬/it's # ? % + \\.mp4", "x" * 1020 + ".mp4", "🎬" * 510 + ".mp4", ":;.mp4"], ids=range(4)
)
async def test_any_name_may_be_indexed(table: Table, video: str) -> None:
    index = Index(table)
    queued = Conversion(video=video, etag="1", id="1", task_id="1-1", queued_at=utc_now())
    await index.put(queued, previous=None)
    running = queued.running(_JOB, node_id=None, started_at=None, preempted=0)
    await index.put(running, previous=queued)
    found, marker = await index.page("running", limit=10)
    assert (found, marker) == ([running], None)
    assert [pointer.video async for pointer in index.pointers(after="", until=video)] == [video]


async def test_many_moves_at_once_are_counted(table: Table) -> None:
    first, second = Index(table), Index(table)
    queued = [Conversion(video=f"{n:03}.mp4", etag="1", id=f"{n}", queued_at=utc_now()) for n in range(120)]
    await asyncio.gather(*(first.put(one, previous=None) for one in queued))
    running = [one.running(_JOB, node_id=None, started_at=None, preempted=0) for one in queued]
    # Both processes move every row.
    await asyncio.gather(
        *(index.put(new, previous=old) for index in (first, second) for old, new in zip(queued, running, strict=True))
    )
    assert await first.counts() == {"queued": 0, "running": 120, "succeeded": 0, "failed": 0}
    assert len(await keys(table, prefix_range("running:"))) == len(await keys(table, prefix_range("video:"))) == 120
    assert OPERATIONS_PER_MOVE * len(running) > MAX_TRANSACTION_OPERATIONS


# The API


async def failed_pages(client: StackClient, limit: int) -> list[str]:
    """The failed videos on all pages, newest first."""
    seen: list[str] = []
    cursor = ""
    while True:
        code, page = await client.get("status", state="failed", limit=str(limit), cursor=cursor)
        assert code == 200
        assert len(page["videos"]) <= limit
        seen += [video["video"] for video in page["videos"]]
        cursor = page["next"]
        if cursor is None:
            return seen


async def test_pages_of_failed_videos_are_newest_first_without_gap_or_overlap(client: StackClient) -> None:
    names = [f"index/failed {number} 🎬.mp4" for number in range(7)]
    for name in names:
        await client.drop(name, b"")
        await client.final_status(name)
    everything = await failed_pages(client, 1000)
    assert [name for name in everything if name in names] == names[::-1]
    assert len(everything) == len(set(everything))
    for limit in (1, 2, 3, 7):
        assert await failed_pages(client, limit) == everything


async def test_row_of_a_retried_video_moves_while_pages_are_read(client: StackClient) -> None:
    names = [f"index/moving{number}.mp4" for number in range(4)]
    for name in names:
        await client.drop(name, b"")
        await client.final_status(name)
    _, page = await client.get("status", state="failed", limit="2")
    assert [video["video"] for video in page["videos"]] == [names[3], names[2]]
    # A newer version of the next one: it fails anew, and is the newest.
    etag = await client.drop(names[1], b"not a video")
    await client.final_status(names[1], etag=etag)
    _, page = await client.get("status", state="failed", limit="1", cursor=page["next"])
    assert [video["video"] for video in page["videos"]] == [names[0]]


async def test_summary_changes_soon_after_a_conversion_ends_and_equals_the_records(
    client: StackClient, app_table: Table, video: bytes
) -> None:
    async def summary() -> dict[State, int]:
        _, page = await client.get("status", limit="1")
        return {state: page["summary"][state] for state in STATES}

    before = await recorded(client)
    await client.drop_all({"index/good.mp4": video, "index/bad.mp4": b"not a video", "index/empty.mp4": b""})
    await client.final_statuses("index/good.mp4", "index/bad.mp4", "index/empty.mp4")
    expected = before | {"succeeded": before["succeeded"] + 1, "failed": before["failed"] + 2}

    async def changed() -> bool:
        return await summary() == expected

    await wait_until_async(changed, within=TIMEOUT_SECONDS, interval=POLL_SECONDS)
    assert await recorded(client) == expected
    # The table agrees row by row.
    rows = [entity for state in STATES for entity in [one async for one in app_table.all(prefix_range(f"{state}:"))]]
    indexed = [conversion_from(entity.values) for entity in rows]
    assert [row_key(conversion) for conversion in indexed] == [entity.key for entity in rows]
    pointers = [entity.key async for entity in app_table.all(prefix_range("video:"))]
    assert pointers == sorted(pointer_key(conversion.video) for conversion in indexed)
    names = {blob.name async for blob in client.storage.get_container_client("conversions").list_blobs()}
    assert {conversion.video for conversion in indexed} == {name for name in names if not name.startswith(".")}


async def recorded(client: StackClient) -> dict[State, int]:
    """The number of records in each state."""
    found: Counter[str] = Counter()
    container = client.storage.get_container_client("conversions")
    async for blob in container.list_blobs(include=["metadata"]):
        if "state" in (blob.metadata or {}):
            found[blob.metadata["state"]] += 1
    return {state: found[state] for state in STATES}
