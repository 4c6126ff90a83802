"""A checkpoint in the access log, so that a restarted sender loses no events."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Checkpoint:
    """Stores the offset of the oldest line not yet processed. After a restart, lines are processed again from there."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._in_progress: dict[int, None] = {}
        self._next = self.saved = self._read()

    def _read(self) -> int:
        try:
            return int(self._path.read_text()) if self._path else 0
        except (FileNotFoundError, ValueError):
            return 0

    @property
    def pending(self) -> int:
        """The number of lines in progress."""
        return len(self._in_progress)

    def begin(self, start: int) -> None:
        """Processing of the line at offset `start` has begun; lines begin in order."""
        self._in_progress[start] = None

    def end(self, start: int) -> None:
        """Processing of the line at offset `start` has finished, in any order."""
        del self._in_progress[start]

    def advance(self, offset: int) -> None:
        """All lines before `offset` have been read."""
        self._next = offset

    def save(self) -> None:
        """Write the offset if it has changed."""
        offset = next(iter(self._in_progress), self._next)
        if self._path is None or offset == self.saved:
            return
        draft = self._path.with_suffix(".new")
        draft.write_text(str(offset))
        draft.replace(self._path)
        self.saved = offset
