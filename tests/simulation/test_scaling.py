"""When the app has the pool's formula evaluated at once, and that nothing depends on it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from infra.autoscale import formula
from shared.lifecycle.scaling import scale
from tests.simulation.gate import failure
from tests.simulation.steps import VIDEO, let_pass, let_pass_all_but, upload_and_submit
from tests.simulation.world import World

FORMULA = formula(max_dedicated=4, max_low_priority=0, min_nodes=0)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "GATHER_SECONDS", 0)


def pool_of(nodes: int, *, wanted: int = 1, **settings: Any) -> World:
    """A world whose pool has so many nodes, and whose formula gives `wanted` while there are tasks."""
    world = World(**settings)
    world.batch.nodes = {"idle": nodes} if nodes else {}
    world.batch.pool.formula, world.batch.pool.target, world.batch.pool.wanted = FORMULA, nodes, wanted
    return world


def requests(world: World) -> int:
    return sum(call.endswith("enable autoscale") for call in world.gate.log)


async def scaled(world: World) -> list[int]:
    world.scale()
    await let_pass(world)
    return world.batch.pool.hints


async def test_burst_that_finds_no_nodes_sends_one_request_for_all_its_tasks() -> None:
    world = pool_of(0)
    for number in range(5):
        world.videos.put(f"{number}.mp4", b"good1")
        world.deliver(f"{number}.mp4")
    await let_pass_all_but(world, "get pool")
    await let_pass(world)
    assert world.events == []
    assert len(world.batch.tasks) == 5
    assert requests(world) == 1
    assert world.batch.pool.target == 1
    assert 1 <= world.batch.pool.hints[0] <= 5


async def test_pool_with_nodes_costs_an_event_no_call() -> None:
    plain, warm = World(), pool_of(1)
    for world in (plain, warm):
        await upload_and_submit(world, b"good1")
    assert warm.gate.log == plain.gate.log


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "AuthorizationFailure"),
        (409, "AutoScaleTooManyRequestsToEnable"),
        (409, "PoolBeingResized"),
        (503, "Busy"),
    ],
)
async def test_refused_request_does_not_fail_the_event_and_is_not_repeated_at_once(status: int, code: str) -> None:
    world = pool_of(0)
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await let_pass(world, until="enable autoscale")
    world.gate.end(0, failure(status, code))
    await let_pass(world)
    world.videos.put("b.mp4", b"good1")
    world.deliver("b.mp4")
    await let_pass(world)
    assert (world.events, len(world.batch.tasks), requests(world)) == ([], 2, 1)


async def test_silent_pool_delays_an_event_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "WAKE_TIMEOUT_SECONDS", 0.05)
    world = pool_of(0)
    world.videos.put(VIDEO, b"good1")
    world.deliver(VIDEO)
    await let_pass(world, until="enable autoscale")
    await asyncio.wait_for(asyncio.gather(*world.running), timeout=5)
    assert (world.events, len(world.batch.tasks)) == ([], 1)


async def test_setting_switches_requests_off() -> None:
    world = pool_of(0, wake="off")
    await upload_and_submit(world, b"good1")
    assert await scaled(world) == []


async def test_formula_without_a_line_for_the_hint_is_left_alone() -> None:
    world = pool_of(0)
    world.batch.pool.formula = "$TargetDedicatedNodes = 0;"
    await upload_and_submit(world, b"good1")
    assert await scaled(world) == []


async def test_request_alternates_between_two_intervals() -> None:
    world = pool_of(0)
    await upload_and_submit(world, b"good1")
    assert world.batch.pool.interval == timedelta(minutes=5, seconds=1)
    world.restart()  # no memory of the last request
    world.batch.pool.wanted = 2
    assert await scaled(world) == [1, 1]
    assert world.batch.pool.interval == timedelta(minutes=5)


async def test_timer_asks_for_more_nodes_while_tasks_wait() -> None:
    world = pool_of(1, wanted=2)
    await upload_and_submit(world, b"good1")
    assert await scaled(world) == [1]
    assert await scaled(world) == [1]  # the formula wants no more than it has


async def test_timer_asks_for_nothing_while_a_pool_is_resized() -> None:
    world = pool_of(1, wanted=2)
    await upload_and_submit(world, b"good1")
    world.batch.pool.allocation_state = "resizing"
    assert await scaled(world) == []


async def test_timer_releases_the_nodes_of_an_idle_pool() -> None:
    world = pool_of(1)
    assert await scaled(world) == [0]
    assert world.batch.pool.target == 0


async def test_timer_keeps_nodes_that_run_tasks_of_ours_or_others() -> None:
    world = pool_of(1)
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    assert await scaled(world) == []
    world.batch.jobs.clear()
    world.batch.nodes = {"running": 1}
    assert await scaled(world) == []


async def test_timer_retries_a_resize_whose_quota_may_be_free_again() -> None:
    world = pool_of(1)
    await upload_and_submit(world, b"good1")
    world.batch.fail_to_resize("AccountCoreQuotaReached")
    assert await scaled(world) == []
    world.clock.seconds += scale.RETRY_SECONDS + 1
    assert await scaled(world) == [1]


async def test_idle_empty_pool_costs_no_evaluation() -> None:
    world = pool_of(0)
    assert await scaled(world) == []
    assert "evaluate" not in world.gate.log
