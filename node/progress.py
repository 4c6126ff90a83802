"""progress.json in the working directory: phase, fraction and seconds left, replaced atomically twice a second."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

INTERVAL: Final = 0.5
# Where each phase starts and ends on the whole way, from measurements of typical clips.
SPANS: Final = {
    "judging": (0.0, 0.02),
    "decoding": (0.02, 0.45),
    "dither": (0.45, 0.5),
    "frames": (0.5, 0.98),
    "checking": (0.98, 1.0),
}


@dataclass(kw_only=True)
class Progress:
    """Writes at most every half second, except where a phase begins."""

    path: Path
    started: float = field(default_factory=time.monotonic)
    fraction: float = 0.0
    _written: float = 0.0

    def report(self, phase: str, within: float = 0.0) -> None:
        """Say how far `phase` is, from 0 to 1; the whole never runs backwards."""
        low, high = SPANS[phase]
        self.fraction = max(self.fraction, low + (high - low) * min(max(within, 0.0), 1.0))
        now = time.monotonic()
        if 0 < within < 1 and now - self._written < INTERVAL:
            return
        self._written = now
        elapsed = now - self.started
        left = elapsed * (1 / self.fraction - 1) if self.fraction > SPANS["judging"][1] and elapsed > 1 else None
        replace_json(
            self.path,
            {
                "phase": phase,
                "fraction": round(self.fraction, 3),
                "seconds_left": None if left is None else round(left, 1),
            },
        )


def replace_json(path: Path, value: object) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of it."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)
