"""A known name in place of a mistyped one, for messages."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_NAME_CHARS = 64
"""Characters of an unknown name that a message repeats, and that are compared."""


def did_you_mean(name: str, known: Iterable[str], *, prefix: str = "") -> str:
    """A sentence, after a space, with the known name that `name` resembles; empty if there is none."""
    close = get_close_matches(name[:MAX_NAME_CHARS].lower(), list(known), n=1)
    return f" Did you mean {prefix}{close[0]}?" if close else ""
