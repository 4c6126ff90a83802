"""A video costs no more requests than docs/performance.md says."""

from pathlib import Path

from bench.requests import measure_life


async def test_life_of_a_video_takes_eleven_requests_beside_its_add(tmp_path: Path, tiny_video: bytes) -> None:
    life = await measure_life(tmp_path / "stack", tiny_video, count=3)
    assert (life.node, life.app, life.index) == (3, 8, 2)
    assert life.batch["create_task"] + life.batch["create_task_collection"] == 1
