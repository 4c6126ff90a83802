"""A blob's properties, and a page of a container's listing."""

from dataclasses import dataclass
from datetime import datetime

MAX_PAGE_BLOBS = 5000
"""Blobs in one List Blobs response; the service allows no more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """A blob's properties."""

    name: str
    etag: str
    """Without quotes."""
    last_modified: datetime
    bytes: int
    metadata: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Page:
    """Blobs in the order of their names; `marker` leads to the next page and is `None` on the last."""

    blobs: list[Blob]
    marker: str | None
