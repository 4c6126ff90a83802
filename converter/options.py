"""Parses the command line: presets, options and caps, all bounded. Anything else is the verdict InvalidOption."""

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from converter.presets import PRESETS
from converter.verdict import Rejected


@dataclass(frozen=True, kw_only=True)
class Options:
    """Requested values (None: the preset decides) and caps. In seconds, bytes, and pixels of one source frame."""

    source: Path
    preset: str
    width: int | None
    fps: float | None
    start: float
    duration: float | None
    loop: int
    max_duration: float
    max_pixels: int
    max_frames: int
    max_bytes: int


# name: (type, minimum, maximum, default)
BOUNDS: Final[dict[str, tuple[type, float, float, float | None]]] = {
    "width": (int, 16, 1920, None),
    "fps": (float, 1, 50, None),
    "start": (float, 0, 86400, 0.0),
    "duration": (float, 0.1, 600, None),
    "loop": (int, 0, 65535, 0),
    "max-duration": (float, 0.1, 600, 60.0),
    "max-pixels": (int, 1, 67_108_864, 40_000_000),
    "max-frames": (int, 1, 10_000, 1800),
    "max-bytes": (int, 1024, 512 * 2**20, 64 * 2**20),
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Rejected("InvalidOption", f"The conversion options are not valid: {message}.")


def parse(arguments: Sequence[str]) -> Options:
    """Parse the command line; raises Rejected("InvalidOption") for anything unknown, malformed or out of bounds."""
    parser = _Parser(prog="convert.py", allow_abbrev=False, add_help=False)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="balanced")
    for name, (kind, low, high, default) in BOUNDS.items():
        parser.add_argument(f"--{name}", type=_bounded(name, kind, low, high), default=default)
    parser.add_argument("source", type=Path)
    return Options(**vars(parser.parse_args(arguments)))


def _bounded(name: str, kind: type, low: float, high: float) -> Callable[[str], float]:
    def convert(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:  # also false for NaN
            shown = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{name} must be {shown} from {low:g} to {high:g}, not {text[:40]!r}")
        return float(value) if kind is float else value

    return convert
