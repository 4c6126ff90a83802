"""Fault injection: loses or duplicates the events of a subscription, the same ones for the same seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Fractions, 0 to 1, of events to lose and of the remaining events to deliver twice."""

    drop: float = 0.0
    double: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.drop <= 1 and 0 <= self.double <= 1):
            raise ValueError("drop and double must be from 0 to 1")

    def copies(self, subject: str, *, occurrence: int) -> int:
        """How often to send the `occurrence`-th event of a subject: 0, 1 or 2, independent of other subjects."""
        # Must be reproducible, not secure.
        chance = random.Random(f"{self.seed}:{occurrence}:{subject}")  # noqa: S311
        if chance.random() < self.drop:
            return 0
        return 2 if chance.random() < self.double else 1


def fractions(options: Sequence[str], subscriptions: Collection[str]) -> dict[str, float]:
    """The fraction of each subscription, from options like `0.2` (for all) and `NAME=0.2`; the last one applies.

    Raises ValueError for the name of no subscription.
    """
    found = dict.fromkeys(subscriptions, 0.0)
    for option in options:
        name, separator, value = option.rpartition("=")
        if separator and name not in found:
            raise ValueError(f"no subscription {name!r}; there are: {', '.join(found)}")
        found.update(dict.fromkeys([name] if separator else subscriptions, float(value)))
    return found
