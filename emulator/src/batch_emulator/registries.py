"""Container registries of a pool or a task. Their passwords are in memory and in the database, never in a response."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_emulator.entity import Doc

_STORED_PASSWORD = "registryPassword"  # noqa: S105 - the name of a property


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry within a document: `doc` is what a GET returns of it."""

    doc: Doc
    password: str | None = field(default=None, repr=False, compare=False)


def public(value: object) -> Doc:
    """The `default` of `json.dumps` for responses."""
    if isinstance(value, Registry):
        return value.doc
    raise TypeError(f"{type(value).__name__} is not JSON")


def stored(value: object) -> Doc:
    """The `default` of `json.dumps` for the database."""
    if isinstance(value, Registry):
        return value.doc | {_STORED_PASSWORD: value.password}
    raise TypeError(f"{type(value).__name__} is not JSON")


def restored(doc: Doc) -> Doc | Registry:
    """The `object_hook` of `json.loads` for the database."""
    if _STORED_PASSWORD not in doc:
        return doc
    password = doc.pop(_STORED_PASSWORD)
    return Registry(doc, password)
