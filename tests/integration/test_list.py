"""The list pages through all conversions with their counts, and shows the pool."""

import asyncio
from typing import Any

import pytest

from tests.integration.kit import PATIENCE, Person


@pytest.fixture(scope="module")
async def nine(person: Person, video: bytes) -> list[str]:
    """Six videos and three that are none, all ended."""
    bodies = {f"list/{number}.mp4": video if number % 3 else b"no video" for number in range(9)}
    await asyncio.gather(*(person.drop(name, body) for name, body in bodies.items()))
    await asyncio.gather(*(person.ended(name) for name in bodies))
    return sorted(bodies)


async def pages(person: Person, **parameters: str) -> list[str]:
    """The names on all pages, one after the other."""
    seen: list[str] = []
    cursor = ""
    while True:
        code, page = await person.get("status", cursor=cursor, **parameters)
        assert code == 200
        assert len(page["videos"]) <= int(parameters["limit"])
        seen += [video["video"] for video in page["videos"]]
        cursor = page["next"]
        if cursor is None:
            return seen


async def test_pages_follow_each_other_without_gap_or_overlap(person: Person, nine: list[str]) -> None:
    for limit in ("2", "3", "9", "1000"):
        assert await pages(person, prefix="list/", limit=limit) == nine


async def test_pages_of_one_state_follow_each_other_too(person: Person, nine: list[str]) -> None:
    failed = ["list/0.mp4", "list/3.mp4", "list/6.mp4"]
    for limit in ("1", "2", "3", "4"):
        assert await pages(person, prefix="list/", state="failed", limit=limit) == failed


async def test_the_newest_come_first(person: Person, nine: list[str], video: bytes) -> None:
    await person.drop("list/00-newest.mp4", video)
    await person.ended("list/00-newest.mp4")
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                _, page = await person.get("status", prefix="list/", sort="newest", limit="3")
                if page["videos"][0]["video"] == "list/00-newest.mp4":
                    break
                await asyncio.sleep(0.2)
        moments = [shown["queued_at"] for shown in page["videos"]]
        assert moments == sorted(moments, reverse=True)
    finally:
        # The video first: one without a record is submitted anew.
        for container in ("videos", "conversions"):
            await person.storage.get_blob_client(container, "list/00-newest.mp4").delete_blob()


async def test_a_brief_tells_the_same_as_the_full_answer(person: Person, nine: list[str]) -> None:
    _, page = await person.get("status", prefix="list/", limit="1000")
    shown = {video["video"]: video for video in page["videos"]}
    for name in nine:
        assert shown[name] == (await person.status(name))[1]


async def test_the_summary_comes_to_count_what_the_prefix_matches(person: Person, nine: list[str]) -> None:
    counts: dict[str, Any] = {}
    async with asyncio.timeout(PATIENCE):
        while counts != {"queued": 0, "running": 0, "succeeded": 6, "failed": 3, "total": 9}:
            _, page = await person.get("status", prefix="list/", limit="1")
            counts = {name: count for name, count in page["summary"].items() if name != "as_of"}
            await asyncio.sleep(0.2)


async def test_the_pool_is_shown(person: Person) -> None:
    _, page = await person.get("status", limit="1")
    pool = page["pool"]
    assert (pool["id"], pool["state"], pool["error"], pool["resize_errors"]) == ("gifdrop", "active", None, [])
    assert sum(pool["nodes"].values()) == sum(pool["node_states"].values()) >= 1
    assert pool["notes"]
