"""Plans a GIF: size, frame rate and duration from the source, the requested options and the caps."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from converter.options import Options
from converter.presets import PRESETS, Preset
from converter.probe import Source
from converter.verdict import Rejected

MIN_FPS: Final = 1.0
MAX_TOTAL_PIXELS: Final = 300e6  # over all frames: bounds the scratch file at 0.9 GB, 1.2 GB with transparency


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The GIF to make: pixels, frames per second, seconds of the video from `start`. `notes` are for the owner."""

    source: Path
    preset: Preset
    width: int
    height: int
    fps: float
    start: float
    duration: float
    expected_seconds: float | None
    loop: int
    transfer: str | None
    alpha: bool
    notes: tuple[str, ...] = ()

    @property
    def colours(self) -> int:
        """Colours of the palette."""
        return self.preset.colours_for(width=self.width, height=self.height)

    @property
    def pixel_bytes(self) -> int:
        """Bytes of one raw pixel."""
        return 4 if self.alpha else 3

    @property
    def frame_bytes(self) -> int:
        """Bytes of one raw frame."""
        return self.width * self.height * self.pixel_bytes

    @property
    def max_frames(self) -> int:
        """Upper bound on the frames: false timestamps could ask for any number."""
        return math.ceil(self.duration * self.fps) + 1

    def scaled(self, factor: float) -> "Plan":
        """The same plan with width and height multiplied by `factor`."""
        return replace(self, width=max(1, round(self.width * factor)), height=max(1, round(self.height * factor)))


def make_plan(source: Source, options: Options) -> Plan:
    """Fit the requested options to the source and the caps; raises Rejected for a start beyond the end."""
    preset = PRESETS[options.preset]
    length = source.duration_seconds
    if length is not None and options.start and options.start >= length:
        message = f"The GIF would start at {options.start:g} s, but the video ends at {length:g} s."
        raise Rejected("InvalidOption", message)
    notes: list[str] = []
    available = None if length is None else length - options.start
    requested = options.duration if options.duration is not None else available
    duration = min(options.max_duration, options.max_duration if requested is None else requested)
    if requested is not None and requested > duration + 0.05:
        notes.append(f"only {duration:g} of {requested:g} seconds, the longest that a GIF may last")
    fps = min(options.fps or preset.fps, source.max_fps or 1000.0)
    fps = max(fps, MIN_FPS)
    expected = duration if available is None else min(duration, available)
    if expected * fps > options.max_frames:
        fps = max(MIN_FPS, options.max_frames / expected)
        duration = min(duration, options.max_frames / fps)
        notes.append(f"{fps:.3g} frames a second, to stay under {options.max_frames} frames")
    width, height = _fit(source, options.width or preset.width)
    frames = max(1.0, fps * (duration if available is None else min(duration, available)))
    if (shrink := (MAX_TOTAL_PIXELS / (width * height * frames)) ** 0.5) < 1:
        width, height = max(1, int(width * shrink)), max(1, int(height * shrink))
        notes.append(f"{width}x{height}, to stay under {MAX_TOTAL_PIXELS / 1e6:g} million pixels over all frames")
    return Plan(
        source=options.source.absolute(),
        preset=preset,
        width=width,
        height=height,
        fps=fps,
        start=options.start,
        duration=duration,
        expected_seconds=None if available is None else min(duration, available),
        loop=options.loop,
        transfer=source.hdr_transfer,
        alpha=source.alpha,
        notes=tuple(notes),
    )


def _fit(source: Source, width: int) -> tuple[int, int]:
    """Width and height that fit into `width` by twice `width`, never larger than the source."""
    shown_width, shown_height = source.shape
    factor = min(1.0, width / shown_width, 2 * width / shown_height)
    return max(1, round(shown_width * factor)), max(1, round(shown_height * factor))
