"""How the caller chooses an app: flags and environment variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Connection:
    """What the caller gave; the local stack is used without a `url`, and with a `directory`."""

    url: str | None = None
    key: str | None = field(default=None, repr=False)
    operator_key: str | None = field(default=None, repr=False)
    storage_url: str | None = None
    directory: Path | None = None
