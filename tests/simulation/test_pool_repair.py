"""Repairs of a pool, interrupted by crashes, other processes and refusals."""

import json
from typing import Any

from infra.autoscale import formula
from shared.lifecycle.pool_repair.journal import BLOB
from shared.lifecycle.scaling.hint import held_until
from shared.timestamps import utc_now
from tests.simulation.gate import failure
from tests.simulation.pool import Node
from tests.simulation.steps import let_pass
from tests.simulation.world import World

LONG = 3600.0


def broken_pool(*, nodes: int = 1, state: str = "unusable", **settings: Any) -> World:
    """A world with a node that works and so many that have not for long."""
    world = World(**settings)
    world.clock.seconds = LONG
    broken = [Node(f"bad{number}", state, since=0) for number in range(nodes)]
    world.batch.pool.listed = [Node("good", "idle", since=0), *broken]
    return world


async def repaired(world: World) -> list[str]:
    world.repair()
    await let_pass(world)
    return world.batch.pool.done


def journal(world: World) -> dict[str, list[dict[str, str]]]:
    stored: dict[str, list[dict[str, str]]] = json.loads(world.records.blobs[BLOB].body)
    return stored


async def test_repair_escalates_over_restarts_of_the_app() -> None:
    world = broken_pool()
    for expected in ("reboot bad0", "reimage bad0", "remove bad0"):
        assert (await repaired(world))[-1] == expected
        assert (await repaired(world))[-1] == expected  # it is given time
        world.restart()
        world.clock.seconds += 601
        _age_journal(world, 601)
    assert len(world.batch.pool.done) == 3


def _age_journal(world: World, seconds: float) -> None:
    """The journal has real times, which do not pass here."""
    body = journal(world)
    for repair in body["repairs"]:
        at = utc_now().fromisoformat(repair["at"]).timestamp() - seconds
        repair["at"] = utc_now().fromtimestamp(at, tz=utc_now().tzinfo).isoformat()
    world.records.put(BLOB, json.dumps(body).encode())


async def test_repair_that_a_crash_interrupted_is_not_repeated_at_once() -> None:
    world = broken_pool()
    world.repair()
    await let_pass(world, until="reboot bad0")
    await world.kill()
    assert await repaired(world) == []
    assert [repair["step"] for repair in journal(world)["repairs"]] == ["reboot"]


async def test_two_processes_repair_a_node_once() -> None:
    world = broken_pool()
    world.repair()
    world.repair()
    await let_pass(world)
    assert world.batch.pool.done == ["reboot bad0"]


async def test_refused_repair_is_noted_and_the_next_step_follows() -> None:
    world = broken_pool()
    world.repair()
    await let_pass(world, until="reboot bad0")
    world.gate.end(0, failure(409, "NodeNotReady"))
    await let_pass(world)
    assert "NodeNotReady" in journal(world)["repairs"][0]["refused"]
    _age_journal(world, 601)
    assert await repaired(world) == ["reimage bad0"]


async def test_setting_switches_repairs_off() -> None:
    world = broken_pool(repair="off")
    assert await repaired(world) == []
    assert world.gate.log == []


async def test_pool_without_a_fault_gets_no_journal() -> None:
    world = World()
    assert await repaired(world) == []
    assert BLOB not in world.records.blobs


async def test_damaged_journal_starts_anew() -> None:
    world = broken_pool()
    world.records.put(BLOB, b"{}")
    assert await repaired(world) == ["reboot bad0"]


async def test_account_that_does_not_respond_keeps_no_other_pool_from_its_repair() -> None:
    world = World(accounts=2)
    world.clock.seconds = LONG
    other = list(world.batches.values())[1]
    other.pool.listed = [Node("good", "idle", since=0), Node("bad", "offline", since=0)]
    world.repair()
    await world.idle()
    while world.gate.waiting:
        what, _ = world.gate.waiting[0]
        world.gate.end(0, "refused" if what.startswith("https://") and what.startswith(world.batch.label) else "done")
        await world.idle()
    assert other.pool.done == ["reboot bad"]


async def test_open_breaker_holds_the_pool_at_one_node_until_a_node_works() -> None:
    world = broken_pool(nodes=3, state="starttaskfailed")
    pool = world.batch.pool
    pool.formula, pool.wanted = formula(max_dedicated=4, max_low_priority=0, min_nodes=0), 4
    world.clock.seconds = 900  # too early for a try
    good, *failing = pool.listed
    pool.listed = failing
    assert await repaired(world) == []
    until = held_until(pool.formula)
    assert until is not None
    assert until > utc_now()
    assert "All nodes fail alike" in str(journal(world)["findings"])
    pool.listed = [good, *failing[1:]]
    world.restart()
    world.repair()
    await let_pass(world)
    until = held_until(pool.formula)
    assert until is not None
    assert until <= utc_now()
    assert journal(world)["findings"] == []
