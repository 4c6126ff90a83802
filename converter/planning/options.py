"""Parses the command line: presets, options and caps, all bounded. Anything else is the verdict InvalidOption."""

import argparse
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from converter.planning.presets import PRESETS
from converter.verdict import Rejected

FITS: Final = ("inside", "cover", "exact")
EXTRAS: Final = ("poster", "webp")
MAX_CROP_PIXELS: Final = 65_535


@dataclass(frozen=True, kw_only=True)
class Crop:
    """The part of the picture to show, as it is displayed: an aspect around the middle, or a region in pixels."""

    width: int
    height: int
    left: int | None = None
    top: int | None = None


@dataclass(frozen=True, kw_only=True)
class Options:
    """Requested values (None: the preset decides) and caps. In seconds, bytes, and pixels of one source frame."""

    source: Path
    preset: str
    width: int | None
    height: int | None
    fit: str
    crop: Crop | None
    fps: float | None
    start: float
    duration: float | None
    """Seconds of the video, whatever the speed."""
    speed: float
    reverse: bool
    boomerang: bool
    loop: int
    budget: int | None
    """Bytes that the owner allows the GIF; `max_bytes` is the operator's cap."""
    also: tuple[str, ...]
    """What to make beside the GIF."""
    max_duration: float
    """Seconds of the GIF."""
    max_pixels: int
    max_width: int | None
    """Pixels of the GIF, as `max_height`."""
    max_height: int | None
    max_frames: int
    max_bytes: int


# name: (type, minimum, maximum, default)
BOUNDS: Final[dict[str, tuple[type, float, float, float | None]]] = {
    "width": (int, 16, 1920, None),
    "height": (int, 16, 1920, None),
    "fps": (float, 1, 50, None),
    "start": (float, 0, 86400, 0.0),
    "duration": (float, 0.1, 4800, None),
    "speed": (float, 0.25, 8, 1.0),
    "loop": (int, 0, 65535, 0),
    "budget": (int, 1000, 256 * 2**20, None),
    "max-duration": (float, 0.1, 600, 60.0),
    "max-pixels": (int, 1, 67_108_864, 40_000_000),
    "max-width": (int, 16, 4096, None),
    "max-height": (int, 16, 4096, None),
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
    parser.add_argument("--fit", choices=FITS, default="inside")
    parser.add_argument("--crop", type=_crop)
    parser.add_argument("--reverse", action="store_true")
    parser.add_argument("--boomerang", action="store_true")
    parser.add_argument("--also", type=_extras, default=())
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


def _crop(text: str) -> Crop:
    if re.fullmatch(r"[1-9][0-9]{0,2}:[1-9][0-9]{0,2}", text, re.ASCII):
        width, height = map(int, text.split(":"))
        return Crop(width=width, height=height)
    if re.fullmatch(r"[0-9]{1,5}(:[0-9]{1,5}){3}", text, re.ASCII):
        width, height, left, top = map(int, text.split(":"))
        if min(width, height) >= 16 and max(width, height, left, top) <= MAX_CROP_PIXELS:
            return Crop(width=width, height=height, left=left, top=top)
    raise argparse.ArgumentTypeError(f"crop must be an aspect or width:height:x:y, not {text[:40]!r}")


def _extras(text: str) -> tuple[str, ...]:
    found = text.split(",")
    if not set(found) <= set(EXTRAS):
        raise argparse.ArgumentTypeError(f"also must be of {', '.join(EXTRAS)}, not {text[:40]!r}")
    return tuple(name for name in EXTRAS if name in found)
