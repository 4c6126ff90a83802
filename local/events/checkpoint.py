"""Remembers how far the events of a log were dealt with, so that a restart loses none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Journal:
    """Keeps the offset of the oldest line that is not dealt with; after a restart all lines from there come again."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._open: dict[int, None] = {}
        self._next = self.saved = self._read()

    def _read(self) -> int:
        try:
            return int(self._path.read_text()) if self._path else 0
        except (FileNotFoundError, ValueError):
            return 0

    @property
    def pending(self) -> int:
        """How many lines are begun and not ended."""
        return len(self._open)

    def begin(self, start: int) -> None:
        """The line at offset `start` is now being dealt with; lines begin in order."""
        self._open[start] = None

    def end(self, start: int) -> None:
        """The line at offset `start` is dealt with."""
        del self._open[start]

    def passed(self, offset: int) -> None:
        """All lines before `offset` have been read."""
        self._next = offset

    def save(self) -> None:
        """Write the offset, if it changed."""
        offset = next(iter(self._open), self._next)
        if self._path is None or offset == self.saved:
            return
        draft = self._path.with_suffix(".new")
        draft.write_text(str(offset))
        draft.replace(self._path)
        self.saved = offset
