"""Writes progress.json: phase, fraction and seconds left, replaced atomically at most twice a second."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

WRITE_INTERVAL_SECONDS: Final = 0.5
# Fraction of the whole conversion at which each phase starts and ends, measured on typical clips.
PHASE_SPANS: Final = {
    "judging": (0.0, 0.02),
    "decoding": (0.02, 0.45),
    "dither": (0.45, 0.5),
    "frames": (0.5, 0.98),
    "checking": (0.98, 1.0),
}
# The same with files beside the GIF.
SPANS_WITH_FILES: Final = {
    "judging": (0.0, 0.02),
    "decoding": (0.02, 0.34),
    "dither": (0.34, 0.38),
    "frames": (0.38, 0.73),
    "checking": (0.73, 0.75),
    "beside": (0.75, 1.0),
}


@dataclass(kw_only=True)
class Progress:
    """Tracks the fraction done; writes it at most every half second, and whenever a phase starts or ends."""

    path: Path
    started: float = field(default_factory=time.monotonic)
    fraction: float = 0.0
    spans: Mapping[str, tuple[float, float]] = field(default_factory=lambda: PHASE_SPANS)
    _written: float = 0.0

    def report(self, phase: str, phase_fraction: float = 0.0) -> None:
        """Record how much of `phase` is done, from 0 to 1; the overall fraction never decreases."""
        low, high = self.spans[phase]
        self.fraction = max(self.fraction, low + (high - low) * min(max(phase_fraction, 0.0), 1.0))
        now = time.monotonic()
        if 0 < phase_fraction < 1 and now - self._written < WRITE_INTERVAL_SECONDS:
            return
        self._written = now
        elapsed = now - self.started
        left = elapsed * (1 / self.fraction - 1) if self.fraction > self.spans["judging"][1] and elapsed > 1 else None
        replace_json(
            self.path,
            {
                "phase": phase,
                "fraction": round(self.fraction, 3),
                "seconds_left": None if left is None else round(left, 1),
            },
        )


def replace_json(path: Path, value: object) -> None:
    """Replace `path` atomically: a reader sees the old content or the new, never a part."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)
