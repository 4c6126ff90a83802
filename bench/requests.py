"""What one video costs in requests to storage and Batch over its whole life, beside the owner's upload."""

import asyncio
import re
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import Row, goal_row, plot
from bench.table import show
from local.stack import Stack
from local.storage import ACCOUNT
from tests.support.stack_client import StackClient
from tests.support.videos import make_video
from tests.support.waiting import wait_until_async

COUNT = 20
BURST = 1000
GOAL_PER_VIDEO, GOAL_APP, GOAL_ADDS = 12.0, 7.0, 0.02
SETTINGS = {"GIFDROP_COMPLETE_SCHEDULE": "0 0 0 1 1 *", "GIFDROP_RECONCILE_SCHEDULE": "0 0 0 1 1 *"}
"""No timers: what they cost does not depend on the number of videos that are done."""
NODE = {("GET", "videos"), ("PUT", "staging"), ("PUT", "logs")}
"""Requests of the node; all others are the app's."""
EVENT_SENDER = Counter({("HEAD", "videos"): 1, ("HEAD", "staging"): 1})
"""Requests of the local event sender for one video, which in Azure are none."""
LINE = re.compile(r'"(\w+) /[^/]+/([a-z]+)/(\S+) HTTP')


@dataclass(frozen=True, kw_only=True)
class Life:
    """Requests of one video beside the owner's upload, on average."""

    storage: dict[tuple[str, str], float]
    """By method and container."""
    batch: dict[str, float]
    """By operation."""
    index: float
    """To the table of the index; videos that change at the same time share them."""

    @property
    def node(self) -> float:
        return sum(count for kind, count in self.storage.items() if kind in NODE)

    @property
    def app(self) -> float:
        """Without what several videos share: the request that adds the task, and those to the index."""
        return sum(self.storage.values()) - self.node + self.batch["delete_task"] + self.batch["get_task"]


def run() -> list[Row]:
    """Requests of one video by service and kind, and the requests that add the tasks of a burst."""
    with tempfile.TemporaryDirectory() as scratch:
        body = make_video(Path(scratch) / "short.mp4", seconds=0.4, size="64x36").read_bytes()
        life = asyncio.run(measure_life(Path(scratch) / "life", body, count=COUNT))
        adds, transactions = asyncio.run(_burst(Path(scratch) / "burst", body))
    _plot(life)
    unit = "requests per video"
    rows = [
        goal_row("requests of one video, all parts, beside its add", life.app + life.node, unit, GOAL_PER_VIDEO),
        goal_row("of which the app's", life.app, unit, GOAL_APP),
        goal_row(f"requests that add tasks, per video of a burst of {BURST}", adds, unit, GOAL_ADDS),
        {"figure": "requests to the index, one video at a time", "value": life.index, "unit": unit},
        {"figure": f"requests to the index, submissions of a burst of {BURST}", "value": transactions, "unit": unit},
    ]
    for (method, container), count in sorted(life.storage.items()):
        rows.append({"figure": f"{method} {container}", "value": count, "unit": unit})
    rows += [{"figure": name, "value": count, "unit": "Batch requests per video"} for name, count in life.batch.items()]
    return rows


def _plot(life: Life) -> None:
    rows = {"all": {"app": life.app, "node": life.node}}
    for (method, container), count in sorted(life.storage.items()):
        rows[f"{method} {container}"] = {"node" if (method, container) in NODE else "app": count}
    rows["delete task"] = {"app": life.batch["delete_task"]}
    title = "Requests of one video, beside the upload and its add"
    plot.save("requests", plot.bars(title, "requests", rows, goal=GOAL_PER_VIDEO))


async def measure_life(directory: Path, body: bytes, *, count: int) -> Life:
    """The requests of `count` videos, converted one after the other on a stack without timers."""
    async with _stack(directory) as stack, StackClient(stack.endpoints, stack.env) as client:
        await client.drop("warm-up.mp4", body)
        await _wait_until_done(client, 1)
        before, skip, index = await _batch_requests(stack, client), len(_lines(stack)), _index_requests(stack)
        for number in range(count):
            await client.drop(f"{number}.mp4", body)
            await _wait_until_done(client, number + 2)
        after, lines = await _batch_requests(stack, client), _lines(stack)[skip:]
        index = _index_requests(stack) - index
    counted = Counter((found[1], found[2]) for line in lines if (found := LINE.search(line)))
    counted -= Counter({kind: each * count for kind, each in EVENT_SENDER.items()})
    del counted["PUT", "videos"]
    operations = ("create_task", "create_task_collection", "delete_task", "get_task")
    return Life(
        storage={kind: each / count for kind, each in counted.items()},
        batch={name: (after[name] - before[name]) / count for name in operations},
        index=index / count,
    )


async def _burst(directory: Path, body: bytes) -> tuple[float, float]:
    """Requests per video that add tasks, and those to the index, until all videos of a burst are recorded."""
    async with _stack(directory) as stack, StackClient(stack.endpoints, stack.env) as client:
        await client.drop("warm-up.mp4", body)
        await _wait_until_done(client, 1)
        before, index = await _batch_requests(stack, client), _index_requests(stack)
        names = [f"{number}.mp4" for number in range(BURST)]
        for first in range(0, BURST, 100):
            await client.drop_all(dict.fromkeys(names[first : first + 100], body))

        async def all_recorded() -> bool:
            records = client.storage.get_container_client("conversions").list_blob_names()
            return len([name async for name in records]) > BURST

        await wait_until_async(all_recorded, within=300, interval=1)
        after, index = await _batch_requests(stack, client), _index_requests(stack) - index
    added = after - before
    return (added["create_task"] + added["create_task_collection"]) / BURST, index / BURST


def _stack(directory: Path) -> Stack:
    return Stack(directory=directory, settings=SETTINGS, arguments={"batch": ["--control"]})


def _lines(stack: Stack) -> list[str]:
    return [line for line in stack.layout.access_log.read_text().splitlines() if "restype=container" not in line]


def _index_requests(stack: Stack) -> int:
    return sum(f" /{ACCOUNT}/" in line for line in stack.layout.table_log.read_text().splitlines())


async def _wait_until_done(client: StackClient, gifs: int) -> None:
    """Wait until there are so many GIFs and no tasks. Lists containers, which are not counted."""

    async def done() -> bool:
        names = [name async for name in client.storage.get_container_client("gifs").list_blob_names()]
        return len(names) == gifs and not await client.videos_with_tasks()

    await wait_until_async(done, within=120, interval=0.1)


async def _batch_requests(stack: Stack, client: StackClient) -> Counter[str]:
    url, headers = f"{stack.endpoints['batch']}/_control", await client.control_headers()
    async with client.http.get(url, headers=headers, ssl=client.tls) as response:
        state: dict[str, Any] = await response.json()
    return Counter(state["requests"])


if __name__ == "__main__":
    show("requests", run())
