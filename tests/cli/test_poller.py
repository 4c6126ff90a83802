"""Waiting for many videos with few requests."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from cli.errors import RefusedError
from cli.poller import StatusPoller

if TYPE_CHECKING:
    from cli.client import Client

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def status(video: str, state: str, *, queued: datetime = NOW) -> dict[str, Any]:
    return {"video": video, "state": state, "progress": None, "queued_at": queued.isoformat()}


@dataclass
class App:
    """Answers like the API, and counts requests."""

    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)
    listed: int = 1000
    lists: int = 0
    singles: int = 0

    async def newest(self, *, limit: int) -> list[dict[str, Any]]:
        self.lists += 1
        return list(self.statuses.values())[: min(limit, self.listed)]

    async def status(self, name: str) -> dict[str, Any] | None:
        self.singles += 1
        if name == "refused.mp4":
            raise RefusedError("InvalidName", "not a name")
        return self.statuses.get(name)


async def ended(app: App, *names: str, since: datetime = NOW) -> list[dict[str, Any]]:
    poller = StatusPoller(client=cast("Client", app))
    polling = asyncio.create_task(poller.run())
    try:
        waits = (poller.ended(name, since=since, on_status=lambda _: None) for name in names)
        return list(await asyncio.wait_for(asyncio.gather(*waits), 30))
    finally:
        polling.cancel()


async def test_poller_reads_the_list_for_many_videos() -> None:
    names = [f"{number}.mp4" for number in range(520)]
    app = App({name: status(name, "succeeded") for name in names})
    assert len(await ended(app, *names)) == 520
    assert (app.lists, app.singles) == (1, 0)


async def test_poller_finds_videos_that_the_list_lacks() -> None:
    names = [f"{number}.mp4" for number in range(20)]
    app = App({name: status(name, "failed") for name in names}, listed=0)
    assert len(await ended(app, *names)) == 20


async def test_poller_ignores_the_status_of_an_earlier_video_of_the_same_name() -> None:
    app = App({"a.mp4": status("a.mp4", "failed", queued=NOW - timedelta(seconds=1))})
    waiting = asyncio.create_task(ended(app, "a.mp4"))
    while not app.singles:
        await asyncio.sleep(0.01)
    app.statuses["a.mp4"] = status("a.mp4", "succeeded", queued=NOW + timedelta(seconds=1))
    [found] = await waiting
    assert found["state"] == "succeeded"


async def test_poller_reports_a_refused_name_for_that_video_alone() -> None:
    with pytest.raises(RefusedError):
        await ended(App(), "refused.mp4")
