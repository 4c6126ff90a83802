"""What keeps a job in `deleting`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class DeletionHold:
    """Keeps a job in `deleting` until it is released: at a time if it is `timed`, else by lifting its fault."""

    fault: str
    timed: bool
    released: asyncio.Event = field(default_factory=asyncio.Event)
