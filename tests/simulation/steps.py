"""Steps of a scenario that is played call by call."""

from tests.simulation.batch import Task
from tests.simulation.world import World

VIDEO = "a.mp4"


async def let_pass(world: World, *, until: str = "") -> None:
    """Let calls succeed, oldest first, until one that begins with `until` waits; fail if none ever does."""
    await world.idle()
    while world.gate.waiting:
        if until and any(what.startswith(until) for what, _ in world.gate.waiting):
            return
        world.gate.end(0, "done")
        await world.idle()
    assert not until, f"nothing waited to {until}"


async def let_pass_all_but(world: World, held: str) -> None:
    """Let all calls succeed except those that begin with `held`."""
    await world.idle()
    while others := [i for i, (what, _) in enumerate(world.gate.waiting) if not what.startswith(held)]:
        world.gate.end(others[0], "done")
        await world.idle()


async def throttle(world: World, what: str) -> None:
    """Let calls succeed until one that begins with `what` waits, throttle that, then let all others succeed."""
    await let_pass(world, until=what)
    waiting = [name.startswith(what) for name, _ in world.gate.waiting]
    world.gate.end(waiting.index(True), "throttled")
    await let_pass(world)


async def upload_and_submit(world: World, body: bytes, *, also: str = "") -> Task:
    """Upload a version of the video, deliver its event, and return its task.

    also: The kinds of files to make beside the GIF, with commas between them.
    """
    world.videos.put(VIDEO, body, {"gif_also": also} if also else None)
    world.deliver(VIDEO)
    await let_pass(world)
    return world.batch.tasks[-1]


async def run_tasks(world: World) -> None:
    """Run every task to its end and sweep, with an open gate."""
    for task in world.batch.tasks:
        world.batch.begin(task)
        world.batch.end(task, "judged")
    world.sweep()
    while world.running:
        await world.idle()
