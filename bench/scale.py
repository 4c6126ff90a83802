"""How many requests the app sends with 1,000 to 1,000,000 done videos, and its memory. `python -m bench.scale`.

The app runs unchanged on services in memory that count every request. The done videos are made when they are listed, so
that the memory measured is the app's.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from bench import Row, goal_row, plot
from bench.table import show
from shared.conversion import Conversion, Gif, Problem
from shared.lifecycle.pool_repair.repair import repair_pools
from shared.lifecycle.reconciliation.reconcile import reconcile
from shared.lifecycle.scaling.scale import scale_pools
from shared.names import conversion_id, gif_name, job_id, task_id
from shared.services.storage.index_rows import pointer_key, pointer_values, row_key, row_values
from shared.services.storage.record_format import to_metadata
from shared.timestamps import utc_now
from tests.simulation.storage import Container
from tests.simulation.table import FoundEntity, TableClient
from tests.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


SIZES = (1_000, 10_000, 100_000, 1_000_000)
FAILED_EVERY = 50
"""One in this many videos has failed."""
OPEN_VIDEOS = 3
PAGE_BLOBS = 5000
MAX_MEMORY_RATIO = 1.2
NOW = utc_now()


@cache
def _template(failed: bool) -> Conversion:
    return Conversion(
        video="",
        etag="0x1",
        id="",
        state="failed" if failed else "succeeded",
        job_id=job_id(NOW.date()),
        finished_at=NOW,
        gif=None if failed else Gif(name="", bytes=1_204_211, width=480, height=270, frames=48, duration_seconds=4.0),
        error=Problem(code="NotAVideo", message="This is not a video.") if failed else None,
    )


def _name(number: int) -> str:
    return f"done/{number:07}.mp4"


def _number(name: str) -> int:
    """How many done videos have a name up to and with `name`."""
    if not name.startswith("done/"):
        return 0
    return int(name[5:12].ljust(7, "0")) + (name[5:12].isdigit() and len(name) >= len(_name(0)))


def _done(number: int, count: int) -> Conversion:
    """The conversion of a done video; those with higher numbers are newer."""
    failed = number % FAILED_EVERY == 0
    video = _name(number)
    id_ = conversion_id("videos", video, "0x1")
    queued = NOW - timedelta(seconds=count - number)
    template = _template(failed)
    gif = replace(template.gif, name=gif_name(video)) if template.gif else None
    return replace(template, video=video, id=id_, task_id=task_id(id_, 1), queued_at=queued, gif=gif)


class ManyBlobs(Container):
    """A container with blobs for the done videos beside those that were put."""

    count = 0

    def _page(self, after: str, prefix: str) -> bytes:
        own = sorted(name for name in self.blobs if name > after and name.startswith(prefix))
        begins = _number(after)
        listed = self.name in ("videos", "conversions") and "done/".startswith(prefix[:5])
        done = range(begins, min(self.count, begins + PAGE_BLOBS)) if listed else range(0)
        names = sorted([*own, *map(_name, done)])
        more = len(names) > PAGE_BLOBS or (listed and begins + PAGE_BLOBS < self.count)
        names = names[:PAGE_BLOBS]
        body = BytesIO()
        body.write(b"<EnumerationResults><Blobs>")
        body.writelines(self._entry(name).encode() for name in names)
        marker = names[-1] if more else ""
        body.write(f"</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>".encode())
        return body.getvalue()

    def _entry(self, name: str) -> str:
        blob = self.blobs.get(name)
        metadata = blob.metadata if blob else {}
        if blob is None and self.name == "conversions":
            metadata = to_metadata(_done(_number(name) - 1, self.count))
        etag, size = (blob.etag, len(blob.body)) if blob else ('"0x1"', 1_000_000)
        fields = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in metadata.items())
        return (
            f"<Blob><Name>{name}</Name><Properties><Last-Modified>Sat, 01 Aug 2026 00:00:00 GMT</Last-Modified>"
            f"<Etag>{escape(etag)}</Etag><Content-Length>{size}</Content-Length></Properties>"
            f"<Metadata>{fields}</Metadata></Blob>"
        )


class ManyRows(TableClient):
    """A table with the rows of the done videos beside those that were written."""

    count = 0
    page_entities = 1000

    async def page(self, first: str, end: str, limit: int) -> tuple[list[FoundEntity], str | None]:
        def effect() -> tuple[list[FoundEntity], str | None]:
            found = {key: self._found(key) for key in self.rows if first <= key < end}
            for conversion in self._candidates(first, end, limit + 1):
                for key, values in (
                    (row_key(conversion), row_values(conversion)),
                    (pointer_key(conversion.video), pointer_values(conversion)),
                ):
                    if first <= key < end:
                        found[key] = FoundEntity(values | {"RowKey": key})
                        found[key].metadata = {"etag": "1", "timestamp": NOW - timedelta(days=1)}
            keys = sorted(found)
            return [found[key] for key in keys[:limit]], keys[limit] if len(keys) > limit else None

        return await self.gate.call(f"index list {first}", effect)

    def _candidates(self, first: str, end: str, limit: int) -> list[Conversion]:
        """The done videos that may be the first of a range of keys."""
        if first.startswith("video:"):
            known = bytes.fromhex(first.removeprefix("video:").partition(".")[0]).decode()
            begins = max(0, _number(known) - 1)
            return [_done(number, self.count) for number in range(begins, min(self.count, begins + limit + 1))]
        if first.startswith(("succeeded:", "failed:")):
            newest = (
                range(self.count - 1, -1, -1) if first.startswith("succ") else range(0, self.count, FAILED_EVERY)[::-1]
            )
            return [_done(number, self.count) for number in newest[: limit * 2]]
        return []


async def measure(count: int) -> dict[str, int]:
    """Requests of each operation with `count` done videos."""
    world = World()
    world.gate.open = True
    for container in world.containers.values():
        container.__class__ = ManyBlobs
        container.count = count  # type: ignore[attr-defined]
    world.table.__class__ = ManyRows
    world.table.count = count  # type: ignore[attr-defined]
    failed = len(range(0, count, FAILED_EVERY))
    counted = {"queued": 0, "running": 0, "succeeded": count - failed, "failed": failed}
    world.table.rows["count:done"] = ({"RowKey": "count:done", **counted}, "1", 0.0)
    for number in range(OPEN_VIDEOS):
        world.videos.put(f"open/{number}.mp4", b"good")
        world.deliver(f"open/{number}.mp4")
    await asyncio.gather(*world.running)
    operations: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
        "list": lambda: world.app.videos.list_videos({}),
        "newest": lambda: world.app.videos.list_videos({"sort": "newest"}),
        "state=failed": lambda: world.app.videos.list_videos({"state": "failed"}),
        "summary": lambda: world.app.videos.list_videos({"limit": "1"}),
        "health": lambda: world.app.health.current(),  # noqa: PLW0108  # the app is replaced before each call
        "tick": lambda: _tick(world),
        "reconciliation": lambda: _reconcile(world),
    }
    results: dict[str, int] = {}
    for name, operation in operations.items():
        world.restart()  # empty caches
        world.gate.log.clear()
        await operation()
        results[name] = len(world.gate.log)
        if name == "reconciliation":
            audit = sum(map(_is_audit, world.gate.log))
            results[name] -= audit
            results["audit"] = audit
    return results


def _peak_memory() -> int:
    """Peak of this process in KiB. Not by getrusage(), whose maximum is inherited from the parent process."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])


