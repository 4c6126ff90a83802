"""A short chaos run on the real stack; `make chaos` does the long ones."""

from pathlib import Path

import pytest

from tests.chaos.plan import KINDS, MAX_FAILED_UPLOADS, make_plan
from tests.chaos.run import run


def test_plan_is_reproduced_by_its_seed() -> None:
    assert make_plan(seed=7, videos=50, seconds=30) == make_plan(seed=7, videos=50, seconds=30)
    assert make_plan(seed=7, videos=50, seconds=30) != make_plan(seed=8, videos=50, seconds=30)


def test_plan_never_fails_the_uploads_of_all_attempts_of_a_video() -> None:
    for seed in range(50):
        faults = make_plan(seed=seed, videos=1, seconds=600).faults
        [times] = [fault.times for fault in faults if fault.kind == "uploads failed"]
        assert 1 <= times <= MAX_FAILED_UPLOADS


@pytest.mark.timeout(400)
async def test_no_video_is_lost_duplicated_or_outdated(tmp_path: Path) -> None:
    result = await run(make_plan(seed=291, videos=16, seconds=24), tmp_path)
    # How many of the other faults take effect depends on the speed of the machine.
    assert result.faults["Functions host killed"]
    assert result.faults["Batch killed"]
    assert len(result.faults) >= len(KINDS) / 2
    assert (result.lost, result.duplicated, result.outdated, result.miscounted) == ([], [], [], "")
    assert result.gifs + result.failed.total() >= result.videos == 16
