"""The state on disk: one SQLite table of documents, written before a request is answered."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.batch.domain.entity import Doc, Entity

_SCHEMA = """
create table if not exists entity (kind text, key text, seq integer, doc text, primary key (kind, key)) without rowid;
create table if not exists meta (name text primary key, value text) without rowid;
"""


class Row(NamedTuple):
    """A document as it was saved."""

    key: str
    seq: int
    doc: Doc


@dataclass(slots=True)
class Store:
    """Keeps changed documents until `flush`; without a database it forgets them."""

    database: sqlite3.Connection | None = None
    _dirty: dict[tuple[str, str], Entity | None] = field(default_factory=dict)
    _planned: asyncio.Handle | None = None

    def save(self, kind: str, key: str, entity: Entity) -> None:
        """Write `entity` at the next flush, as it will be then."""
        if self.database is not None:
            self._note(kind, key, entity)

    def remove(self, kind: str, key: str) -> None:
        """Forget a document at the next flush."""
        if self.database is not None:
            self._note(kind, key, None)

    def _note(self, kind: str, key: str, entity: Entity | None) -> None:
        self._dirty[kind, key] = entity
        if self._planned is None:
            self._planned = asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Write everything noted: afterwards a crash of the emulator loses none of it."""
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None
        if self.database is None or not self._dirty:
            return
        saved = [
            (kind, key, entity.seq, json.dumps(entity.kept(), separators=(",", ":")))
            for (kind, key), entity in self._dirty.items()
            if entity is not None
        ]
        gone = [place for place, entity in self._dirty.items() if entity is None]
        with self.database:
            self.database.executemany("insert or replace into entity values (?, ?, ?, ?)", saved)
            self.database.executemany("delete from entity where kind = ? and key = ?", gone)
        self._dirty.clear()

    def rows(self, kind: str, *, url: str) -> Iterator[Row]:
        """All documents of a kind in order of creation, their addresses below `url`."""
        if self.database is None:
            return
        former = self._former_url()
        query = "select key, seq, doc from entity where kind = ? order by seq"
        for key, seq, text in self.database.execute(query, (kind,)):
            yield Row(key, seq, json.loads(text.replace(former, url) if former else text))

    def _former_url(self) -> str:
        assert self.database is not None  # noqa: S101
        found = self.database.execute("select value from meta where name = 'url'").fetchone()
        return str(found[0]) if found else ""

    def serve_at(self, url: str) -> None:
        """Remember the address that documents are written with."""
        if self.database is not None:
            with self.database:
                self.database.execute("insert or replace into meta values ('url', ?)", (url,))

    def close(self) -> None:
        """Write what is left and let go of the file."""
        self.flush()
        if self.database is not None:
            self.database.close()


def open_store(directory: Path | None) -> Store:
    """The store in `directory`, made if need be; one without a database for None."""
    if directory is None:
        return Store()
    directory.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(directory / "batch.sqlite")
    # A commit survives the emulator's death; of the machine's only the file does for sure, not the last commits.
    database.executescript("pragma journal_mode = wal; pragma synchronous = normal;" + _SCHEMA)
    return Store(database)
