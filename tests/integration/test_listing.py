"""`GET status`: pages of conversions, their counts, and the pool."""

from typing import Any

import pytest

from tests.support.stack_client import POLL_SECONDS, TIMEOUT_SECONDS, StackClient
from tests.support.waiting import wait_until_async


@pytest.fixture(scope="module")
async def videos(client: StackClient, tiny_video: bytes) -> list[str]:
    """Six videos that succeeded and three that failed."""
    bodies = {f"list/{number}.mp4": tiny_video if number % 3 else b"not a video" for number in range(9)}
    await client.drop_all(bodies)
    await client.final_statuses(*bodies)
    return sorted(bodies)


async def pages(client: StackClient, **parameters: str) -> list[str]:
    """The names on all pages, in order."""
    seen: list[str] = []
    cursor = ""
    while True:
        code, page = await client.get("status", cursor=cursor, **parameters)
        assert code == 200
        assert len(page["videos"]) <= int(parameters["limit"])
        seen += [video["video"] for video in page["videos"]]
        cursor = page["next"]
        if cursor is None:
            return seen


async def test_pages_have_no_gap_and_no_overlap(client: StackClient, videos: list[str]) -> None:
    for limit in ("2", "3", "9", "1000"):
        assert await pages(client, prefix="list/", limit=limit) == videos


async def test_pages_of_one_state_have_no_gap_and_no_overlap(client: StackClient, videos: list[str]) -> None:
    failed = ["list/0.mp4", "list/3.mp4", "list/6.mp4"]
    for limit in ("1", "2", "3", "4"):
        assert await pages(client, prefix="list/", state="failed", limit=limit) == failed


async def test_sort_newest_returns_the_newest_first(client: StackClient, videos: list[str], tiny_video: bytes) -> None:
    await client.drop("list/00-newest.mp4", tiny_video)
    await client.final_status("list/00-newest.mp4")

    async def newest() -> Any:
        _, page = await client.get("status", prefix="list/", sort="newest", limit="3")
        return page["videos"] if page["videos"][0]["video"] == "list/00-newest.mp4" else None

    try:
        found = await wait_until_async(newest, within=TIMEOUT_SECONDS, interval=POLL_SECONDS)
        times = [video["queued_at"] for video in found]
        assert times == sorted(times, reverse=True)
    finally:
        # The video first: the reconciliation submits a video without a record.
        for container in ("videos", "conversions"):
            await client.storage.get_blob_client(container, "list/00-newest.mp4").delete_blob()


async def test_listed_video_equals_its_own_status(client: StackClient, videos: list[str]) -> None:
    _, page = await client.get("status", prefix="list/", limit="1000")
    shown = {video["video"]: video for video in page["videos"]}
    for name in videos:
        assert shown[name] == (await client.status(name))[1]


async def test_summary_counts_the_videos_with_the_prefix(client: StackClient, videos: list[str]) -> None:
    expected = {"queued": 0, "running": 0, "succeeded": 6, "failed": 3, "total": 9}

    async def counted() -> bool:
        _, page = await client.get("status", prefix="list/", limit="1")
        return bool({name: count for name, count in page["summary"].items() if name != "as_of"} == expected)

    await wait_until_async(counted, within=TIMEOUT_SECONDS, interval=POLL_SECONDS)


async def test_list_shows_the_pool(client: StackClient) -> None:
    _, page = await client.get("status", limit="1")
    pool = page["pool"]
    assert (pool["id"], pool["state"], pool["error"], pool["resize_errors"]) == ("gifdrop", "active", None, [])
    assert sum(pool["nodes"].values()) == sum(pool["node_states"].values()) >= 1
    assert pool["notes"]
