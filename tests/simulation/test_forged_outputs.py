"""A node that uploads other files than the converter measured: only what was verified is published."""

import json
from typing import Any

import pytest

from tests.simulation.batch import GIF, Task
from tests.simulation.steps import VIDEO, let_pass, upload_and_submit
from tests.simulation.world import World

OTHER_GIF = GIF + b"other;"


@pytest.fixture
def world() -> World:
    return World(max_gif_bytes=10_000)


async def converted(world: World) -> Task:
    """A task whose outputs are in staging."""
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.batch.end(task, "judged")
    return task


def report(world: World, task: Task, **measured: Any) -> None:
    """Let the result.json of a task say something else."""
    name = f"{task.id}/result.json"
    result = json.loads(world.staging.blobs[name].body)
    result["gif"] = {key: value for key, value in (result["gif"] | measured).items() if value is not None}
    world.staging.put(name, json.dumps(result).encode())


async def let_pass_once(world: World, what: str) -> None:
    """Let the one call that begins with `what` succeed."""
    (index,) = (index for index, (name, _) in enumerate(world.gate.waiting) if name.startswith(what))
    world.gate.end(index, "done")
    await world.idle()


async def complete(world: World) -> str | None:
    """Complete the task by a sweep; the state of its video."""
    world.sweep()
    await let_pass(world)
    record = world.record(VIDEO)
    return record.state if record else None


async def test_gif_that_is_swapped_after_its_check_is_not_published(world: World) -> None:
    task = await converted(world)
    world.deliver_result(task.id)
    verified = f"get staging/{task.id}/out.gif"
    await let_pass(world, until=verified)
    await let_pass_once(world, verified)
    world.staging.put(f"{task.id}/out.gif", OTHER_GIF)
    await let_pass(world)
    assert world.gifs.blobs == {}
    assert await complete(world) == "queued"  # the swapped GIF is not what was measured: another attempt
    assert world.gifs.blobs == {}


async def test_gif_with_another_digest_is_not_published(world: World) -> None:
    task = await converted(world)
    size = len(world.staging.blobs[f"{task.id}/out.gif"].body)
    world.staging.put(f"{task.id}/out.gif", OTHER_GIF.ljust(size, b";")[:size])
    assert await complete(world) == "queued"
    assert world.gifs.blobs == {}


async def test_gif_above_the_cap_is_not_read(world: World) -> None:
    task = await converted(world)
    report(world, task, bytes=5 * 1024**4)
    world.gate.log.clear()
    assert await complete(world) == "queued"
    assert f"get staging/{task.id}/out.gif" not in world.gate.log
    assert world.gifs.blobs == {}


@pytest.mark.parametrize("gif", [OTHER_GIF + b";", OTHER_GIF[:-1]])
async def test_gif_of_another_size_is_not_published_without_a_digest(world: World, gif: bytes) -> None:
    """Converters of earlier versions report none."""
    task = await converted(world)
    report(world, task, sha256=None)
    world.staging.put(f"{task.id}/out.gif", gif)
    assert await complete(world) == "queued"
    assert world.gifs.blobs == {}


async def test_gif_that_is_larger_than_measured_is_not_published(world: World) -> None:
    task = await converted(world)
    world.staging.put(f"{task.id}/out.gif", OTHER_GIF * 1000)
    assert await complete(world) == "queued"
    assert world.gifs.blobs == {}
