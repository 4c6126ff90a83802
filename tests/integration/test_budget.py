"""Budgets, from the metadata of a video to the published GIF or the verdict."""

import json
from pathlib import Path

from tests.support.stack_client import StackClient
from tests.support.videos import look_at


async def test_gif_max_bytes_limits_the_published_gif(client: StackClient, video: bytes, tmp_path: Path) -> None:
    await client.drop("budget.mp4", video, metadata={"gif_max_bytes": "30KB"})
    shown = (await client.final_status("budget.mp4"))["gif"]
    gif = await client.gif("budget.gif")
    assert gif
    assert 0.75 * 30_000 <= len(gif) <= 30_000
    decoded = look_at(gif, tmp_path / "budget.gif")
    assert (shown["bytes"], shown["width"], shown["frames"]) == (len(gif), decoded.width, decoded.frames)
    [note] = await _notes(client, "budget.mp4")
    assert note.startswith("reduced to ")
    assert note.endswith(", to stay under 30000 bytes")


async def test_budget_that_the_gif_fits_changes_nothing(client: StackClient, video: bytes) -> None:
    await client.drop("plain.mp4", video)
    await client.drop("generous.mp4", video, metadata={"gif_max_bytes": "20MB"})
    plain, generous = await client.final_statuses("plain.mp4", "generous.mp4")
    assert plain["gif"]["bytes"] == generous["gif"]["bytes"]
    assert await _notes(client, "generous.mp4") == []


async def test_gif_for_a_place_keeps_its_limits(client: StackClient, video: bytes) -> None:
    await client.drop("emoji.mp4", video, metadata={"gif_for": "slack-emoji", "gif_max_bytes": "20KB"})
    gif = (await client.final_status("emoji.mp4"))["gif"]
    assert gif["bytes"] <= 20_000
    assert max(gif["width"], gif["height"]) <= 128
    assert gif["frames"] <= 50


async def test_budget_that_nothing_fits_fails_with_the_smallest_size(client: StackClient, video: bytes) -> None:
    await client.drop("impossible.mp4", video, metadata={"gif_max_bytes": "1000"})
    status = await client.final_status("impossible.mp4")
    assert (status["state"], status["error"]["code"]) == ("failed", "TooLarge")
    assert "cannot fit into 1000 bytes: the smallest" in status["error"]["message"]
    assert await client.gif("impossible.gif") is None


async def _notes(client: StackClient, video: str) -> list[str]:
    task = (await client.record(video))["task_id"]
    blob = await client.storage.get_blob_client("staging", f"{task}/result.json").download_blob()
    notes: list[str] = json.loads(await blob.readall())["notes"]
    return notes