async def _tick(world: World) -> None:
    """What the timer complete_conversions does."""
    await world.app.completion.run()
    await scale_pools(world.app.services)


async def _reconcile(world: World) -> None:
    """What the timer reconcile_conversions does."""
    await repair_pools(world.app.services)
    await reconcile(world.app.services)


def _is_audit(request: str) -> bool:
    listing = request.startswith(("list videos/", "list conversions/", "index list video:"))
    return listing or "conversions/.reconciliation/" in request


def run() -> list[Row]:
    """For each size, the requests of each operation and the peak of memory."""
    found: dict[int, dict[str, int]] = {}
    for size in SIZES:
        command = [sys.executable, "-m", "bench.scale", str(size)]
        found[size] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rows: list[Row] = [{"done videos": size, **values} for size, values in found.items()]
    operations = [name for name in found[SIZES[0]] if name != "KiB"]
    requests = {name: [(float(size), float(values[name])) for size, values in found.items()] for name in operations}
    plot.save("scale", plot.lines("Requests of each operation", "done videos", "requests", requests, log_y=True))
    first = found[SIZES[0]]
    flat = [name for name in operations if name != "audit"]
    more = max(values[name] - first[name] for values in found.values() for name in flat)
    memory = max(values["KiB"] for values in found.values()) / first["KiB"]
    return [
        *rows,
        goal_row(f"more requests than at {SIZES[0]:,}, the audit aside", more, "requests", 0),
        goal_row(f"memory to that at {SIZES[0]:,}", memory, "ratio", MAX_MEMORY_RATIO),
    ]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        requests = asyncio.run(measure(int(sys.argv[1])))
        print(json.dumps(requests | {"KiB": _peak_memory()}))
    else:
        show("scale", run())
