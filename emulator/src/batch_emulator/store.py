"""The state on disk: an SQLite table of documents, written before each response."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from batch_emulator import registries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from batch_emulator.entity import Doc, Entity

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
    """Collects changed documents until `flush` writes them; without a database it discards them."""

    database: sqlite3.Connection | None = None
    _dirty: dict[tuple[str, str], Entity | None] = field(default_factory=dict)
    _planned: asyncio.Handle | None = None

    def save(self, kind: str, key: str, entity: Entity) -> None:
        """Write `entity` at the next flush, as it is then."""
        if self.database is not None:
            self._record(kind, key, entity)

    def remove(self, kind: str, key: str) -> None:
        """Delete a document at the next flush."""
        if self.database is not None:
            self._record(kind, key, None)

    def _record(self, kind: str, key: str, entity: Entity | None) -> None:
        self._dirty[kind, key] = entity
        if self._planned is None:
            self._planned = asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Write all collected changes: a later crash of the emulator loses none of them."""
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None
        if self.database is None or not self._dirty:
            return
        saved = [
            (kind, key, entity.seq, json.dumps(entity.stored(), separators=(",", ":"), default=registries.stored))
            for (kind, key), entity in self._dirty.items()
            if entity is not None
        ]
        gone = [place for place, entity in self._dirty.items() if entity is None]
        with self.database:
            self.database.executemany("insert or replace into entity values (?, ?, ?, ?)", saved)
            self.database.executemany("delete from entity where kind = ? and key = ?", gone)
        self._dirty.clear()

    def rows(self, kind: str, *, url: str) -> Iterator[Row]:
        """All documents of a kind in order of creation, their URLs changed to the present `url`."""
        if self.database is None:
            return
        former = self._former_url()
        query = "select key, seq, doc from entity where kind = ? order by seq"
        for key, seq, text in self.database.execute(query, (kind,)):
            found = text.replace(former, url) if former else text
            yield Row(key, seq, json.loads(found, object_hook=registries.restored))

    def _former_url(self) -> str:
        assert self.database is not None  # noqa: S101
        found = self.database.execute("select value from meta where name = 'url'").fetchone()
        return str(found[0]) if found else ""

    def save_url(self, url: str) -> None:
        """Store the URL that the documents contain."""
        if self.database is not None:
            with self.database:
                self.database.execute("insert or replace into meta values ('url', ?)", (url,))

    def close(self) -> None:
        """Write the remaining changes and close the database."""
        self.flush()
        if self.database is not None:
            self.database.close()


def open_store(directory: Path | None) -> Store:
    """The store in `directory`, created if it does not exist; None gives a store without a database."""
    if directory is None:
        return Store()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / "batch.sqlite"
    path.touch(mode=0o600)  # it holds the passwords of container registries
    database = sqlite3.connect(path)
    # A commit survives a crash of the emulator. A crash of the machine may lose the last commits, not the file.
    database.executescript("pragma journal_mode = wal; pragma synchronous = normal;" + _SCHEMA)
    return Store(database)
