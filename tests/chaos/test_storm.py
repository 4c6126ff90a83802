"""A short storm over the real stack; `make chaos` has the long ones."""

from pathlib import Path

import pytest

from tests.chaos.plan import KINDS, plan
from tests.chaos.storm import storm


def test_a_seed_reproduces_its_storm() -> None:
    assert plan(seed=7, videos=50, seconds=30) == plan(seed=7, videos=50, seconds=30)
    assert plan(seed=7, videos=50, seconds=30) != plan(seed=8, videos=50, seconds=30)


@pytest.mark.timeout(400)
async def test_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    after = await storm(plan(seed=1, videos=16, seconds=24), tmp_path)
    assert set(after.faults) == set(KINDS)
    assert (after.lost, after.doubled, after.stale) == ([], [], [])
    assert after.gifs + after.failed.total() >= after.videos == 16
