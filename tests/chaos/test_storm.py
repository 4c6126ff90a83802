"""A short storm over the real stack; `make chaos` has the long ones."""

from pathlib import Path

import pytest

from tests.chaos.plan import KINDS, MOST_FAILED_UPLOADS, plan
from tests.chaos.storm import storm


def test_a_seed_reproduces_its_storm() -> None:
    assert plan(seed=7, videos=50, seconds=30) == plan(seed=7, videos=50, seconds=30)
    assert plan(seed=7, videos=50, seconds=30) != plan(seed=8, videos=50, seconds=30)


def test_no_storm_spoils_all_attempts_of_a_video_by_failed_uploads() -> None:
    for seed in range(50):
        faults = plan(seed=seed, videos=1, seconds=600).faults
        [times] = [fault.times for fault in faults if fault.kind == "uploads failed"]
        assert 1 <= times <= MOST_FAILED_UPLOADS


@pytest.mark.timeout(400)
async def test_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    after = await storm(plan(seed=291, videos=16, seconds=24), tmp_path)
    # How much of the other trouble finds something to meet depends on how fast the machine is.
    assert after.faults["host killed"]
    assert after.faults["batch killed"]
    assert len(after.faults) >= len(KINDS) / 2
    assert (after.lost, after.doubled, after.stale) == ([], [], [])
    assert after.gifs + after.failed.total() >= after.videos == 16
