"""The canary video that gifdrop uploads by itself."""

import asyncio
import logging

import pytest

from shared.lifecycle.reconciliation.canary import CANARY, check_canary
from shared.lifecycle.reconciliation.reconcile import reconcile
from tests.simulation.world import World


@pytest.fixture
def world() -> World:
    world = World(canary_hours=1)
    world.gate.open = True
    return world


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("canary ")]


async def test_canary_is_off_by_default() -> None:
    world = World()
    world.gate.open = True
    await reconcile(world.app.services)
    assert world.videos.blobs == {}


async def test_canary_is_uploaded_again_when_its_time_has_passed(world: World) -> None:
    await check_canary(world.app.services)
    first = world.videos.blobs[CANARY].etag
    world.clock.seconds += 3000
    await check_canary(world.app.services)
    assert world.videos.blobs[CANARY].etag == first
    world.clock.seconds += 1000
    await check_canary(world.app.services)
    assert world.videos.blobs[CANARY].etag != first


async def test_log_says_what_became_of_the_canary(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await check_canary(world.app.services)
    assert lines(caplog) == []
    world.clock.seconds += 60
    await check_canary(world.app.services)
    world.deliver(CANARY)
    while world.running:
        await world.idle()
    await check_canary(world.app.services)
    states = [line.partition('"state": "')[2].partition('"')[0] for line in lines(caplog)]
    assert states == ["uploaded", "queued"]


async def test_canary_that_cannot_be_uploaded_does_not_stop_the_reconciliation(world: World) -> None:
    world.gate.open = False
    world.reconcile()
    while world.running:
        await asyncio.sleep(0.001)  # the canary's file is read by a thread
        while world.gate.waiting:
            what = world.gate.waiting[0][0]
            world.gate.end(0, "throttled" if what == f"put videos/{CANARY}" else "done")
    assert f"put videos/{CANARY}" in world.gate.log
    assert world.videos.blobs == {}
