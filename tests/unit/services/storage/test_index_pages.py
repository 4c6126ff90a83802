"""Pages of the index, and what it makes of rows that it cannot read."""

import pytest

from shared.conversion import State
from shared.services.storage.index import Index
from tests.unit.services.storage.index_table import Recorder, indexed, make, process, row_of


async def names(index: Index, state: State, *, limit: int) -> list[str]:
    """The videos of all pages."""
    found: list[str] = []
    marker: str | None = None
    while True:
        page, marker = await index.page(state, limit=limit, marker=marker)
        assert len(page) <= limit
        found += [conversion.video for conversion in page]
        if marker is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
async def test_pages_of_a_state_are_newest_first_without_gap_or_overlap(table: Recorder, limit: int) -> None:
    index = process(table)
    videos = [make(f"{number}.mp4", "failed", version=number) for number in (3, 1, 7, 5, 2, 6, 4)]
    for video in (*videos, make("other.mp4", "running")):
        await index.put(video, previous=None)
    assert await names(index, "failed", limit=limit) == [f"{number}.mp4" for number in range(7, 0, -1)]
    assert [row.conversion.video async for row in index.rows("failed")] == await names(index, "failed", limit=1)


async def test_pointers_are_those_behind_one_name_up_to_another(table: Recorder) -> None:
    index = process(table)
    videos = ["a.mp4", "a.mp4.mp4", "a.mp41.mp4", "aé.mp4", "b.mp4", "b/c.mp4", "😀.mp4"]
    assert videos == sorted(videos)
    for video in videos:
        await index.put(make(video), previous=None)
    for first in range(len(videos)):
        for last in range(first, len(videos)):
            after = videos[first - 1] if first else ""
            found = [pointer.video async for pointer in index.pointers(after=after, until=videos[last])]
            assert found == videos[first : last + 1], (after, videos[last])


async def test_unreadable_row_is_left_out(table: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    index = process(table)
    await index.put(make("1.mp4"), previous=None)
    await index.put(make("2.mp4", version=2), previous=None)
    row = await row_of(index, "queued")
    values, etag, written = table.rows[row]
    table.rows[row] = (values | {"record": "{}"}, etag, written)
    assert await names(index, "queued", limit=10) == ["1.mp4"]
    assert "cannot be read" in caplog.text
    table.rows[row] = (values, etag, written)


NAMES = [
    "a/b\\c#d?e.mp4",
    'it\'s "quoted" & <escaped> %2F+100%.mp4',
    " leading, trailing \t\x7f.mp4",
    ":;:video:queued:count:.mp4",
    "日本語/🎬.mp4",
    "e\u0301 and \u00e9.mp4",
    "\u00e9 and e\u0301.mp4",
    "A.MP4",
    "a.Mp4",
    "x" * 1020 + ".mp4",
    "🎬" * 1020 + ".mp4",
    "p" * 200 + "1.mp4",
    "p" * 200 + "2.mp4",
    "é" * 100 + "1.mp4",
    "é" * 100 + "2.mp4",
    "x" + "é" * 100 + ".mp4",  # a character across the 200th byte
    "x" + "é" * 99 + "e\u0301.mp4",
]


async def test_any_name_may_be_indexed(table: Recorder) -> None:
    index = process(table)
    for name in NAMES:
        await index.put(make(name), previous=None)
    for name in NAMES[::2]:
        await index.put(make(name, "succeeded"), previous=None)
    assert indexed(table) == {
        name: make(name, "succeeded" if number % 2 == 0 else "queued") for number, name in enumerate(NAMES)
    }
    for key in table.rows:
        assert len(key.encode("utf-16-le")) <= 1024
        assert not set(key) & set("/\\#?")
        assert key.isascii()
        assert key.isprintable()
    pointers = [pointer.video async for pointer in index.pointers(after="", until="🎬" * 1024)]
    assert sorted(pointers) == sorted(NAMES)
