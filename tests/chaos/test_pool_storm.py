"""The breaker on the real stack; `make chaos ARGS=--pool` breaks the pool in every way."""

from pathlib import Path

import pytest

from tests.chaos.plan import Upload
from tests.chaos.pool_plan import POOL_KINDS, PoolFault, PoolPlan, make_pool_plan
from tests.chaos.pool_storm import MAX_NODES, run_storm

FAILING_SECONDS = 100


def test_plan_is_reproduced_by_its_seed_and_has_every_fault() -> None:
    plan = make_pool_plan(seed=7, videos=5, seconds=30)
    assert plan == make_pool_plan(seed=7, videos=5, seconds=30)
    assert {fault.kind for fault in plan.faults} == set(POOL_KINDS)


@pytest.mark.timeout(500)
async def test_pool_whose_start_tasks_all_fail_shrinks_to_one_node_and_recovers_by_itself(tmp_path: Path) -> None:
    uploads = [Upload(at=1, video=f"{number}.mp4", width=32) for number in range(2 * MAX_NODES)]
    failing = PoolFault(at=0, kind="all start tasks fail", seconds=FAILING_SECONDS, remedy="reboot", count=1)
    plan = PoolPlan(seed=1, seconds=FAILING_SECONDS, uploads=uploads, faults=[failing])
    result = await run_storm(plan, tmp_path)
    assert (result.lost, result.duplicated, result.outdated, result.left) == ([], [], [], [])
    assert result.gifs == len(uploads)
    assert max(result.nodes) == MAX_NODES
    assert result.held
    # It reached one node, or none while that one was replaced, long before anything else could have removed the others.
    grown = result.nodes.index(MAX_NODES)
    assert min(result.nodes[grown : FAILING_SECONDS - 5]) <= 1
    assert result.repairs.total() < FAILING_SECONDS / 5
