"""The index follows a video through all its states."""

from shared.lifecycle.retry import retry
from tests.simulation.index_steps import convert, counted, indexed, run
from tests.simulation.steps import VIDEO, let_pass, upload_and_submit
from tests.simulation.world import World


async def test_new_version_of_a_video_goes_through_all_states_in_the_index(world: World) -> None:
    await convert(world, VIDEO)
    world.clock.seconds += 10
    task = await upload_and_submit(world, b"good2")
    assert indexed(world) == {VIDEO: "queued"}
    world.batch.begin(task)
    world.sweep()
    await let_pass(world)
    assert (indexed(world), counted(world)) == ({VIDEO: "running"}, {"running": 1})
    world._check_index()
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world)
    assert (indexed(world), counted(world)) == ({VIDEO: "succeeded"}, {"succeeded": 1})


async def test_task_that_lost_its_node_is_queued_in_the_index_again(world: World) -> None:
    task = await upload_and_submit(world, b"good1")
    world.batch.begin(task)
    world.sweep()
    await let_pass(world)
    assert indexed(world) == {VIDEO: "running"}
    world.batch.end(task, "node lost")
    await run(world)
    assert (indexed(world), counted(world)) == ({VIDEO: "queued"}, {"queued": 1})
    world._check_index()


async def test_retried_video_is_queued_in_the_index_again(world: World) -> None:
    await convert(world, VIDEO, body=b"bad1")
    assert counted(world) == {"failed": 1}
    world.gate.open = True
    await retry(VIDEO, world.app.services)
    assert (indexed(world), counted(world)) == ({VIDEO: "queued"}, {"queued": 1})
    world._check_index()
