"""Reads and changes the simulated index, and the steps that its tests share."""

import json
from typing import Any

from shared.conversion import STATES
from shared.lifecycle.reconciliation.reconcile import reconcile
from shared.lifecycle.reconciliation.report import Report
from shared.services.storage.index_rows import conversion_from
from tests.simulation.steps import let_pass, run_tasks
from tests.simulation.world import World

GRACE = 120
"""Seconds, the default."""
LATER = GRACE + 60


def indexed(world: World) -> dict[str, str]:
    """The state of each video in the index."""
    rows = [conversion_from(values) for values, _, _ in world.table.rows.values() if "record" in values]
    assert len(rows) == len({row.video for row in rows}), "a video has two rows"
    return {row.video: row.state for row in rows}


def counted(world: World) -> dict[str, int]:
    counters = [values for key, (values, _, _) in world.table.rows.items() if key.startswith("count:")]
    return {state: total for state in STATES if (total := sum(counter[state] for counter in counters))}


async def finish(world: World) -> None:
    """The newest task ends, and the sweep completes it."""
    world.batch.begin(world.batch.tasks[-1])
    world.batch.end(world.batch.tasks[-1], "judged")
    world.sweep()
    await let_pass(world)


async def run(world: World) -> Report:
    """One reconciliation by itself."""
    world.gate.open = True
    report = await reconcile(world.app.services)
    world.gate.open = False
    return report


async def convert(world: World, *videos: str, body: bytes = b"good1") -> None:
    """Videos from upload to GIF."""
    world.gate.open = True
    for video in videos:
        world.videos.put(video, body)
        world.deliver(video)
    await world.idle()
    while world.running:
        await world.idle()
    await run_tasks(world)
    world.gate.open = False


def forget(world: World, *videos: str) -> None:
    """Another process takes over, of which these videos have no index entry; none has if no video is named."""
    rows = world.table.rows
    counter = next(key for key in rows if key.startswith("count:"))
    for key, (values, _, _) in list(rows.items()):
        if "video" in values and (not videos or values["video"] in videos):
            del rows[key]
            if "record" in values:
                counts, etag, written = rows[counter]
                state = key.partition(":")[0]
                rows[counter] = (counts | {state: counts[state] - 1}, etag, written)
    world.restart()


def write_record(world: World, video: str, **changes: Any) -> None:
    """Write a record as an app without an index would, or one with another schema."""
    blob = world.records.blobs[video]
    body = json.loads(blob.body) | changes
    metadata = blob.metadata | {key: str(value) for key, value in changes.items() if isinstance(value, str | int)}
    world.records.put(video, json.dumps(body).encode(), metadata)
