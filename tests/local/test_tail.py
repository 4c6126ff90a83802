"""Reading the access log as it grows."""

import asyncio
from pathlib import Path

from local.events.tail import tail


async def first(count: int, path: Path, *, start: int = 0) -> list[tuple[str, int, int]]:
    found = []
    async with asyncio.timeout(10):
        async for line in tail(path, start=start):
            found.append((line.text, line.start, line.end))
            if len(found) == count:
                break
    return found


async def test_tail_yields_complete_lines_however_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "log"
    reading = asyncio.create_task(first(3, path))
    await asyncio.sleep(0.05)
    with path.open("wb", buffering=0) as log:
        for piece in ("ein\nzw", "ei Gr", "öße\n", "drei\nhalb"):
            log.write(piece.encode())
            await asyncio.sleep(0.05)
    assert await reading == [("ein", 0, 4), ("zwei Größe", 4, 17), ("drei", 17, 22)]
    assert await first(1, path, start=4) == [("zwei Größe", 4, 17)]
    assert await first(1, path, start=10_000) == [("ein", 0, 4)]
