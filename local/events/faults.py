"""Trouble on demand: events that get lost or come twice, the same ones for the same seed."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Fractions, 0 to 1, of events that are never sent and of events that are sent twice."""

    drop: float = 0.0
    double: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.drop <= 1 and 0 <= self.double <= 1):
            raise ValueError("drop and double are fractions from 0 to 1")

    def copies(self, subject: str, *, occurrence: int) -> int:
        """How often the `occurrence`-th event of a subject is sent: 0, 1 or 2, whatever the order of the others."""
        # Reproducible on purpose, and no secret.
        chance = random.Random(f"{self.seed}:{occurrence}:{subject}")  # noqa: S311
        if chance.random() < self.drop:
            return 0
        return 2 if chance.random() < self.double else 1
