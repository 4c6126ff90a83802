"""How far the log is dealt with survives a restart."""

import asyncio
from pathlib import Path

from local.events.tail import lines
from local.events.checkpoint import Journal


def test_a_restart_begins_with_the_oldest_line_not_dealt_with(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "offset")
    for start in (0, 10, 20):
        journal.begin(start)
    journal.passed(30)
    journal.end(0)
    journal.end(20)
    journal.save()
    assert Journal(tmp_path / "offset").saved == 10


def test_with_nothing_under_way_it_begins_behind_the_last_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "offset")
    journal.begin(0)
    journal.end(0)
    journal.passed(30)
    journal.save()
    assert Journal(tmp_path / "offset").saved == 30


async def first(count: int, path: Path, *, start: int = 0) -> list[tuple[str, int, int]]:
    found = []
    async with asyncio.timeout(10):
        async for line in lines(path, start=start):
            found.append((line.text, line.start, line.end))
            if len(found) == count:
                break
    return found


async def test_lines_come_whole_however_they_are_written(tmp_path: Path) -> None:
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
